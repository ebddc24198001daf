//! Recordings: what real kernels answered, by case.
//!
//! A file has a line `== NAME` before the transcript of each case, in the order of the names. Lines
//! above the first say where it is from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::uapi::kernel::Linux;

/// The answers of a kernel.
pub struct Recording {
    by_name: BTreeMap<&'static str, &'static str>,
}

impl Recording {
    /// The one that is committed.
    pub fn of(linux: Linux) -> Self {
        Self::parse(match linux {
            Linux::V6_12 => include_str!("../recordings/linux-6.12.txt"),
            Linux::V7_2 => include_str!("../recordings/linux-7.2.txt"),
            Linux::V7_3 => include_str!("../recordings/linux-7.3.txt"),
        })
    }

    fn parse(text: &'static str) -> Self {
        // So that the first is found like the others.
        let start =
            if text.starts_with("== ") { Some(0) } else { text.find("\n== ").map(|at| at + 1) };
        let sections = start.map_or("", |start| &text[start + 3..]);
        let cases = sections.split("\n== ").filter_map(|section| section.split_once('\n'));
        Self { by_name: cases.map(|(name, text)| (name, text.trim_end_matches('\n'))).collect() }
    }

    /// The transcript of a case.
    pub fn get(&self, name: &str) -> Option<&'static str> {
        self.by_name.get(name).copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied()
    }
}

/// A case with its transcript, as it stands in a file.
pub fn section(name: &str, transcript: &str) -> String {
    format!("== {name}\n{transcript}")
}

/// What differs: the lines before it, then those of the recording and the new ones.
pub fn difference(recorded: &str, seen: &str) -> Option<String> {
    let (recorded, seen) = (recorded.trim_end_matches('\n'), seen.trim_end_matches('\n'));
    if recorded == seen {
        return None;
    }
    let old: Vec<_> = recorded.lines().collect();
    let new: Vec<_> = seen.lines().collect();
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let mut text = String::new();
    for line in &old[same.saturating_sub(8)..same] {
        writeln!(text, "  {line}").unwrap();
    }
    for line in old[same..].iter().take(12) {
        writeln!(text, "- {line}").unwrap();
    }
    for line in new[same..].iter().take(12) {
        writeln!(text, "+ {line}").unwrap();
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_apart_as_it_was_put_together() {
        let recording = Recording::parse("# Linux\n== a/b\nX = 0\n  y\n== c/d\n");
        assert_eq!(recording.get("a/b"), Some("X = 0\n  y"));
        assert_eq!(recording.get("c/d"), Some(""));
        assert_eq!(recording.names().count(), 2);
    }

    #[test]
    fn a_difference_is_found_wherever_it_is() {
        assert_eq!(difference("a\nb\n", "a\nb"), None);
        assert_eq!(difference("a\nb", "a\nc").unwrap(), "  a\n- b\n+ c\n");
        assert_eq!(difference("a", "a\nc").unwrap(), "  a\n+ c\n");
        assert_eq!(difference("", "c").unwrap(), "+ c\n");
    }
}
