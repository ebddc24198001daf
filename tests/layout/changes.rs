//! Comparison of a newer header's bindings with the older ones.

use super::inventory::{Inventory, Item, is_ioctl, is_padding};

/// Changes of the bindings by a newer header.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// New items, and structs and ioctls that grew: programs built before keep working.
    pub(crate) added: Vec<String>,
    /// Items that are gone or mean something else.
    pub(crate) broken: Vec<String>,
}

impl Changes {
    /// From `old` to `new`.
    pub(crate) fn between(old: &Inventory, new: &Inventory) -> Self {
        let mut changes = Self::default();
        for (name, item) in old {
            match new.get(name) {
                Some(now) if now == item => {}
                // Padding is what new fields are made of.
                _ if is_padding(name) => changes.added.push(format!("{name}: padding was used")),
                None => changes.broken.push(format!("{name} is gone")),
                Some(now) => {
                    let text = format!("{name}: {item:?} became {now:?}");
                    let list = if has_grown(name, item, now) {
                        &mut changes.added
                    } else {
                        &mut changes.broken
                    };
                    list.push(text);
                }
            }
        }
        let new_items = new.keys().filter(|name| !old.contains_key(*name));
        changes.added.extend(new_items.map(|name| format!("{name} is new")));
        changes
    }
}

/// Returns whether a struct has grown at its end, or an ioctl number because of its argument.
fn has_grown(name: &str, old: &Item, new: &Item) -> bool {
    match (old, new) {
        (Item::Struct { size: old, align }, Item::Struct { size: new, align: new_align }) => {
            new > old && new_align >= align
        }
        (Item::Constant { ty, value: old }, Item::Constant { ty: new_ty, value: new }) => {
            const SIZE: u64 = 0x3fff << 16;
            let same_call = is_ioctl(name) && ty == new_ty && old & !SIZE == new & !SIZE;
            same_call && new & SIZE > old & SIZE
        }
        _ => false,
    }
}
