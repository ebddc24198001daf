//! Transcripts: the answers of one kernel as `conformance record` prints them.
//!
//! A line `== NAME` stands before the text of each case. Lines above the first case are the
//! heading.

use std::fmt::Write as _;

use crate::uapi::kernel::Linux;

/// The answers of one kernel.
#[derive(PartialEq, Eq, Debug)]
pub struct Transcript {
    pub linux: Linux,
    /// Releases of the kernel and its driver: `Linux 7.3.4, Panthor 1.9.0`.
    pub heading: String,
    /// Cases: name and text.
    pub cases: Vec<(String, String)>,
}

impl Transcript {
    /// Reads what `conformance record` or `conformance record-random` has printed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let heading = first.strip_prefix("# ").ok_or("the first line is not a heading")?;
        let linux = linux_of(heading).ok_or_else(|| format!("no known driver in: {heading}"))?;
        let mut cases: Vec<(String, String)> = Vec::new();
        for line in rest.lines() {
            match (line.strip_prefix("== "), cases.last_mut()) {
                (Some(name), _) => cases.push((name.to_owned(), String::new())),
                (None, Some((_, text))) => writeln!(text, "{line}").unwrap(),
                (None, None) => return Err(format!("this line belongs to no case: {line}")),
            }
        }
        for (_, text) in &mut cases {
            text.truncate(text.trim_end_matches('\n').len());
        }
        Ok(Self { linux, heading: heading.to_owned(), cases })
    }
}

/// Returns the line that a transcript begins with.
pub fn heading(text: &str) -> String {
    format!("# {text}\n")
}

/// Returns a case as it stands in a transcript.
pub fn section(name: &str, text: &str) -> String {
    let text = text.trim_end_matches('\n');
    let end = if text.is_empty() { "" } else { "\n" };
    format!("== {name}\n{text}{end}")
}

/// Returns the kernel of a heading by its driver's version.
fn linux_of(heading: &str) -> Option<Linux> {
    let (_, version) = heading.split_once(", Panthor 1.")?;
    Linux::from_driver_minor(version.split('.').next()?.parse().ok()?)
}

/// Returns the lines that differ, behind the lines before them; `None` if there is no difference.
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
    fn transcript_is_parsed_as_it_is_printed() {
        let heading = "Linux 7.2.1, Panthor 1.8.0";
        let printed = super::heading(heading) + &section("a/b", "X = 0\n  y") + &section("c/d", "");
        let transcript = Transcript::parse(&printed).unwrap();
        assert_eq!((transcript.linux, transcript.heading.as_str()), (Linux::V7_2, heading));
        let cases = [("a/b", "X = 0\n  y"), ("c/d", "")];
        assert_eq!(transcript.cases, cases.map(|(name, text)| (name.into(), text.into())));
    }

    #[test]
    fn transcript_needs_heading_of_known_driver() {
        assert_eq!(Transcript::parse("== a/b\n"), Err("the first line is not a heading".into()));
        assert_eq!(
            Transcript::parse("# Linux 9, Panthor 1.99.0\n"),
            Err("no known driver in: Linux 9, Panthor 1.99.0".into())
        );
        assert_eq!(
            Transcript::parse("# Linux 7.3, Panthor 1.9.0\nX = 0\n"),
            Err("this line belongs to no case: X = 0".into())
        );
    }

    #[test]
    fn difference_is_found_wherever_it_is() {
        assert_eq!(difference("a\nb\n", "a\nb"), None);
        assert_eq!(difference("a\nb", "a\nc").unwrap(), "  a\n- b\n+ c\n");
        assert_eq!(difference("a", "a\nc").unwrap(), "  a\n+ c\n");
        assert_eq!(difference("", "c").unwrap(), "+ c\n");
    }
}
