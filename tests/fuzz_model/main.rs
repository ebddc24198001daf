//! Programs of the fuzz target `model`: its corpus, and random ones. See CONTRIBUTING.md.

#[path = "../../fuzz/model/mod.rs"]
mod model;

use std::path::Path;

/// Number of random programs for each prologue.
const ROUNDS: u64 = 60;

#[test]
fn the_corpus_finds_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/model");
    for entry in std::fs::read_dir(corpus).expect("the corpus is in the repository") {
        let path = entry.expect("a directory that can be read").path();
        println!("{}", path.display());
        model::check(&std::fs::read(path).expect("a file that can be read"));
    }
}

#[test]
fn random_programs_do_what_the_model_does() {
    for seed in 1..=ROUNDS {
        for prologue in 0..16_u8 {
            let mut state = (seed * 16 + u64::from(prologue)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut random = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 24) as u8
            };
            // The second half with another thread.
            let first = (prologue & 7) | (prologue >> 3) << 7 | (random() & 0x38);
            let bytes: Vec<u8> = std::iter::once(first).chain((0..600).map(|_| random())).collect();
            println!("seed {seed}, prologue {prologue}");
            model::check(&bytes);
        }
    }
}
