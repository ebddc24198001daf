//! The answers of several kernels to one case, merged line by line.

use crate::uapi::kernel::Linux;

/// A set of kernels, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kernels(Vec<Linux>);

impl Kernels {
    pub fn new(kernels: impl IntoIterator<Item = Linux>) -> Self {
        let mut kernels: Vec<_> = kernels.into_iter().collect();
        kernels.sort_by(|a, b| b.cmp(a));
        kernels.dedup();
        Self(kernels)
    }

    pub fn contains(&self, linux: Linux) -> bool {
        self.0.contains(&linux)
    }

    pub fn iter(&self) -> impl Iterator<Item = Linux> {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn with(&self, linux: Linux) -> Self {
        Self::new(self.iter().chain([linux]))
    }

    /// Returns the set as it stands in a recording: `7.3 7.2`.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|linux| linux.name()).collect::<Vec<_>>().join(" ")
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let kernel = |name| {
            Linux::from_name(name).ok_or_else(|| format!("there is no recording of Linux {name}"))
        };
        let kernels = Self::new(text.split(' ').map(kernel).collect::<Result<Vec<_>, _>>()?);
        match kernels.to_text() == text {
            true => Ok(kernels),
            false => Err(format!("kernels stand newest first, once each: not {text}")),
        }
    }
}

/// A line, and the kernels that answered with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub of: Kernels,
    pub text: String,
}

/// The answers of several kernels to one case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Variants {
    /// The kernels that the case was recorded on.
    pub of: Kernels,
    pub lines: Vec<Line>,
}

impl Variants {
    /// Merges texts, those of newer kernels first. The result depends on the set of texts only.
    pub fn of<'a>(texts: impl IntoIterator<Item = (Linux, &'a str)>) -> Self {
        let mut texts: Vec<_> = texts.into_iter().collect();
        texts.sort_by(|(a, _), (b, _)| b.cmp(a));
        let mut merged = Self::default();
        for (linux, text) in texts {
            merged.of = merged.of.with(linux);
            merged.lines = merge(merged.lines, linux, &text.lines().collect::<Vec<_>>());
        }
        merged
    }

    /// Returns the text of one kernel.
    pub fn text(&self, linux: Linux) -> Option<String> {
        let lines = self.lines.iter().filter(|line| line.of.contains(linux));
        let lines: Vec<_> = lines.map(|line| line.text.as_str()).collect();
        self.of.contains(linux).then(|| lines.join("\n"))
    }

    /// Returns the texts of all kernels.
    fn texts(&self) -> Vec<(Linux, String)> {
        self.of.iter().filter_map(|linux| Some((linux, self.text(linux)?))).collect()
    }

    /// Returns the answers with those of one kernel replaced, or without them.
    pub fn replaced(&self, linux: Linux, text: Option<&str>) -> Self {
        let others = self.texts();
        let others = others.iter().filter(|(other, _)| *other != linux);
        let others = others.map(|(other, text)| (*other, text.as_str()));
        Self::of(others.chain(text.map(|text| (linux, text))))
    }
}

/// Adds a kernel's lines along a longest common subsequence. Where the texts differ, older lines
/// come first.
fn merge(merged: Vec<Line>, linux: Linux, lines: &[&str]) -> Vec<Line> {
    // The length of a longest common subsequence of what follows each pair of positions.
    let mut common = vec![vec![0_usize; lines.len() + 1]; merged.len() + 1];
    for (i, line) in merged.iter().enumerate().rev() {
        for (j, new) in lines.iter().enumerate().rev() {
            common[i][j] = match line.text == *new {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let mut result = Vec::new();
    let mut new = lines.iter().enumerate().peekable();
    for (i, mut line) in merged.into_iter().enumerate() {
        let mut matched = false;
        while let Some(&(j, text)) = new.peek() {
            matched = line.text == *text;
            if matched || common[i + 1][j] >= common[i][j + 1] {
                break;
            }
            result.push(Line { of: Kernels::new([linux]), text: (*text).to_owned() });
            new.next();
        }
        if matched {
            line.of = line.of.with(linux);
            new.next();
        }
        result.push(line);
    }
    let rest = new.map(|(_, text)| Line { of: Kernels::new([linux]), text: (*text).to_owned() });
    result.extend(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "create\nbind = 0\nstate\nmapped";
    const OLD: &str = "create\nbind = EINVAL\nstate";

    fn shown(variants: &Variants) -> Vec<String> {
        variants.lines.iter().map(|line| format!("{}: {}", line.of.to_text(), line.text)).collect()
    }

    #[test]
    fn common_lines_stand_once() {
        let variants = Variants::of([(Linux::V6_12, OLD), (Linux::V7_3, NEW), (Linux::V7_2, NEW)]);
        let expected = [
            "7.3 7.2 6.12: create",
            "7.3 7.2: bind = 0",
            "6.12: bind = EINVAL",
            "7.3 7.2 6.12: state",
            "7.3 7.2: mapped",
        ];
        assert_eq!(shown(&variants), expected);
        assert_eq!(variants.text(Linux::V7_2).as_deref(), Some(NEW));
        assert_eq!(variants.text(Linux::V6_12).as_deref(), Some(OLD));
    }

    #[test]
    fn replacing_one_kernel_keeps_the_others() {
        let before = Variants::of([(Linux::V7_3, NEW), (Linux::V6_12, OLD)]);
        let other = "bind = 0\nbind = 0\nstate";
        let after = before.replaced(Linux::V7_3, Some(other));
        assert_eq!(after.text(Linux::V7_3).as_deref(), Some(other));
        assert_eq!(after.text(Linux::V6_12).as_deref(), Some(OLD));
        assert_eq!(after.replaced(Linux::V7_3, Some(NEW)), before);
        let without = before.replaced(Linux::V6_12, None);
        assert_eq!(without, Variants::of([(Linux::V7_3, NEW)]));
        assert_eq!(without.text(Linux::V6_12), None);
    }

    #[test]
    fn empty_answer_is_not_a_missing_one() {
        let variants = Variants::of([(Linux::V7_3, ""), (Linux::V7_2, "a")]);
        assert_eq!(variants.text(Linux::V7_3).as_deref(), Some(""));
        assert_eq!(variants.text(Linux::V6_12), None);
    }

    #[test]
    fn kernels_are_named_newest_first() {
        assert_eq!(Kernels::parse("7.3 6.12").map(|set| set.to_text()), Ok("7.3 6.12".into()));
        for text in ["6.12 7.3", "7.3 7.3", "7.3  7.2"] {
            assert!(Kernels::parse(text).is_err(), "{text}");
        }
        assert_eq!(Kernels::parse("5.1"), Err("there is no recording of Linux 5.1".into()));
    }
}
