//! Compares docs/uapi.md with panthor-sys and with the API: no entry is missing, and none is
//! superfluous.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the rows of the tables: item, API, version.
fn rows() -> Vec<[String; 3]> {
    let table = text("docs/uapi.md");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect();
        cells.try_into().unwrap_or_else(|cells| panic!("not three cells: {cells:?}"))
    })
    .collect()
}

/// Returns the texts between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Returns the constants of panthor-sys, except those that only number requests.
fn constants() -> BTreeSet<String> {
    let sources = ["panthor-sys/src/bindings.rs", "panthor-sys/src/drm_core.rs"].map(text);
    let names: BTreeSet<_> = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.trim().strip_prefix("pub const "))
        .filter(|rest| !rest.starts_with("fn "))
        .map(|rest| rest.split(':').next().unwrap().to_owned())
        .collect();
    let is_number = |name: &str| {
        let of = |id: &str| names.contains(&format!("DRM_IOCTL_PANTHOR_{id}"));
        name.strip_prefix("DRM_PANTHOR_").is_some_and(of)
            || ["DRM_COMMAND_BASE", "DRM_COMMAND_END"].contains(&name)
    };
    names.iter().filter(|name| !is_number(name)).cloned().collect()
}

#[test]
fn every_constant_has_one_row_and_every_row_a_constant() {
    let rows = rows();
    let listed: Vec<_> = rows.iter().flat_map(|[item, ..]| quoted(item)).collect();
    let unique: BTreeSet<_> = listed.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(listed.len(), unique.len(), "an item stands twice");
    let constants = constants();
    assert!(constants.len() > 100, "{constants:?}");
    let missing: Vec<_> = constants.difference(&unique).collect();
    let unknown: Vec<_> = unique.difference(&constants).collect();
    assert!(missing.is_empty(), "not in docs/uapi.md: {missing:#?}");
    assert!(unknown.is_empty(), "not in panthor-sys: {unknown:#?}");
}

#[test]
fn every_api_that_is_named_exists() {
    fn sources(dir: &Path, all: &mut String) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, all);
            } else {
                all.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut all = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("panthor/src"), &mut all);
    for [item, api, since] in rows() {
        assert!(!api.is_empty(), "{item}");
        let version = since.strip_prefix("1.").and_then(|minor| minor.parse::<u32>().ok());
        assert!(since == "DRM" || version.is_some_and(|minor| minor <= 9), "{item}: {since}");
        for name in quoted(&api) {
            let (of, function) = name.split_once("::").unwrap_or((name, ""));
            let is_type = all.contains(&format!("pub struct {of}"))
                || all.contains(&format!("pub enum {of}"));
            let is_function = all.contains(&format!("pub fn {of}("));
            assert!(is_type || is_function, "{item}: there is no {of}");
            let function_is_there = ["", "unsafe ", "const "].iter().any(|kind| {
                all.contains(&format!("pub {kind}fn {function}("))
                    || all.contains(&format!("pub {kind}fn {function}<"))
            });
            assert!(function.is_empty() || function_is_there, "{item}: there is no {name}");
        }
    }
}
