//! Tests of the tables against panthor-sys: every request has a decoder, every constant a name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use super::schema::{Argument, Kind, Layout, Names};
use super::{drm_calls, panthor_calls, requests};

fn lines() -> impl Iterator<Item = &'static str> {
    static SOURCES: LazyLock<[String; 2]> = LazyLock::new(|| {
        ["bindings.rs", "drm_core.rs"].map(|name| {
            let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../panthor-sys/src");
            fs::read_to_string(sources.join(name)).expect("the sources of panthor-sys")
        })
    });
    SOURCES.iter().flat_map(|source| source.lines())
}

/// Returns the constants of panthor-sys; a plain number comes with its value.
fn constants() -> BTreeMap<&'static str, Option<u64>> {
    let constant = |line: &'static str| {
        let (name, rest) = line.strip_prefix("pub const ")?.split_once(": ")?;
        let value = rest.split_once(" = ")?.1.trim_end_matches(';').replace('_', "");
        let number = match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => value.parse().ok(),
        };
        Some((name, number))
    };
    lines().filter_map(constant).collect()
}

/// Returns the fields of each structure.
fn structures() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut current = "";
    for line in lines() {
        if let Some(name) = line.strip_prefix("pub struct ") {
            current = name.trim_end_matches(" {");
        } else if line == "}" {
            current = "";
        } else if let Some(field) = line.strip_prefix("    pub ").filter(|_| !current.is_empty()) {
            let (name, _) = field.split_once(':').unwrap();
            all.entry(current).or_default().push(name);
        }
    }
    all
}

fn is_request(name: &str) -> bool {
    ["DRM_IOCTL_", "DMA_BUF_IOCTL_", "DMA_BUF_SET_NAME_", "SYNC_IOC_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[test]
fn every_request_has_a_decoder() {
    let known: BTreeMap<_, _> = panthor_calls::REQUESTS
        .iter()
        .chain(drm_calls::REQUESTS)
        .map(|request| (request.name, request))
        .collect();
    let constants = constants();
    let requests: Vec<_> = constants.iter().filter(|(name, _)| is_request(name)).collect();
    assert!(requests.len() > 50, "{requests:?}");
    for (name, value) in requests {
        let request = known.get(name).unwrap_or_else(|| panic!("{name} has no decoder"));
        if let Some(value) = value {
            assert_eq!(u64::from(request.request), *value, "{name}");
        }
        assert_eq!(requests::request_name(request.request), Some(*name));
        if let Argument::Struct(layout) = request.argument {
            assert_eq!(panthor_sys::ioc_size(request.request), layout.size, "{name}");
        }
    }
}

/// Returns all decoded structures, including those in arrays and behind queries.
fn layouts() -> Vec<&'static Layout> {
    fn add(layout: &'static Layout, all: &mut Vec<&'static Layout>) {
        all.push(layout);
        for field in layout.fields {
            match field.kind {
                Kind::Objects(layout) | Kind::Structs { layout, .. } => add(layout, all),
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    for request in requests::all() {
        if let Argument::Struct(layout) = request.argument {
            add(layout, &mut all);
        }
    }
    let queries: Vec<_> = (0..).map_while(panthor_calls::query).collect();
    assert_eq!(queries.len(), 5);
    for layout in queries {
        add(layout, &mut all);
    }
    all
}

#[test]
fn every_field_of_a_decoded_structure_is_shown() {
    let structures = structures();
    for layout in layouts() {
        let fields = &structures[layout.name];
        let mut covered = vec![false; layout.size];
        for field in layout.fields {
            covered[field.at..field.at + field.size].fill(true);
            // The array shows its element count.
            match field.kind {
                Kind::Array { count_at, .. } | Kind::Structs { count_at, .. } => {
                    covered[count_at..count_at + 4].fill(true);
                }
                Kind::Counted { len_at, len_size } => {
                    covered[len_at..len_at + len_size].fill(true);
                }
                _ => {}
            }
        }
        let hole = covered.iter().position(|&covered| !covered);
        // `drm_version` has padding between fields of different sizes.
        let is_padding = layout.name == "drm_version" && hole == Some(12);
        assert!(hole.is_none() || is_padding, "{}: byte {hole:?} of {fields:?}", layout.name);
        // Every name is a uAPI field, or a part of one.
        for field in layout.fields {
            let is_one = |name: &&str| name.trim_end_matches('_') == field.name;
            let is_part = ["op", "type", "info", "ops_count"].contains(&field.name);
            assert!(fields.iter().any(is_one) || is_part, "{}.{}", layout.name, field.name);
        }
    }
}

#[test]
fn every_constant_that_goes_into_a_field_has_a_name() {
    let mut tables: Vec<&Names> = vec![&super::drm_names::PRIME_CAP];
    for layout in layouts() {
        for field in layout.fields {
            if let Kind::Name(names) | Kind::Flags(names) = field.kind {
                tables.push(names);
            }
        }
    }
    let constants = constants();
    let mut named = BTreeSet::new();
    for table in tables {
        for entry in table.entries {
            assert_eq!(constants[entry.constant], Some(entry.value), "{}", entry.constant);
            assert!(entry.constant.starts_with(table.prefix), "{}", entry.constant);
            assert_eq!(entry.value & !table.mask, 0, "{}", entry.constant);
            named.insert(entry.constant);
        }
    }
    // Constants that are no field values: request numbers, masks, lengths, combined flags.
    let numbers_a_request = |name: &str| {
        name.strip_prefix("DRM_PANTHOR_")
            .is_some_and(|id| constants.contains_key(&*format!("DRM_IOCTL_PANTHOR_{id}")))
    };
    let is_no_value = |name: &str| {
        is_request(name)
            || numbers_a_request(name)
            || name.ends_with("_MASK")
            || name.ends_with("_LEN")
            || ["DRM_COMMAND_BASE", "DRM_COMMAND_END", "DMA_BUF_SYNC_RW"].contains(&name)
    };
    assert!(named.len() > 60, "{named:?}");
    let nameless: Vec<_> =
        constants.keys().filter(|name| !named.contains(*name) && !is_no_value(name)).collect();
    assert!(nameless.is_empty(), "without a name in traces: {nameless:?}");
}

#[test]
fn no_two_requests_have_one_name() {
    let mut names = BTreeSet::new();
    for request in requests::all() {
        assert!(names.insert(request.name), "{} is there twice", request.name);
        assert_eq!(requests::request_by_name(request.name), Some(request.request));
    }
}
