//! The header that the bindings were generated from.

use std::path::Path;
use std::process::Command;

/// Kernel version and sha256 of the `panthor_drm.h` that the committed bindings are generated from.
const PINNED: &str = include_str!("../qemu/known/panthor_drm.sum");

/// Returns the directory of the `panthor_drm.h` that build.rs generated the bindings from.
pub(crate) fn dir() -> &'static Path {
    Path::new(env!("PANTHOR_HEADER_DIR_USED"))
}

/// Returns whether the installed header is the one of the committed bindings. A newer header may
/// add to the bindings.
pub(crate) fn is_pinned() -> bool {
    let header = dir().join("panthor_drm.h");
    let output = Command::new("sha256sum").arg(&header).output().expect("sha256sum runs");
    assert!(output.status.success(), "sha256sum {}", header.display());
    let output = String::from_utf8(output.stdout).expect("sha256sum writes text");
    let sum = output.split_whitespace().next().expect("sha256sum writes a sum");
    let pinned = PINNED.split_whitespace().nth(1);
    let is_pinned = pinned.expect("the pin is a version and a sum") == sum;
    if !is_pinned {
        println!("{} is another header than the pinned one: sha256 {sum}", header.display());
    }
    is_pinned
}
