use std::collections::BTreeMap;

use panthor_sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC as NOEXEC;

use super::*;

type Space = VaSpace<u32>;

/// Returns a plain mapping, from an offset in pages.
fn plain(object: u32, offset: u64, pages: u64) -> Mapping<u32> {
    Mapping { size: pages * PAGE, offset: offset * PAGE, flags: 0, evicted: false, object }
}

fn sparse(pages: u64) -> Mapping<u32> {
    let flags = SPARSE | NOEXEC;
    Mapping { size: pages * PAGE, offset: 0, flags, evicted: false, object: 0 }
}

fn map(space: &mut Space, va: u64, mapping: Mapping<u32>) {
    space.map(va, mapping, |_| ());
}

fn unmap(space: &mut Space, va: u64, size: u64) {
    space.unmap(va, size, |_| ());
}

/// Returns address, size, offset in pages, and object of each mapping.
fn list(space: &Space) -> Vec<(u64, u64, u64, u32)> {
    let pages =
        |(va, m): (u64, &Mapping<u32>)| (va / PAGE, m.size / PAGE, m.offset / PAGE, m.object);
    space.iter().map(pages).collect()
}

#[test]
fn neighbours_are_not_merged() {
    let mut space = Space::new();
    map(&mut space, 10 * PAGE, plain(1, 0, 2));
    map(&mut space, 12 * PAGE, plain(1, 2, 2));
    assert_eq!(list(&space), [(10, 2, 0, 1), (12, 2, 2, 1)]);
}

#[test]
fn a_map_in_the_middle_leaves_both_ends() {
    let mut space = Space::new();
    map(&mut space, 10 * PAGE, plain(1, 5, 10));
    map(&mut space, 13 * PAGE, plain(2, 0, 2));
    assert_eq!(list(&space), [(10, 3, 5, 1), (13, 2, 0, 2), (15, 5, 10, 1)]);
}

#[test]
fn a_map_over_several_cuts_the_first_and_the_last() {
    let mut space = Space::new();
    for i in 0..4 {
        map(&mut space, (10 + 4 * i) * PAGE, plain(i as u32, 0, 4));
    }
    map(&mut space, 12 * PAGE, plain(9, 0, 12));
    assert_eq!(list(&space), [(10, 2, 0, 0), (12, 12, 0, 9), (24, 2, 2, 3)]);
}

#[test]
fn the_same_mapping_again_replaces_itself() {
    let mut space = Space::new();
    map(&mut space, 10 * PAGE, plain(1, 0, 4));
    map(&mut space, 10 * PAGE, plain(1, 0, 4));
    assert_eq!(list(&space), [(10, 4, 0, 1)]);
}

#[test]
fn an_unmap_of_nothing_is_fine() {
    let mut space = Space::new();
    unmap(&mut space, 0, 100 * PAGE);
    map(&mut space, 10 * PAGE, plain(1, 0, 2));
    unmap(&mut space, 0, 10 * PAGE);
    unmap(&mut space, 12 * PAGE, 10 * PAGE);
    assert_eq!(list(&space), [(10, 2, 0, 1)]);
    unmap(&mut space, 0, 1 << 47);
    assert_eq!(space.len(), 0);
}

#[test]
fn a_sparse_mapping_shows_its_object_from_the_address_modulo_2_mib() {
    let mut space = Space::new();
    map(&mut space, 500 * PAGE, sparse(1000));
    assert_eq!(list(&space), [(500, 1000, 500, 0)]);
    unmap(&mut space, 600 * PAGE, 512 * PAGE);
    assert_eq!(list(&space), [(500, 100, 500, 0), (1112, 388, 1112 % 512, 0)]);
}

#[test]
fn find_tells_what_covers_an_address() {
    let mut space = Space::new();
    map(&mut space, 10 * PAGE, plain(1, 0, 2));
    let found = |space: &Space, va| space.find(va).map(|(start, m)| (start, m.object));
    assert_eq!(found(&space, 10 * PAGE - 1), None);
    assert_eq!(found(&space, 10 * PAGE), Some((10 * PAGE, 1)));
    assert_eq!(found(&space, 12 * PAGE - 1), Some((10 * PAGE, 1)));
    assert_eq!(found(&space, 12 * PAGE), None);
}

#[test]
fn a_map_of_nothing_inside_a_mapping_splits_it() {
    let mut space = Space::new();
    map(&mut space, 10 * PAGE, plain(1, 0, 4));
    map(&mut space, 12 * PAGE, plain(2, 0, 0));
    assert_eq!(space.len(), 3);
    let total: u64 = list(&space).iter().map(|&(_, pages, ..)| pages).sum();
    assert_eq!(total, 4);
    let found = space.find(12 * PAGE).map(|(start, m)| (start, m.object, m.offset));
    assert_eq!(found, Some((12 * PAGE, 1, 2 * PAGE)));
}

#[test]
fn an_unmap_of_nothing_inside_a_mapping_splits_it() {
    let mut space = Space::new();
    map(&mut space, 10 * PAGE, plain(1, 0, 4));
    unmap(&mut space, 12 * PAGE, 0);
    assert_eq!(list(&space), [(10, 2, 0, 1), (12, 2, 2, 1)]);
    unmap(&mut space, 12 * PAGE, 0);
    unmap(&mut space, 10 * PAGE, 0);
    assert_eq!(space.len(), 2);
}

#[test]
fn mappings_of_nothing_go_only_with_what_strictly_surrounds_them() {
    let mut space = Space::new();
    map(&mut space, 10 * PAGE, plain(1, 0, 0));
    map(&mut space, 10 * PAGE, plain(2, 0, 0));
    assert_eq!(space.len(), 2);
    unmap(&mut space, 10 * PAGE, 5 * PAGE);
    assert_eq!(space.len(), 2);
    unmap(&mut space, 5 * PAGE, 5 * PAGE);
    assert_eq!(space.len(), 2);
    unmap(&mut space, 9 * PAGE, 2 * PAGE);
    assert_eq!(space.len(), 0);
}

#[test]
fn a_mapping_can_start_where_one_of_nothing_is() {
    let mut space = Space::new();
    map(&mut space, 10 * PAGE, plain(1, 0, 0));
    map(&mut space, 10 * PAGE, plain(2, 0, 4));
    assert_eq!(space.len(), 2);
    assert_eq!(space.find(11 * PAGE).map(|(start, m)| (start, m.object)), Some((10 * PAGE, 2)));
    map(&mut space, 10 * PAGE, plain(3, 0, 4));
    assert_eq!(space.find(11 * PAGE).map(|(_, m)| m.object), Some(3));
}

#[test]
fn what_replaces_a_mapping_comes_behind_one_of_nothing() {
    let mut space = Space::new();
    map(&mut space, 10 * PAGE, plain(1, 0, 8));
    map(&mut space, 10 * PAGE, plain(2, 0, 0));
    map(&mut space, 10 * PAGE, plain(3, 0, 8));
    assert_eq!(list(&space), [(10, 0, 0, 2), (10, 8, 0, 3)]);
}

/// A reference page table with the operation and the object offset of each page.
#[derive(Default)]
struct PageTable {
    pages: BTreeMap<u64, Page>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Page {
    /// The number of the operation, which distinguishes mappings of the same object.
    operation: u32,
    object: u32,
    offset: u64,
    flags: u32,
}

impl PageTable {
    fn map(&mut self, operation: u32, va: u64, mapping: &Mapping<u32>) {
        for at in (va..va + mapping.size).step_by(PAGE as usize) {
            let offset = match mapping.is_sparse() {
                true => at % SPARSE_PERIOD,
                false => mapping.offset + (at - va),
            };
            let Mapping { object, flags, .. } = *mapping;
            self.pages.insert(at, Page { operation, object, offset, flags });
        }
    }

    fn unmap(&mut self, va: u64, size: u64) {
        for at in (va..va + size).step_by(PAGE as usize) {
            self.pages.remove(&at);
        }
    }

    /// Returns the number of mappings if none is ever merged.
    fn runs(&self) -> usize {
        let mut runs = 0;
        let mut last = None;
        for (&at, page) in &self.pages {
            if last != Some((at, page.operation)) {
                runs += 1;
            }
            last = Some((at + PAGE, page.operation));
        }
        runs
    }
}

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[track_caller]
fn compare(space: &Space, table: &PageTable, context: &str) {
    let mut seen = 0;
    let mut end = 0;
    for (va, mapping) in space.iter() {
        assert!(va >= end, "{context}: overlap at {va:#x}");
        end = va + mapping.size;
        for at in (va..end).step_by(PAGE as usize) {
            let page = table.pages.get(&at).unwrap_or_else(|| panic!("{context}: {at:#x}"));
            let offset = match mapping.is_sparse() {
                true => (mapping.offset + (at - va)) % SPARSE_PERIOD,
                false => mapping.offset + (at - va),
            };
            let shown = (mapping.object, offset, mapping.flags);
            assert_eq!(shown, (page.object, page.offset, page.flags), "{context}: {at:#x}");
            seen += 1;
        }
    }
    assert_eq!(seen, table.pages.len(), "{context}: pages");
    assert_eq!(space.len(), table.runs(), "{context}: mappings");
}

#[test]
fn random_operations_do_what_a_page_table_does() {
    // Around a 2 MiB boundary, where the offset of a sparse mapping restarts.
    const BASE: u64 = SPARSE_PERIOD - 40 * PAGE;
    const PAGES: u64 = 80;

    for seed in 1..=200_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (mut space, mut table) = (Space::new(), PageTable::default());
        for operation in 0..150 {
            let start = xorshift(&mut random) % PAGES;
            let pages = 1 + xorshift(&mut random) % (PAGES - start).min(1 << (operation % 7));
            let va = BASE + start * PAGE;
            match xorshift(&mut random) % 4 {
                0 => {
                    unmap(&mut space, va, pages * PAGE);
                    table.unmap(va, pages * PAGE);
                }
                1 => {
                    map(&mut space, va, sparse(pages));
                    table.map(operation, va, &sparse(pages));
                }
                _ => {
                    let object = (xorshift(&mut random) % 3) as u32;
                    let mapping = plain(object, xorshift(&mut random) % 50, pages);
                    map(&mut space, va, mapping.clone());
                    table.map(operation, va, &mapping);
                }
            }
            compare(&space, &table, &format!("seed {seed}, operation {operation}"));
        }
    }
}

#[test]
fn what_becomes_of_mappings_is_told() {
    let mut space = Space::new();
    for object in 0..4 {
        map(&mut space, u64::from(object) * 4 * PAGE, plain(object, 0, 4));
    }
    let cut = |space: &mut Space, va, pages| {
        let (mut gone, mut in_two) = (Vec::new(), Vec::new());
        let tell = |cut: Cut<'_, u32>| match cut {
            Cut::Gone(mapping) => gone.push(mapping.object),
            Cut::InTwo(mapping) => in_two.push(mapping.object),
        };
        space.unmap(va * PAGE, pages * PAGE, tell);
        (gone, in_two)
    };
    assert_eq!(cut(&mut space, 1, 2), (vec![], vec![0]));
    // The second half of the first, all of the second, and the first half of the third.
    assert_eq!(cut(&mut space, 3, 11), (vec![0, 1, 2], vec![]));
    assert_eq!(cut(&mut space, 14, 2), (vec![3], vec![]));
    assert_eq!(cut(&mut space, 0, 100), (vec![0], vec![]));
}
