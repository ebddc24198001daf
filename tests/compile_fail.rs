//! Checks that programs which the types forbid fail to compile for the intended reason.
//!
//! Each program in `tests/compile_fail/` has one line that ends in `//~ ` and an error code. The
//! program must fail with this error at this line and no other, and compile without the line. Codes
//! and lines are compared, not texts, so that another compiler gives the same answer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Code and line, counted from 1.
type Complaint = (String, usize);

/// A package with a program of each case as it is, and one without the marked line.
struct Package {
    dir: PathBuf,
    /// Expected errors of each program.
    expected: BTreeMap<String, Vec<Complaint>>,
}

fn package() -> Package {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    let bins = dir.join("src/bin");
    // What an earlier run has left may have had other cases.
    let _ = std::fs::remove_dir_all(&bins);
    std::fs::create_dir_all(&bins).expect("a directory for the package");
    let manifest = format!(
        "[package]\nname = \"cases\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\npanthor = {{ path = {:?}, features = [\"fake\"] }}\n",
        house.join("panthor")
    );
    std::fs::write(dir.join("Cargo.toml"), manifest).expect("a manifest");
    // The versions that are here already.
    std::fs::copy(house.join("Cargo.lock"), dir.join("Cargo.lock")).expect("the lock file");

    let mut expected = BTreeMap::new();
    for entry in std::fs::read_dir(house.join("tests/compile_fail")).expect("the cases") {
        let path = entry.expect("a case").path();
        let name = path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
        let text = std::fs::read_to_string(&path).expect("a program");
        let marked: Vec<Complaint> = (1..)
            .zip(text.lines())
            .filter_map(|(line, text)| Some((text.split_once("//~ ")?.1.to_owned(), line)))
            .collect();
        assert_eq!(marked.len(), 1, "{name} has one marked line");
        let without: Vec<&str> = text.lines().filter(|line| !line.contains("//~ ")).collect();
        std::fs::write(bins.join(format!("{name}.rs")), &text).expect("the program");
        let twin = format!("{name}_without");
        std::fs::write(bins.join(format!("{twin}.rs")), without.join("\n")).expect("its twin");
        expected.insert(name, marked);
        expected.insert(twin, Vec::new());
    }
    Package { dir, expected }
}

/// Compiles all programs and gives the errors of each.
fn complaints(dir: &Path) -> BTreeMap<String, Vec<Complaint>> {
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--bins", "--keep-going", "--message-format=json", "--quiet"])
        .env("CARGO_TARGET_DIR", dir.join("target"))
        .env_remove("RUSTFLAGS")
        .current_dir(dir)
        .output()
        .expect("cargo");
    let mut all = BTreeMap::<_, Vec<_>>::new();
    let messages = String::from_utf8(output.stdout).expect("UTF-8");
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).expect("JSON");
        let program = message["target"]["name"].as_str().unwrap_or_default().to_owned();
        match message["reason"].as_str() {
            Some("compiler-artifact") => drop(all.entry(program).or_default()),
            Some("compiler-message") if message["message"]["level"] == "error" => {
                let error = &message["message"];
                let spans = error["spans"].as_array().expect("spans");
                let primary = spans.iter().find(|span| span["is_primary"] == true);
                // Without a place it is the count of errors at the end.
                if let Some(span) = primary {
                    let code = error["code"]["code"].as_str().unwrap_or("none").to_owned();
                    let line = span["line_start"].as_u64().expect("a line") as usize;
                    all.entry(program).or_default().push((code, line));
                }
            }
            _ => {}
        }
    }
    assert!(all.len() > 2, "nothing was compiled: {}", String::from_utf8_lossy(&output.stderr));
    all
}

#[test]
fn programs_fail_for_their_marked_line_alone() {
    let Package { dir, expected } = package();
    assert!(expected.len() >= 20, "the cases are there");
    let complaints = complaints(&dir);
    let mut wrong = Vec::new();
    for (program, expected) in &expected {
        match complaints.get(program) {
            Some(errors) if errors == expected => {}
            errors => wrong.push(format!("{program}: {errors:?} instead of {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
