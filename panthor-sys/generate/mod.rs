//! Generator of panthor-sys' `bindings.rs`.
//!
//! bindgen reads names, numbers and layouts from the headers. `docs.txt` has the order, the types
//! and the documentation of the items.

mod constant;
mod docs;
mod emit;
mod headers;
mod scan;
mod text;

use std::fs;
use std::path::Path;

/// The words, the order and the constants' types.
const DOCS: &str = "panthor-sys/generate/docs.txt";

/// Writes `bindings.rs` and `undocumented.txt` into `out_dir`.
///
/// Generates the additions of a newer header without documentation, and lists them in
/// `undocumented.txt`, so that the test can report them.
///
/// # Errors
///
/// A message if the headers lack an item of `docs.txt`, or a file cannot be read or written.
pub(crate) fn run(root: &Path, out_dir: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-changed=panthor-sys/generate");
    let docs = root.join(DOCS);
    let docs = fs::read_to_string(&docs).map_err(|e| format!("{}: {e}", docs.display()))?;
    let docs = docs::Docs::parse(&docs).map_err(|e| format!("{DOCS}: {e}"))?;

    let headers = headers::find()?;
    let scan = scan::scan(&headers, &docs, out_dir)?;
    let output = emit::emit(&docs, &scan)?;

    let write = |name: &str, text: &str| {
        let path = out_dir.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    };
    write("bindings.rs", &output.text)?;
    write("undocumented.txt", &output.undocumented.join("\n"))
}
