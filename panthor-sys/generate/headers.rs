//! The places of the headers, and the input of bindgen.

use std::env;
use std::fs;
use std::path::PathBuf;

/// Names a directory with `panthor_drm.h` and `drm.h`.
const DIR_VAR: &str = "PANTHOR_DRM_HEADER_DIR";
/// The places of the headers in the system.
const SYSTEM_DIR: &str = "/usr/include/drm";

/// The headers' directories and the text of the one that is bound as a whole.
pub(crate) struct Headers {
    /// Passed to the compiler, in this order.
    pub(crate) include_dirs: Vec<PathBuf>,
    /// The text of `panthor_drm.h`.
    pub(crate) panthor: String,
}

impl Headers {
    /// The input of bindgen. The kernel's fcntl.h defines `DRM_RDWR` and `DRM_CLOEXEC`.
    pub(crate) const INPUT: &'static str = "\
        #include <linux/fcntl.h>\n\
        #include <linux/dma-buf.h>\n\
        #include <linux/sync_file.h>\n\
        #include <panthor_drm.h>\n";
}

/// Finds the headers in the directory that the environment names, else in the system's.
pub(crate) fn find() -> Result<Headers, String> {
    println!("cargo::rerun-if-env-changed={DIR_VAR}");
    let dir = env::var_os(DIR_VAR).map_or_else(|| PathBuf::from(SYSTEM_DIR), PathBuf::from);
    let header = dir.join("panthor_drm.h");
    println!("cargo::rerun-if-changed={}", header.display());
    // For the tests, which look at the same header.
    println!("cargo::rustc-env=PANTHOR_HEADER_DIR_USED={}", dir.display());
    let panthor = fs::read_to_string(&header).map_err(|e| {
        format!(
            "{}: {e}. Set {DIR_VAR} to a directory with panthor_drm.h and drm.h, or install them \
             in {SYSTEM_DIR}",
            header.display()
        )
    })?;

    // Unpacked from a package, linux/ lies beside drm/, and is preferred to the host's so that all
    // headers are of one kernel.
    let mut include_dirs = vec![dir.clone()];
    if let Some(parent) = dir.parent().filter(|parent| parent.join("linux/sync_file.h").exists()) {
        include_dirs.push(parent.to_path_buf());
    }
    Ok(Headers { include_dirs, panthor })
}
