//! The committed bindings are what the headers give. `cargo xtask bindings` writes them.
//!
//! A header newer than the pinned one may add to them, which is reported; it may change nothing.

#[path = "layout/changes.rs"]
mod changes;
#[path = "layout/header.rs"]
mod header;
#[path = "layout/inventory.rs"]
mod inventory;

use changes::Changes;
use std::fs;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/panthor-sys/src/bindings.rs");
const FRESH: &str = include_str!(concat!(env!("OUT_DIR"), "/bindings.rs"));
const UNDOCUMENTED: &str = include_str!(concat!(env!("OUT_DIR"), "/undocumented.txt"));

#[test]
fn committed_bindings_are_what_the_headers_give() {
    let pinned = header::is_pinned();
    let committed = fs::read_to_string(COMMITTED).expect("the committed file can be read");
    let changes = Changes::between(&inventory::read(&committed), &inventory::read(FRESH));
    for change in &changes.added {
        println!("added: {change}");
    }
    for change in &changes.broken {
        println!("BROKEN: {change}");
    }
    if let Some((number, ours, theirs)) = first_difference(&committed, FRESH) {
        println!("line {number}, committed: {ours}\nline {number}, generated: {theirs}");
    }

    assert!(changes.broken.is_empty(), "the header is no superset of the committed bindings");
    if pinned {
        assert_eq!(UNDOCUMENTED, "", "generate/docs.txt says nothing about these");
    }
    let newer = !pinned && !changes.added.is_empty();
    assert!(
        newer || committed == FRESH,
        "the committed bindings are stale: see cargo xtask bindings"
    );
}

fn first_difference<'a>(ours: &'a str, theirs: &'a str) -> Option<(usize, &'a str, &'a str)> {
    let longest = ours.lines().count().max(theirs.lines().count());
    let padded = |text: &'a str| text.lines().chain(std::iter::repeat("(end)"));
    let mut lines = (1..=longest).zip(padded(ours)).zip(padded(theirs));
    lines.find_map(|((number, ours), theirs)| (ours != theirs).then_some((number, ours, theirs)))
}

/// A struct with padding, an ioctl on it and a flag.
const OLD: &str = "
    pub const DRM_IOCTL_THING: u32 = 0xc008_6440;
    pub const FLAG: u32 = 2;
    pub struct thing { pub handle: u32, pub pad: u32 }
    const _: () = {
        assert!(size_of::<thing>() == 8);
        assert!(align_of::<thing>() == 4);
        assert!(offset_of!(thing, handle) == 0);
        assert!(offset_of!(thing, pad) == 4);
    };
";

/// Returns the numbers of additions and of breaks relative to [`OLD`] after replacing `from` with
/// `to`.
fn changed(from: &str, to: &str) -> (usize, usize) {
    assert!(OLD.contains(from));
    let new = inventory::read(&OLD.replace(from, to));
    let changes = Changes::between(&inventory::read(OLD), &new);
    (changes.added.len(), changes.broken.len())
}

#[test]
fn additions_are_a_superset() {
    assert_eq!(changed("FLAG", "FLAG"), (0, 0));
    assert_eq!(changed("pub const FLAG", "pub const NEW: u32 = 4; pub const FLAG"), (1, 0));
    // The padding is used, and the field that uses it is new.
    assert_eq!(changed("pad", "flags"), (2, 0));
    // The struct grows, and its ioctl with it.
    assert_eq!(changed("size_of::<thing>() == 8", "size_of::<thing>() == 16"), (1, 0));
    assert_eq!(changed("0xc008_6440", "0xc010_6440"), (1, 0));
}

#[test]
fn removals_and_changes_are_not() {
    assert_eq!(changed("pub const FLAG: u32 = 2;", ""), (0, 1));
    assert_eq!(changed("FLAG: u32 = 2", "FLAG: u32 = 4"), (0, 1));
    assert_eq!(changed("FLAG: u32 = 2", "FLAG: u64 = 2"), (0, 1));
    assert_eq!(changed("handle: u32", "handle: i32"), (0, 1));
    assert_eq!(changed("thing, handle) == 0", "thing, handle) == 8"), (0, 1));
    assert_eq!(changed("size_of::<thing>() == 8", "size_of::<thing>() == 4"), (0, 1));
    assert_eq!(changed("align_of::<thing>() == 4", "align_of::<thing>() == 8"), (0, 1));
    assert_eq!(changed("0xc008_6440", "0xc008_6441"), (0, 1));
    assert_eq!(changed("0xc008_6440", "0xc004_6440"), (0, 1));
    // Only request numbers contain a size.
    assert_eq!(changed("FLAG: u32 = 2", "FLAG: u32 = 0x1_0002"), (0, 1));
}
