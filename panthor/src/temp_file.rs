//! Files for tests.

use std::fs;

/// A file that goes with the value.
pub(crate) struct TempFile {
    pub(crate) path: String,
}

impl TempFile {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let name = format!("panthor-test-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name).to_str().expect("UTF-8").to_owned();
        fs::write(&path, text).unwrap();
        Self { path }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
