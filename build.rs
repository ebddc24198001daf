//! With the feature `bindgen`: generates panthor-sys' bindings from the kernel's headers into
//! OUT_DIR, where tests/bindings.rs compares them with the committed ones. Does nothing without the
//! feature.

#[cfg(feature = "bindgen")]
#[path = "panthor-sys/generate/mod.rs"]
mod generate;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "bindgen")]
    generate();
}

#[cfg(feature = "bindgen")]
fn generate() {
    use std::path::PathBuf;

    let dir = |name| PathBuf::from(std::env::var_os(name).expect("cargo sets it"));
    if let Err(error) = generate::run(&dir("CARGO_MANIFEST_DIR"), &dir("OUT_DIR")) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
