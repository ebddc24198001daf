//! Generator of the bindings: order, types and words from `docs.txt`, numbers from the headers.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeSet;

use crate::generate::constant;
use crate::generate::docs::{Block, Docs, Entry, Ioctl};
use crate::generate::scan::{Scan, Struct};
use crate::generate::text;

/// The text of `bindings.rs`, and the items without documentation.
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) undocumented: Vec<String>,
}

const PREAMBLE: &str = "\
// Generated from panthor_drm.h, drm.h, dma-buf.h and sync_file.h; do not edit. bindgen takes names,
// numbers and layouts from the headers. Types and documentation come from generate/docs.txt. To
// generate the file again, install libclang and name the headers' directory:
//
//     PANTHOR_DRM_HEADER_DIR=... cargo xtask bindings

";

const SAFETY: &str = "\
// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
";

/// Emits the items of `docs`, then the items that only the headers have.
///
/// # Errors
/// When `docs` lists something that the headers lack, or a constant does not fit its field.
pub(crate) fn emit(docs: &Docs, scan: &Scan) -> Result<Output, String> {
    let mut emitter =
        Emitter { docs, scan, items: Vec::new(), done: BTreeSet::new(), undocumented: Vec::new() };
    for block in &docs.blocks {
        emitter.block(block)?;
    }
    emitter.rest()?;

    let items = &emitter.items;
    let file = syn::parse2(quote! {
        use crate::pod::pod_size;
        use core::ffi::c_char;
        use core::mem::offset_of;
        #(#items)*
    })
    .map_err(|e| format!("the generated text: {e}"))?;
    // The token stream cannot carry comments, and the printer leaves what is inside a macro alone.
    let zeroable = "unsafe impl bytemuck::Zeroable";
    let pod = "unsafe impl bytemuck::Pod";
    let text = prettyplease::unparse(&file)
        .replace(":: < ", "::<")
        .replace(" > ()", ">()")
        .replace(zeroable, &format!("{SAFETY}{zeroable}"))
        .replace(pod, &format!("// SAFETY: as above.\n{pod}"));
    Ok(Output {
        text: format!("{PREAMBLE}{}", text::spaced(&text)),
        undocumented: emitter.undocumented,
    })
}

struct Emitter<'a> {
    docs: &'a Docs,
    scan: &'a Scan,
    items: Vec<TokenStream>,
    done: BTreeSet<String>,
    undocumented: Vec<String>,
}

impl Emitter<'_> {
    fn block(&mut self, block: &Block) -> Result<(), String> {
        match block {
            Block::Struct { name, text, fields } => self.structure(name, text, fields),
            Block::Enum { name, target, text, values } => {
                let ty = self.target(target)?;
                let (alias, alias_of) = (format_ident!("{name}"), format_ident!("{ty}"));
                let doc = text::doc(&with_target(text, target), 0);
                self.items.push(quote! { #(#doc)* pub type #alias = #alias_of; });
                self.done.insert(name.clone());
                values.iter().try_for_each(|value| self.constant(&value.name, &value.text, &ty))
            }
            Block::Macros { target, values } => {
                let ty = self.target(target)?;
                values.iter().try_for_each(|value| {
                    self.constant(&value.name, &with_target(&value.text, target), &ty)
                })
            }
            Block::Ioctls(ioctls) => ioctls.iter().try_for_each(|ioctl| self.ioctl(ioctl)),
            Block::ByHand(names) => {
                self.done.extend(names.iter().cloned());
                Ok(())
            }
        }
    }

    /// Emits the items that the headers have and `docs` lacks.
    fn rest(&mut self) -> Result<(), String> {
        const NO_WORDS: &str = "(new in this header)";
        let scan = self.scan;
        for name in scan.structs.keys() {
            if !self.done.contains(name) {
                self.undocumented.push(name.clone());
                self.structure(name, NO_WORDS, &[])?;
            }
        }
        for (name, value) in &scan.constants {
            if !self.done.contains(name) {
                self.undocumented.push(name.clone());
                let ty = if u32::try_from(*value).is_ok() || *value < 0 { "u32" } else { "u64" };
                self.constant(name, NO_WORDS, ty)?;
            }
        }
        let missed = scan.macros.iter().filter(|name| !self.done.contains(*name)).cloned();
        self.undocumented.extend(missed);
        Ok(())
    }

    /// Returns the type of the field that constants go into, or the integer type itself.
    fn target(&self, target: &str) -> Result<String, String> {
        let Some((name, field)) = target.split_once('.') else {
            return Ok(target.to_owned());
        };
        let item = self.scan.structs.get(name);
        let field = item.and_then(|item| item.fields.iter().find(|it| it.name == field));
        let ty = &field.ok_or_else(|| format!("the header lacks {target}"))?.ty;
        Ok(quote!(#ty).to_string())
    }

    fn structure(&mut self, name: &str, text: &str, entries: &[Entry]) -> Result<(), String> {
        let Struct { fields, size, align } =
            self.scan.structs.get(name).ok_or_else(|| format!("the header lacks struct {name}"))?;
        // Padding may give way to a new field.
        if let Some(entry) = entries
            .iter()
            .filter(|entry| !is_padding(&entry.name))
            .find(|entry| fields.iter().all(|field| field.name != entry.name))
        {
            return Err(format!("the header lacks {name}.{}", entry.name));
        }
        let mut undocumented = Vec::new();
        let lines = fields.iter().map(|field| {
            let text = match entries.iter().find(|it| it.name == field.name) {
                Some(entry) => entry.text.as_str(),
                None if is_padding(&field.name) => "Padding; must be zero.",
                None => {
                    undocumented.push(format!("{name}.{}", field.name));
                    "(new in this header)"
                }
            };
            let alias = field.name.strip_suffix('_').map(|alias| quote! { #[doc(alias = #alias)] });
            let (doc, ident, ty) = (text::doc(text, 4), format_ident!("{}", field.name), &field.ty);
            quote! { #(#doc)* #alias pub #ident: #ty }
        });
        let lines: Vec<_> = lines.collect();
        self.undocumented.append(&mut undocumented);

        let ident = format_ident!("{name}");
        let doc = text::doc(&format!("{text}{}", self.argument_of(name)), 0);
        let (size, align) = (Literal::usize_unsuffixed(*size), Literal::usize_unsuffixed(*align));
        let idents: Vec<_> = fields.iter().map(|field| format_ident!("{}", field.name)).collect();
        let offsets = fields.iter().map(|field| Literal::usize_unsuffixed(field.offset));
        self.items.push(quote! {
            #(#doc)*
            #[repr(C)]
            #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
            pub struct #ident { #(#lines,)* }
            const _: () = {
                assert!(size_of::<#ident>() == #size);
                assert!(align_of::<#ident>() == #align);
                #(assert!(offset_of!(#ident, #idents) == #offsets);)*
                let mut filled = 0;
                #(filled += pod_size(|it: &#ident| &it.#idents);)*
                assert!(filled == #size);
            };
            unsafe impl bytemuck::Zeroable for #ident {}
            unsafe impl bytemuck::Pod for #ident {}
        });
        self.done.insert(name.to_owned());
        Ok(())
    }

    /// Returns a sentence that names the ioctls with this argument.
    fn argument_of(&self, name: &str) -> String {
        let names: Vec<_> =
            self.docs.ioctls_of(name).map(|ioctl| format!("[`{}`]", ioctl.name)).collect();
        if names.is_empty() {
            return String::new();
        }
        format!("\n\nArgument of {}.", names.join(" and "))
    }

    fn ioctl(&mut self, ioctl: &Ioctl) -> Result<(), String> {
        let text = match ioctl.argument.as_str() {
            "" => format!("{}\n\nNo argument.", ioctl.text),
            "u32" | "u64" => ioctl.text.clone(),
            argument => format!("{}\n\nArgument: [`{argument}`].", ioctl.text),
        };
        self.constant(&ioctl.name, &text, "u32")
    }

    fn constant(&mut self, name: &str, text: &str, ty: &str) -> Result<(), String> {
        let value = self.scan.constants.get(name);
        let value = *value.ok_or_else(|| format!("the header lacks {name}"))?;
        let literal =
            constant::literal(value, ty).ok_or_else(|| format!("{name} = {value} is no {ty}"))?;
        let (ident, ty, doc) = (format_ident!("{name}"), format_ident!("{ty}"), text::doc(text, 0));
        self.items.push(quote! { #(#doc)* pub const #ident: #ty = #literal; });
        self.done.insert(name.to_owned());
        Ok(())
    }
}

/// Returns whether a field of this name is padding.
fn is_padding(name: &str) -> bool {
    name.starts_with("pad") || name.starts_with("__bindgen_padding")
}

/// Adds a sentence with the field that a constant goes into.
fn with_target(text: &str, target: &str) -> String {
    match target.split_once('.') {
        Some((name, field)) => format!("{text}\n\nGoes into [`{name}::{field}`]."),
        None => text.to_owned(),
    }
}
