//! Files of the repository.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Returns the path of a file of the repository.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ is in the repository").join(name)
}

/// Reads a file.
pub fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file of the repository, and prints whether it has changed.
pub fn write(name: &str, bytes: &[u8]) -> Result<(), String> {
    let path = path(name);
    let named = |error| format!("{}: {error}", path.display());
    let old = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        old => Some(old.map_err(named)?),
    };
    if old.as_deref() == Some(bytes) {
        println!("{name}: unchanged");
        return Ok(());
    }
    fs::write(&path, bytes).map_err(named)?;
    println!("{name}: written");
    Ok(())
}
