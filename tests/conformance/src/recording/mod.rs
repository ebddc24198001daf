//! Recordings: the answers of real kernels, in one file for each group of cases.
//!
//! `kernels.txt` names the kernels. [`format`] describes the files.

mod format;
mod variants;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::transcript::{Transcript, heading, section};
use crate::uapi::kernel::Linux;

use format::CasesByName;
use variants::{Kernels, Variants};

/// The file with the headings of the kernels' transcripts.
const KERNELS: &str = "kernels.txt";

/// The answers of all kernels to all cases.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Recording {
    /// The heading of each kernel's transcript.
    headings: BTreeMap<Linux, String>,
    cases: CasesByName,
}

impl Recording {
    /// Returns the folder of the committed recordings.
    pub fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
    }

    /// Reads all files of a folder.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let mut recording = Self::default();
        let files = files(folder)?;
        for line in files.get(KERNELS).map_or("", String::as_str).lines() {
            let Transcript { linux, heading, .. } =
                Transcript::parse(line).map_err(|error| format!("{KERNELS}: {error}"))?;
            recording.headings.insert(linux, heading);
        }
        let all = recording.kernels();
        for (name, text) in files.iter().filter(|(name, _)| *name != KERNELS) {
            format::parse(text, &all, &mut recording.cases)
                .map_err(|error| format!("{}: {error}", folder.join(name).display()))?;
        }
        Ok(recording)
    }

    /// Writes the files of a folder that change, and removes those of groups that are gone.
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let (old, new) = (files(folder)?, self.files()?);
        let named = |path: &Path, error| format!("{}: {error}", path.display());
        for (name, text) in &new {
            let path = folder.join(name);
            if old.get(name) != Some(text) {
                fs::write(&path, text).map_err(|error| named(&path, error))?;
            }
        }
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            let path = folder.join(name);
            fs::remove_file(&path).map_err(|error| named(&path, error))?;
        }
        Ok(())
    }

    /// Returns the texts of all files by name.
    fn files(&self) -> Result<BTreeMap<String, String>, String> {
        let all = self.kernels();
        let headings: String = all.iter().map(|linux| heading(&self.headings[&linux])).collect();
        let mut files = BTreeMap::from([(String::from(KERNELS), headings)]);
        for (name, variants) in &self.cases {
            let group = name.split('/').next().unwrap_or(name);
            let text = files.entry(format!("{group}.txt")).or_default();
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format::print(name, variants, &all)?);
        }
        Ok(files)
    }

    fn kernels(&self) -> Kernels {
        Kernels::new(self.headings.keys().copied())
    }

    /// Returns a kernel's answers to a case.
    pub fn get(&self, linux: Linux, name: &str) -> Option<String> {
        self.cases.get(name)?.text(linux)
    }

    /// Returns the names of the cases that were recorded on a kernel, in order.
    pub fn names(&self, linux: Linux) -> impl Iterator<Item = &str> {
        let here = self.cases.iter().filter(move |(_, variants)| variants.of.contains(linux));
        here.map(|(name, _)| name.as_str())
    }

    /// Returns a kernel's answers as `conformance record` printed them.
    pub fn transcript(&self, linux: Linux, filter: &str) -> Option<String> {
        let mut text = heading(self.headings.get(&linux)?);
        for name in self.names(linux).filter(|name| name.contains(filter)) {
            text += &section(name, &self.get(linux, name)?);
        }
        Some(text)
    }

    /// Replaces a kernel's answers to the cases of a transcript. Answers of other kernels stay.
    /// Answers to other cases stay too, unless `is_known` rejects the case.
    pub fn replace(&mut self, new: &Transcript, is_known: impl Fn(&str) -> bool) {
        let linux = new.linux;
        self.headings.insert(linux, new.heading.clone());
        for (name, text) in &new.cases {
            let variants = self.cases.entry(name.clone()).or_default();
            *variants = variants.replaced(linux, Some(text));
        }
        for (_, variants) in self.cases.iter_mut().filter(|(name, _)| !is_known(name)) {
            *variants = variants.replaced(linux, None);
        }
        self.cases.retain(|_, variants: &mut Variants| !variants.of.is_empty());
    }
}

/// Returns the texts of all files of a folder by name.
fn files(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let named = |error| format!("{}: {error}", folder.display());
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(named)? {
        let entry = entry.map_err(named)?;
        let text = fs::read_to_string(entry.path());
        let text = text.map_err(|error| format!("{}: {error}", entry.path().display()))?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), text);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(heading: &str, cases: &[(&str, &str)]) -> Transcript {
        let sections = cases.iter().map(|(name, text)| section(name, text));
        let text = super::heading(heading) + &sections.collect::<String>();
        Transcript::parse(&text).unwrap()
    }

    #[test]
    fn committed_files_are_what_their_transcripts_give() {
        let folder = Recording::folder();
        let committed = Recording::read(&folder).unwrap();
        let mut again = Recording::default();
        for linux in Linux::ALL {
            let text = committed.transcript(linux, "").expect("a recording of each kernel");
            again.replace(&Transcript::parse(&text).unwrap(), |_| true);
            assert_eq!(again.transcript(linux, "").as_ref(), Some(&text), "Linux {linux}");
        }
        let (committed, again) = (files(&folder).unwrap(), again.files().unwrap());
        assert!(committed.keys().eq(again.keys()));
        for (name, text) in &committed {
            assert!(again[name] == *text, "{name} is not as `conformance merge` writes it");
        }
    }

    #[test]
    fn recording_one_kernel_leaves_the_others() {
        let (old, new) = ("Linux 6.12.1, Panthor 1.0.0", "Linux 7.3.1, Panthor 1.9.0");
        let mut recording = Recording::default();
        recording.replace(&transcript(old, &[("a/x", "1\n2"), ("b/y", "3")]), |_| true);
        let before = recording.transcript(Linux::V6_12, "");
        recording.replace(&transcript(new, &[("a/x", "1\n4"), ("a/z", "5")]), |_| true);
        assert_eq!(recording.transcript(Linux::V6_12, ""), before);
        assert_eq!(recording.get(Linux::V7_3, "a/x").as_deref(), Some("1\n4"));
        let files = recording.files().unwrap();
        assert_eq!(files["a.txt"], "== a/x\n1\n[7.3] 4\n[6.12] 2\n\n== a/z [7.3]\n5\n");
        assert_eq!(files["b.txt"], "== b/y [6.12]\n3\n");

        // A part recorded again, after the case a/z was removed.
        recording.replace(&transcript(new, &[("a/x", "1\n2")]), |name| name != "a/z");
        assert_eq!(recording.files().unwrap()["a.txt"], "== a/x\n1\n2\n");
        assert_eq!(recording.transcript(Linux::V6_12, ""), before);
    }
}
