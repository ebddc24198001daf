//! The header that the bindings were generated from.

use std::path::Path;
use std::process::Command;

/// sha256 of the `panthor_drm.h` (uAPI 1.9, Linux 7.3) whose bindings are committed.
const PINNED: &str = "0681a4361981f0f536647530271c1702cd6d1ed8f8a2485230a224ef81bd96cd";

/// The directory with `panthor_drm.h` that build.rs generated from.
pub(crate) fn dir() -> &'static Path {
    Path::new(env!("PANTHOR_HEADER_DIR_USED"))
}

/// Whether this is the very header that the committed bindings are of. A newer one may add to them.
pub(crate) fn is_pinned() -> bool {
    let header = dir().join("panthor_drm.h");
    let output = Command::new("sha256sum")
        .arg(&header)
        .output()
        .expect("sha256sum runs");
    assert!(output.status.success(), "sha256sum {}", header.display());
    let output = String::from_utf8(output.stdout).expect("sha256sum writes text");
    let sum = output
        .split_whitespace()
        .next()
        .expect("sha256sum writes a sum");
    if sum != PINNED {
        println!(
            "{} is another header than the pinned one: sha256 {sum}",
            header.display()
        );
    }
    sum == PINNED
}
