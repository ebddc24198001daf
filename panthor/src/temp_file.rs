//! Files for tests.

use std::fs;
use std::path::PathBuf;

/// A file that is deleted on drop.
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

/// A directory that is deleted on drop.
pub(crate) struct TempDir(pub(crate) PathBuf);

impl TempDir {
    pub(crate) fn new(name: &str, files: &[&str]) -> Self {
        let name = format!("panthor-nodes-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        for name in files {
            fs::write(dir.join(name), "").unwrap();
        }
        Self(dir)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
