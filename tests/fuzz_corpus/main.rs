//! Replays the fuzzer's corpus: seeds, and all that it ever found. See CONTRIBUTING.md.

#[path = "../../fuzz/machine/mod.rs"]
mod machine;
mod seeds;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use panthor_fake::trace::{Event, TraceOptions};
use panthor_raw::requests::{REQUESTS, is_drm, size};
use panthor_sys::{
    DRM_IOCTL_PANTHOR_BO_CREATE, DRM_IOCTL_PANTHOR_VM_BIND, DRM_IOCTL_PANTHOR_VM_CREATE,
    DRM_IOCTL_SYNCOBJ_CREATE,
};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/ioctls")
}

/// The only test of this program, since it counts descriptors.
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
            assert_eq!(bytes, seed, "{name} is not what seeds.rs makes: see cargo xtask seeds");
        }
        let mut outcome = machine::check(&bytes, true);
        check_traced(&bytes, &outcome);
        succeeded.append(&mut outcome.succeeded);
    }
    for (name, _) in seeds::all() {
        assert!(files.contains(&corpus().join(&name)), "{name} is missing: see cargo xtask seeds");
    }
    check_layouts();
    check_dictionary();
    // Else all might be refused at the door.
    let fails = |request: &u32| !succeeded.contains(&(*request as u8));
    let requests = machine::layouts::LAYOUTS.iter().map(|layout| layout.request);
    assert_eq!(requests.filter(fails).collect::<Vec<_>>(), seeds::ALWAYS_FAIL);
}

/// Checks that the prologues of the dictionary succeed, and that every call of the dictionary
/// succeeds after one of them.
fn check_dictionary() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/ioctls.dict");
    let text = std::fs::read_to_string(path).expect("the dictionary is in the repository");
    let entries: Vec<(&str, Vec<u8>)> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.split_once('=').expect("a name and a value");
            let digits = value.trim_matches('"').split("\\x").skip(1);
            let byte = |digits| u8::from_str_radix(digits, 16).expect("a byte");
            (name, digits.map(byte).collect())
        })
        .collect();
    let of = |name| &entries.iter().find(|&&(known, _)| known == name).expect("an entry").1;
    let succeeded = |bytes: &[u8]| machine::check(bytes, true).succeeded;
    let number = |request: u32| request as u8;
    let mut made = BTreeSet::from([
        number(DRM_IOCTL_PANTHOR_VM_CREATE),
        number(DRM_IOCTL_PANTHOR_BO_CREATE),
        number(DRM_IOCTL_SYNCOBJ_CREATE),
    ]);
    assert_eq!(succeeded(of("start")), made);
    made.insert(number(DRM_IOCTL_PANTHOR_VM_BIND));
    assert_eq!(succeeded(of("start_held")), made);
    for call in ["map", "map_async", "map_wait", "unmap"] {
        // What is waited for has been signaled by then.
        let before = if call == "map_wait" { of("map_async").as_slice() } else { &[] };
        let program = [of("start"), before, of(call)].concat();
        assert_eq!(succeeded(&program), made, "{call}");
    }
}

/// Checks that the fuzzer makes every request of DRM files, with an argument of the right size.
fn check_layouts() {
    for &(name, request) in REQUESTS.iter().filter(|&&(_, request)| is_drm(request)) {
        let layout = machine::layouts::LAYOUTS.iter().find(|layout| layout.request == request);
        let layout = layout.unwrap_or_else(|| panic!("{name} has no layout"));
        assert_eq!(machine::layouts::size(layout.fields), size(request), "{name}");
    }
}

/// Checks that a trace changes no answer and shows every call in lines that can be parsed.
fn check_traced(bytes: &[u8], untraced: &machine::Outcome) {
    let events = Arc::new(AtomicUsize::new(0));
    let outcome = machine::run(bytes, |device| {
        let seen = events.clone();
        device.trace_with(TraceOptions::json(), move |event| {
            seen.fetch_add(1, Ordering::Relaxed);
            let text = event.to_string();
            assert!(!text.contains(['\n', '\0']), "{text:?}");
            let json = event.to_json();
            let again = Event::from_json(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
            assert_eq!(again.to_json().len(), json.len(), "{json}");
        });
    });
    assert_eq!(&outcome, untraced, "the same program has other answers with a trace");
    assert!(events.load(Ordering::Relaxed) > outcome.succeeded.len());
}
