//! Reads `docs.txt`; its first lines describe the format.

use std::collections::BTreeSet;

/// The whole file: blocks in the order they are emitted in.
#[derive(Debug, Default)]
pub(crate) struct Docs {
    pub(crate) blocks: Vec<Block>,
}

/// A group of items under one heading.
#[derive(Debug)]
pub(crate) enum Block {
    Struct { name: String, text: String, fields: Vec<Entry> },
    Enum { name: String, target: String, text: String, values: Vec<Entry> },
    Macros { target: String, values: Vec<Entry> },
    Ioctls(Vec<Ioctl>),
    ByHand(Vec<String>),
}

/// A field or a constant with its documentation.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A request number, the type of its argument (empty for none) and the documentation.
#[derive(Debug)]
pub(crate) struct Ioctl {
    pub(crate) name: String,
    pub(crate) argument: String,
    pub(crate) text: String,
}

impl Docs {
    /// Parses the file; the error names the line.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let mut docs = Self::default();
        let mut names = BTreeSet::new();
        for (number, line) in joined_lines(source) {
            let result = match line.strip_prefix("  ") {
                Some(entry) => docs.add_entry(entry),
                None => Block::parse(&line).map(|block| docs.blocks.push(block)),
            };
            let name = result.map_err(|e| format!("line {number}: {e}: {line}"));
            name.map(drop)?;
        }
        for name in docs.names() {
            if !names.insert(name) {
                return Err(format!("{name} is there twice"));
            }
        }
        Ok(docs)
    }

    fn add_entry(&mut self, line: &str) -> Result<(), String> {
        let block = self.blocks.last_mut().ok_or("an entry before the first block")?;
        if let Block::ByHand(names) = block {
            names.push(line.to_owned());
            return Ok(());
        }
        let (name, text) = line.split_once(": ").ok_or("no `name: text`")?;
        let (name, text) = (name.to_owned(), text.to_owned());
        match block {
            Block::Struct { fields: entries, .. }
            | Block::Enum { values: entries, .. }
            | Block::Macros { values: entries, .. } => entries.push(Entry { name, text }),
            Block::Ioctls(ioctls) => {
                let (name, argument) = name
                    .strip_suffix(')')
                    .and_then(|name| name.split_once('('))
                    .ok_or("no `name(argument): text`")?;
                ioctls.push(Ioctl { name: name.to_owned(), argument: argument.to_owned(), text });
            }
            Block::ByHand(_) => unreachable!("handled above"),
        }
        Ok(())
    }

    /// Returns the names of all items: structs, enums, constants, ioctls and handwritten items.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for block in &self.blocks {
            match block {
                Block::Struct { name, .. } => names.push(name.as_str()),
                Block::Enum { name, values, .. } => {
                    names.push(name);
                    names.extend(values.iter().map(|value| value.name.as_str()));
                }
                Block::Macros { values, .. } => {
                    names.extend(values.iter().map(|value| value.name.as_str()));
                }
                Block::Ioctls(ioctls) => names.extend(ioctls.iter().map(|it| it.name.as_str())),
                Block::ByHand(by_hand) => names.extend(by_hand.iter().map(String::as_str)),
            }
        }
        names
    }

    /// Returns whether the crate declares this item outside of the generated file.
    pub(crate) fn is_by_hand(&self, name: &str) -> bool {
        self.blocks
            .iter()
            .any(|block| matches!(block, Block::ByHand(names) if names.iter().any(|it| it == name)))
    }

    /// Returns the ioctls that take `argument`.
    pub(crate) fn ioctls_of<'a>(&'a self, argument: &'a str) -> impl Iterator<Item = &'a Ioctl> {
        self.blocks
            .iter()
            .filter_map(|block| match block {
                Block::Ioctls(ioctls) => Some(ioctls),
                _ => None,
            })
            .flatten()
            .filter(move |ioctl| ioctl.argument == argument)
    }
}

impl Block {
    fn parse(line: &str) -> Result<Self, String> {
        let (head, text) = line.split_once(": ").unwrap_or((line, ""));
        let text = text.to_owned();
        let words: Vec<&str> = head.split(' ').collect();
        match words[..] {
            ["struct", name] if !text.is_empty() => {
                Ok(Self::Struct { name: name.to_owned(), text, fields: Vec::new() })
            }
            ["enum", name, "->", target] if !text.is_empty() => Ok(Self::Enum {
                name: name.to_owned(),
                target: target.to_owned(),
                text,
                values: Vec::new(),
            }),
            ["macros", "->", target] => {
                Ok(Self::Macros { target: target.to_owned(), values: Vec::new() })
            }
            ["ioctls"] => Ok(Self::Ioctls(Vec::new())),
            ["by", "hand"] => Ok(Self::ByHand(Vec::new())),
            _ => Err("not a block".to_owned()),
        }
    }
}

/// Returns the lines with content, each with its number and its continuations.
fn joined_lines(source: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match (line.strip_prefix("    "), lines.last_mut()) {
            (Some(rest), Some((_, last))) => {
                last.push(' ');
                last.push_str(rest.trim_start());
            }
            _ => lines.push((index + 1, line.to_owned())),
        }
    }
    lines
}
