//! Text format of a recording.
//!
//! A line `== NAME` stands before the lines of each case. Empty lines separate cases. Every kernel
//! answered with a line that has no mark. A mark names the kernels that answered with its line:
//! `[7.3 7.2] VM_DESTROY id=1 = 0`. A mark behind the name of a case means that the case was
//! recorded on those kernels only.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::variants::{Kernels, Line, Variants};

/// Cases by name.
pub type CasesByName = BTreeMap<String, Variants>;

/// Reads cases into `cases`. `all` are the kernels of lines without marks.
pub fn parse(text: &str, all: &Kernels, cases: &mut CasesByName) -> Result<(), String> {
    let mut current: Option<(&str, Variants)> = None;
    let mut end = |case: Option<(&str, Variants)>| match case {
        Some((name, variants)) => match cases.insert(name.to_owned(), variants) {
            Some(_) => Err(format!("the case {name} is there twice")),
            None => Ok(()),
        },
        None => Ok(()),
    };
    for (number, line) in text.lines().enumerate() {
        let fail = |error| format!("line {}: {error}", number + 1);
        if let Some(name) = line.strip_prefix("== ") {
            end(current.take()).map_err(fail)?;
            let (name, of) = match name.strip_suffix(']').and_then(|name| name.split_once(" [")) {
                Some((name, mark)) => (name, Kernels::parse(mark).map_err(fail)?),
                None => (name, all.clone()),
            };
            current = Some((name, Variants { of, lines: Vec::new() }));
        } else if line.is_empty() {
            end(current.take()).map_err(fail)?;
        } else {
            let no_case = || fail(String::from("the line belongs to no case"));
            let (_, variants) = current.as_mut().ok_or_else(no_case)?;
            variants.lines.push(marked(line, &variants.of).map_err(fail)?);
        }
    }
    end(current)
}

fn marked(line: &str, all: &Kernels) -> Result<Line, String> {
    let (of, text) = match line.strip_prefix('[') {
        None => (all.clone(), line),
        Some(rest) => {
            let (mark, text) = rest.split_once("] ").ok_or("the mark has no end")?;
            (Kernels::parse(mark)?, text)
        }
    };
    let unknown = of.iter().find(|&linux| !all.contains(linux));
    match unknown {
        Some(linux) => Err(format!("the case was not recorded on Linux {linux}")),
        None => Ok(Line { of, text: text.to_owned() }),
    }
}

/// Returns a case as text.
pub fn print(name: &str, variants: &Variants, all: &Kernels) -> Result<String, String> {
    let mut text = match variants.of == *all {
        true => format!("== {name}\n"),
        false => format!("== {name} [{}]\n", variants.of.to_text()),
    };
    for Line { of, text: line } in &variants.lines {
        if line.is_empty() || line.starts_with('[') || line.starts_with("== ") {
            return Err(format!("{name}: a recording cannot have the line {line:?}"));
        }
        match *of == variants.of {
            true => writeln!(text, "{line}").unwrap(),
            false => writeln!(text, "[{}] {line}", of.to_text()).unwrap(),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uapi::kernel::Linux;

    const TEXT: &str = "\
== vm/bind
VM_CREATE = 0
[7.3 7.2] VM_BIND = 0
[6.12] VM_BIND = EINVAL
  VM 0: 0 mappings

== vm/create [7.3 7.2]
VM_CREATE = 0
[7.2] VM_CREATE = EINVAL

== vm/nothing
";

    fn all() -> Kernels {
        Kernels::new(Linux::ALL)
    }

    fn parsed(text: &str) -> Result<CasesByName, String> {
        let mut cases = CasesByName::new();
        parse(text, &all(), &mut cases).map(|()| cases)
    }

    #[test]
    fn text_is_printed_as_it_was_parsed() {
        let cases = parsed(TEXT).unwrap();
        let printed = cases.iter().map(|(name, case)| print(name, case, &all()).unwrap());
        assert_eq!(printed.collect::<Vec<_>>().join("\n"), TEXT);
        let text = |name: &str, linux| cases[name].text(linux);
        let bind = "VM_CREATE = 0\nVM_BIND = EINVAL\n  VM 0: 0 mappings";
        assert_eq!(text("vm/bind", Linux::V6_12).as_deref(), Some(bind));
        assert_eq!(text("vm/create", Linux::V6_12), None);
        assert_eq!(text("vm/create", Linux::V7_3).as_deref(), Some("VM_CREATE = 0"));
        assert_eq!(text("vm/nothing", Linux::V7_3).as_deref(), Some(""));
    }

    #[test]
    fn wrong_lines_are_named() {
        let error = |text| parsed(text).unwrap_err();
        assert_eq!(error("X = 0\n"), "line 1: the line belongs to no case");
        assert_eq!(error("== a/b\n[7.3 X = 0\n"), "line 2: the mark has no end");
        assert_eq!(error("== a/b\n[5.1] X = 0\n"), "line 2: there is no recording of Linux 5.1");
        assert_eq!(
            error("== a/b [7.3]\n[7.2] X = 0\n"),
            "line 2: the case was not recorded on Linux 7.2"
        );
        assert_eq!(error("== a/b\n\n== a/b\n\n"), "line 4: the case a/b is there twice");
    }

    #[test]
    fn line_that_reads_as_a_mark_is_refused() {
        for line in ["[7.3] X", "== X"] {
            let variants = Variants::of([(Linux::V7_3, line)]);
            assert!(print("a/b", &variants, &all()).is_err(), "{line}");
        }
    }
}
