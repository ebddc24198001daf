//! The format of the generated text: wrapped documentation and blank lines.

use proc_macro2::TokenStream;
use quote::quote;

const WIDTH: usize = 100;

/// Returns documentation attributes with `text`, wrapped for an item at the indentation `indent`.
///
/// Empty lines separate paragraphs.
pub(crate) fn doc(text: &str, indent: usize) -> Vec<TokenStream> {
    let width = WIDTH - indent - "/// ".len();
    let mut lines = Vec::new();
    for (index, paragraph) in text.split("\n\n").enumerate() {
        if index > 0 {
            lines.push(String::new());
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.len() + 1 + word.len() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
        .into_iter()
        .map(|line| if line.is_empty() { line } else { format!(" {line}") })
        .map(|line| quote! { #[doc = #line] })
        .collect()
}

/// Puts a blank line before every item.
pub(crate) fn spaced(source: &str) -> String {
    let starts = |line: &str, all: &[&str]| all.iter().any(|start| line.starts_with(start));
    let mut text = String::new();
    let mut leading = false;
    for line in source.lines() {
        let prefix = starts(line, &["///", "#[", "//"]);
        let item = prefix || starts(line, &["pub ", "const ", "unsafe "]);
        if item && !leading && !text.is_empty() {
            text.push('\n');
        }
        leading = prefix;
        text.push_str(line);
        text.push('\n');
    }
    text
}
