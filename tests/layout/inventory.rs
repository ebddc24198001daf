//! Declarations of a bindings.rs, as a flat list that can be compared and turned into C.

use std::collections::BTreeMap;

/// All declarations by name; fields as `struct.field`.
pub(crate) type Inventory = BTreeMap<String, Item>;

/// Declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Constant { ty: String, value: u64 },
    Alias { ty: String },
    Struct { size: usize, align: usize },
    Field { ty: String, offset: usize },
}

/// Reads the declarations, and the numbers in the layout assertions beside them.
pub(crate) fn read(source: &str) -> Inventory {
    let file = syn::parse_file(source).expect("bindings.rs parses");
    let mut items = Inventory::new();
    let mut numbers = BTreeMap::new();
    for item in &file.items {
        match item {
            syn::Item::Const(item) if item.ident == "_" => assertions(&item.expr, &mut numbers),
            syn::Item::Const(item) => {
                let constant = Item::Constant { ty: type_name(&item.ty), value: value(&item.expr) };
                items.insert(item.ident.to_string(), constant);
            }
            syn::Item::Type(item) => {
                items.insert(item.ident.to_string(), Item::Alias { ty: type_name(&item.ty) });
            }
            syn::Item::Struct(item) => {
                let name = item.ident.to_string();
                for field in &item.fields {
                    let field_name = field.ident.as_ref().expect("fields have names");
                    let field = Item::Field { ty: type_name(&field.ty), offset: 0 };
                    items.insert(format!("{name}.{field_name}"), field);
                }
                items.insert(name, Item::Struct { size: 0, align: 0 });
            }
            syn::Item::Impl(_) | syn::Item::Use(_) => {}
            _ => panic!("bindings.rs has an item of an unexpected kind"),
        }
    }
    let number = |what: &str, name: &str| match numbers.get(&format!("{what} {name}")) {
        Some(number) => *number,
        None => panic!("bindings.rs does not assert the {what} of {name}"),
    };
    for (name, item) in &mut items {
        match item {
            Item::Struct { size, align } => {
                *size = number("size_of", name);
                *align = number("align_of", name);
            }
            Item::Field { offset, .. } => *offset = number("offset_of", name),
            Item::Constant { .. } | Item::Alias { .. } => {}
        }
    }
    items
}

/// Returns whether the item is a padding field.
pub(crate) fn is_padding(name: &str) -> bool {
    name.split_once('.').is_some_and(|(_, field)| field.starts_with("pad"))
}

/// Returns whether the constant is a request number, which changes with the size of the argument.
pub(crate) fn is_ioctl(name: &str) -> bool {
    ["DRM_IOCTL_", "DMA_BUF_IOCTL_", "SYNC_IOC_"].iter().any(|prefix| name.starts_with(prefix))
}

/// Collects `assert!(size_of::<X>() == 16)` and its like as ("size_of X", 16).
fn assertions(block: &syn::Expr, numbers: &mut BTreeMap<String, usize>) {
    let syn::Expr::Block(block) = block else { panic!("assertions are in a block") };
    for statement in &block.block.stmts {
        let syn::Stmt::Macro(statement) = statement else {
            continue;
        };
        let comparison: syn::ExprBinary =
            statement.mac.parse_body().expect("an assertion compares two values");
        let what = match &*comparison.left {
            syn::Expr::Call(call) => size_or_align(call),
            syn::Expr::Macro(offset) => offset_of(&offset.mac),
            // The sum of the fields' sizes.
            _ => continue,
        };
        let number = value(&comparison.right).try_into().expect("a number of bytes");
        numbers.insert(what, number);
    }
}

/// `size_of::<X>()` as "size_of X".
fn size_or_align(call: &syn::ExprCall) -> String {
    let syn::Expr::Path(function) = &*call.func else { panic!("a function is called") };
    let segment = function.path.segments.last().expect("a path has a segment");
    let syn::PathArguments::AngleBracketed(types) = &segment.arguments else {
        panic!("size_of and align_of have a type")
    };
    let Some(syn::GenericArgument::Type(ty)) = types.args.first() else {
        panic!("size_of and align_of have a type")
    };
    format!("{} {}", segment.ident, type_name(ty))
}

/// `offset_of!(X, field)` as "offset_of X.field".
fn offset_of(offset: &syn::Macro) -> String {
    let arguments = offset
        .parse_body_with(
            syn::punctuated::Punctuated::<syn::Ident, syn::Token![,]>::parse_terminated,
        )
        .expect("offset_of has a struct and a field");
    let names: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    format!("offset_of {}", names.join("."))
}

fn value(expr: &syn::Expr) -> u64 {
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(lit), .. }) => {
            lit.base10_parse().expect("a number of 64 bits")
        }
        _ => panic!("bindings.rs has a constant that is no literal"),
    }
}

/// `u32`, `c_char` or `[u8; 3]`.
fn type_name(ty: &syn::Type) -> String {
    match ty {
        syn::Type::Path(path) => path.path.get_ident().expect("types are single names").to_string(),
        syn::Type::Array(array) => format!("[{}; {}]", type_name(&array.elem), value(&array.len)),
        _ => panic!("bindings.rs has a type of an unexpected kind"),
    }
}
