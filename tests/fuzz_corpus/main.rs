//! Replays the fuzzer's corpus: seeds, and all that it ever found. See CONTRIBUTING.md.

#[path = "../../fuzz/machine/mod.rs"]
mod machine;
mod seeds;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/ioctls")
}

/// One test, and no other with it: descriptors are counted.
#[test]
fn the_corpus_finds_nothing() {
    let mut files: Vec<_> = std::fs::read_dir(corpus())
        .expect("the corpus is in the repository")
        .map(|entry| entry.expect("a directory that can be read").path())
        .collect();
    files.sort();
    let mut succeeded = BTreeSet::new();
    for file in &files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        // The test's name is not enough to tell which input it was.
        println!("{name}");
        let bytes = std::fs::read(file).expect("a file that can be read");
        if let Some((_, seed)) = seeds::all().into_iter().find(|(seed, _)| *seed == name) {
            assert_eq!(bytes, seed, "{name} is not what seeds.rs makes: see write_seeds");
        }
        succeeded.append(&mut machine::check(&bytes, true).succeeded);
    }
    for (name, _) in seeds::all() {
        assert!(files.contains(&corpus().join(&name)), "{name} is missing: see write_seeds");
    }
    // Else all might be refused at the door.
    let fails = |request: &u32| !succeeded.contains(&(*request as u8));
    let requests = machine::layouts::LAYOUTS.iter().map(|layout| layout.request);
    assert_eq!(requests.filter(fails).collect::<Vec<_>>(), seeds::ALWAYS_FAIL);
}

#[test]
#[ignore = "writes the seeds into the corpus"]
fn write_seeds() {
    for (name, bytes) in seeds::all() {
        std::fs::write(corpus().join(name), bytes).expect("a corpus that can be written to");
    }
}
