//! Calls that can fail, found in the sources.

use std::collections::BTreeSet;
use std::path::Path;

/// Calls that fail for other reasons than an ioctl of the device, with the reason.
pub(crate) const WITHOUT_THE_DRIVER: &[(&str, &str)] = &[
    ("bo/bo_map.rs load", "looks at bounds"),
    ("bo/bo_map.rs store", "looks at bounds"),
    ("bo/bo_map.rs fetch_add", "looks at bounds and caching"),
    ("bo/bo_map.rs compare_exchange", "looks at bounds and caching"),
    ("bo/bo_map.rs read", "looks at bounds"),
    ("bo/bo_map.rs write", "looks at bounds"),
    ("bo/bo_map.rs fill", "looks at bounds"),
    ("bo/bo_map.rs unmap_reserve", "maps without a file"),
    ("bo/bo_map.rs as_mut_slice", "looks at what the map allows"),
    ("bo/mod.rs into_raw", "looks at who needs it"),
    ("device.rs open_any", "opens nodes"),
    ("device.rs open", "opens a node"),
    ("device.rs from_fd", "asks a node who it is"),
    ("device.rs from_fake", "asks a fake who it is"),
    ("device.rs open_fake", "makes a fake"),
    ("device.rs is_lost", "is Ok for a device that is gone"),
    ("device.rs node_numbers", "looks at the descriptor"),
    ("raw_ioctl.rs ioctl", "whatever the caller asks for"),
    ("raw_ioctl.rs ioctl_once", "whatever the caller asks for"),
    ("raw_ioctl.rs ioctl_on", "whatever the caller asks for, of another file"),
    ("dma_buf.rs name_dma_buf", "asks a dma-buf"),
    ("flush_id.rs flush_id", "maps a page and reads it"),
    ("node/find.rs list", "reads a directory"),
    ("sync/share.rs merge_sync_files", "asks a sync_file"),
    ("sync/share.rs sync_file_status", "asks a sync_file"),
    ("bo/fences.rs export_implicit_fences", "asks a dma-buf"),
    ("bo/fences.rs import_implicit_fence", "asks a dma-buf"),
    ("usage.rs usage", "reads a file"),
    ("profiling.rs profiling", "reads a file"),
    ("profiling.rs set_profiling", "writes a file"),
    ("va.rs new", "bookkeeping"),
    ("va.rs allocate", "bookkeeping"),
    ("va.rs free", "bookkeeping"),
    ("vm/mod.rs into_raw", "looks at who needs it"),
];

/// Returns all public functions of `panthor` that return a `Result`, as "file name".
pub(crate) fn fallible() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("panthor/src");
    let mut found = BTreeSet::new();
    let mut directories = vec![source.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("the sources") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source");
            let file = path.strip_prefix(&source).expect("below it").to_str().expect("UTF-8");
            let names = fallible_in(&text).into_iter().map(|name| format!("{file} {name}"));
            found.extend(names);
        }
    }
    found
}

fn fallible_in(text: &str) -> Vec<&str> {
    // Unit tests come last.
    let text = text.split("\nmod tests").next().unwrap_or(text);
    let mut found = Vec::new();
    for (at, _) in text.match_indices("fn ") {
        let line = text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        if !["pub ", "pub unsafe ", "pub const "].contains(&line) {
            continue;
        }
        let signature = text[at + 3..].split(['{', ';']).next().unwrap_or_default();
        let name = signature.split(['(', '<']).next().unwrap_or_default();
        if signature.rsplit_once("->").is_some_and(|(_, result)| result.contains("Result<")) {
            found.push(name);
        }
    }
    found
}

#[test]
fn signatures_are_understood() {
    let text = "pub fn one(\n a: u32,\n) -> Result<u32>\nwhere X: Y {}\n\
                pub(crate) fn two() -> Result<()> {}\n    pub unsafe fn three<T>() -> Result<T> {\n\
                pub fn four() -> u32 {}\n/// pub fn five() -> Result<()> {\n\
                #[cfg(test)]\nmod tests {\npub fn six() -> Result<()> {";
    assert_eq!(fallible_in(text), ["one", "three"]);
}
