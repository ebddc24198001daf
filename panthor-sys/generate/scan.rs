//! Runs bindgen and reads its output: structs with their layout, and constants with their values.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::generate::docs::Docs;
use crate::generate::headers::Headers;

/// The items of the headers.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) structs: BTreeMap<String, Struct>,
    pub(crate) constants: BTreeMap<String, i128>,
    /// Names of all `#define`s in `panthor_drm.h`.
    pub(crate) macros: Vec<String>,
}

/// A struct as the C compiler lays it out.
#[derive(Default)]
pub(crate) struct Struct {
    pub(crate) fields: Vec<Field>,
    pub(crate) size: usize,
    pub(crate) align: usize,
}

/// A field with its type in Rust.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: syn::Type,
    pub(crate) offset: usize,
}

/// Reads all of `panthor_drm.h`, and the items of the other headers that `docs` names.
pub(crate) fn scan(headers: &Headers, docs: &Docs, work_dir: &Path) -> Result<Scan, String> {
    let source = bindgen_source(headers, docs, work_dir)?;
    let file = syn::parse_file(&source).map_err(|e| format!("bindgen's output: {e}"))?;
    let mut scan = Scan { macros: macro_names(&headers.panthor), ..Scan::default() };
    let mut layouts = BTreeMap::new();
    for item in &file.items {
        match item {
            syn::Item::Struct(item) => {
                scan.structs.insert(item.ident.to_string(), fields_of(item)?);
            }
            syn::Item::Const(item) if item.ident == "_" => read_layout(&item.expr, &mut layouts)?,
            syn::Item::Const(item) => {
                scan.constants.insert(item.ident.to_string(), integer(&item.expr)?);
            }
            // Typedefs of the C enums; their constants name them.
            syn::Item::Type(_) => {}
            _ => return Err("bindgen's output has an item of an unexpected kind".to_owned()),
        }
    }
    for (name, item) in &mut scan.structs {
        let number = |what: String| {
            layouts.get(&what).copied().ok_or_else(|| format!("bindgen does not tell: {what}"))
        };
        item.size = number(format!("Size of {name}"))?;
        item.align = number(format!("Alignment of {name}"))?;
        for field in &mut item.fields {
            field.offset = number(format!("Offset of field: {name}::{}", field.name))?;
        }
    }
    Ok(scan)
}

fn bindgen_source(headers: &Headers, docs: &Docs, work_dir: &Path) -> Result<String, String> {
    // A file rather than `header_contents`, because the macro fallback compiles it once more.
    let input = work_dir.join("input.h");
    fs::write(&input, Headers::INPUT).map_err(|e| format!("{}: {e}", input.display()))?;
    let mut builder = bindgen::Builder::default()
        .header(input.display().to_string())
        .clang_args(headers.include_dirs.iter().map(|dir| format!("-I{}", dir.display())))
        .use_core()
        .generate_comments(false)
        .layout_tests(true)
        .explicit_padding(true)
        .derive_copy(false)
        .derive_debug(false)
        .prepend_enum_name(false)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .clang_macro_fallback()
        .clang_macro_fallback_build_dir(work_dir)
        .allowlist_recursively(false)
        .allowlist_type("drm_panthor_.*")
        .allowlist_var("DRM_PANTHOR_.*|DRM_IOCTL_PANTHOR_.*|PANTHOR_.*")
        .formatter(bindgen::Formatter::None);
    for name in docs.names() {
        if docs.is_by_hand(name) {
            builder = builder.blocklist_item(name);
        } else {
            builder = builder.allowlist_item(name);
        }
    }
    builder.generate().map(|bindings| bindings.to_string()).map_err(|e| e.to_string())
}

fn fields_of(item: &syn::ItemStruct) -> Result<Struct, String> {
    let mut fields = Vec::new();
    for field in &item.fields {
        let name = field.ident.as_ref().ok_or("a field without a name")?.to_string();
        let ty = rust_type(&field.ty).ok_or_else(|| format!("{}.{name}: its type", item.ident))?;
        fields.push(Field { name, ty, offset: 0 });
    }
    Ok(Struct { fields, ..Struct::default() })
}

/// Returns a C type of bindgen's output as one of Rust's own integer types.
fn rust_type(ty: &syn::Type) -> Option<syn::Type> {
    match ty {
        syn::Type::Array(array) => {
            let mut array = array.clone();
            array.elem = Box::new(rust_type(&array.elem)?);
            // bindgen writes the length with a suffix.
            let len = integer(&array.len).ok()?;
            array.len = syn::parse_str(&len.to_string()).ok()?;
            Some(syn::Type::Array(array))
        }
        syn::Type::Path(path) => {
            let name = last_segment(path);
            let rust = match name.as_str() {
                "__u8" | "u8" => "u8",
                "__u16" | "u16" => "u16",
                "__u32" | "u32" | "c_uint" | "drm_magic_t" => "u32",
                "__u64" | "u64" => "u64",
                "__s32" | "i32" | "c_int" => "i32",
                "__s64" | "i64" => "i64",
                "c_char" => "c_char",
                other if other.starts_with("drm_") => other,
                _ => return None,
            };
            syn::parse_str(rust).ok()
        }
        _ => None,
    }
}

fn last_segment(path: &syn::TypePath) -> String {
    path.path.segments.last().map(|it| it.ident.to_string()).unwrap_or_default()
}

/// Returns the value of a literal, negative or not.
fn integer(expr: &syn::Expr) -> Result<i128, String> {
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(lit), .. }) => {
            lit.base10_parse().map_err(|e| e.to_string())
        }
        syn::Expr::Unary(syn::ExprUnary { op: syn::UnOp::Neg(_), expr, .. }) => {
            integer(expr).map(|value| -value)
        }
        _ => Err("a constant that is no integer".to_owned()),
    }
}

/// Collects `["Size of X"][size_of::<X>() - 16usize];` as ("Size of X", 16).
fn read_layout(expr: &syn::Expr, layouts: &mut BTreeMap<String, usize>) -> Result<(), String> {
    let syn::Expr::Block(block) = expr else {
        return Err("a layout test that is no block".to_owned());
    };
    for statement in &block.block.stmts {
        let entry = match statement {
            syn::Stmt::Expr(syn::Expr::Index(index), _) => layout_entry(index),
            _ => None,
        };
        let (what, number) = entry.ok_or("a layout test of another form")?;
        layouts.insert(what, number);
    }
    Ok(())
}

fn layout_entry(index: &syn::ExprIndex) -> Option<(String, usize)> {
    let syn::Expr::Array(array) = &*index.expr else {
        return None;
    };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(what), .. }) = array.elems.first()? else {
        return None;
    };
    let syn::Expr::Binary(difference) = &*index.index else {
        return None;
    };
    let number = integer(&difference.right).ok()?;
    Some((what.value(), usize::try_from(number).ok()?))
}

/// Returns the names that the header defines, function-like macros included.
fn macro_names(header: &str) -> Vec<String> {
    header
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("#define"))
        .map(|rest| {
            let rest = rest.trim_start();
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            rest[..end].to_owned()
        })
        .collect()
}
