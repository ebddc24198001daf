//! A C program that compiles where the header agrees with the bindings.

use std::fmt::Write;

use super::inventory::{Inventory, Item, is_ioctl, is_padding};

const HEAD: &str = "\
#include <linux/fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <panthor_drm.h>
#define SAME(what, actual, expected) _Static_assert((actual) == (expected), what)
#define AT_LEAST(what, actual, expected) _Static_assert((actual) >= (expected), what)
#define OFFSET(type, field) __builtin_offsetof(struct type, field)
#define FIELD(type, field) (((struct type *)0)->field)
#define IS_SIGNED(expr) ((__typeof__(expr))-1 < 1)
#define WITHOUT_SIZE(request) ((request) & ~(0x3fffu << 16))
";

/// Collects assertions.
pub(crate) struct CSource {
    text: String,
    /// The header is the pinned one, so that nothing may have grown.
    exact: bool,
}

impl CSource {
    /// Starts a program for an architecture with this predefined macro.
    pub(crate) fn new(arch_macro: &str, exact: bool) -> Self {
        let text = format!(
            "#ifndef {arch_macro}\n#error not the compiler that was asked for\n#endif\n{HEAD}"
        );
        Self { text, exact }
    }

    /// Returns the program.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Asserts that a constant expression of C has this value.
    pub(crate) fn same(&mut self, c: &str, value: u64) {
        writeln!(self.text, "SAME(\"{c}\", {c}, {value}ull);").expect("a String takes it");
    }

    /// Asserts everything in the list.
    pub(crate) fn inventory(&mut self, items: &Inventory) {
        for (name, item) in items {
            match item {
                Item::Constant { ty, value } => self.constant(name, ty, *value),
                // An enum of C has no type that matters: its values are checked as constants.
                Item::Alias { .. } => {}
                Item::Struct { size, align } => self.structure(name, *size, *align),
                Item::Field { ty, offset } => self.field(name, ty, *offset),
            }
        }
    }

    fn constant(&mut self, name: &str, ty: &str, value: u64) {
        if is_ioctl(name) && !self.exact {
            return self.same(&format!("WITHOUT_SIZE({name})"), value & !(0x3fff << 16));
        }
        let (c_type, _) = c_integer(ty).expect("constants are integers");
        self.same(&format!("({c_type})({name})"), value);
    }

    /// Asserts a struct's size and alignment.
    pub(crate) fn structure(&mut self, name: &str, size: usize, align: usize) {
        let compare = if self.exact { "SAME" } else { "AT_LEAST" };
        writeln!(self.text, "{compare}(\"size of {name}\", sizeof(struct {name}), {size});")
            .and_then(|()| {
                let actual = format!("_Alignof(struct {name})");
                writeln!(self.text, "{compare}(\"alignment of {name}\", {actual}, {align});")
            })
            .expect("a String takes it");
    }

    /// Asserts where `struct.field` is, its size and its sign.
    fn field(&mut self, name: &str, ty: &str, offset: usize) {
        if is_padding(name) && !self.exact {
            return;
        }
        let (of, field) = name.split_once('.').expect("fields are named `struct.field`");
        // Rust's keyword.
        let field = if field == "type_" { "type" } else { field };
        self.same(&format!("OFFSET({of}, {field})"), offset as u64);

        let (element, count) = match ty.trim_matches(['[', ']']).split_once("; ") {
            Some((element, count)) => (element, Some(count)),
            None => (ty, None),
        };
        let c = format!("FIELD({of}, {field})");
        let c_element = if count.is_some() { format!("{c}[0]") } else { c.clone() };
        let Some((c_type, signed)) = c_integer(element) else {
            writeln!(self.text, "SAME(\"{c}\", sizeof({c}), sizeof(struct {element}));")
                .expect("a String takes it");
            return;
        };
        let size = format!("{} * sizeof({c_type})", count.unwrap_or("1"));
        writeln!(self.text, "SAME(\"{c}\", sizeof({c}), {size});").expect("a String takes it");
        if let Some(signed) = signed {
            self.same(&format!("IS_SIGNED({c_element})"), u64::from(signed));
        }
    }
}

/// Returns the C type of a Rust integer, and whether it is signed; a char has either sign.
fn c_integer(ty: &str) -> Option<(&'static str, Option<bool>)> {
    Some(match ty {
        "u8" => ("unsigned char", Some(false)),
        "u32" => ("unsigned int", Some(false)),
        "u64" => ("unsigned long long", Some(false)),
        "usize" => ("unsigned long", Some(false)),
        "i32" => ("int", Some(true)),
        "i64" => ("long long", Some(true)),
        "c_char" => ("char", None),
        _ => return None,
    })
}
