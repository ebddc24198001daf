//! Flink names, by which primary node files share BOs.

use std::sync::Arc;

use panthor_sys as sys;

use crate::bo::Bo;
use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args};
use crate::file::handles::Handles;
use crate::lock::{Mutex, lock, rank};

/// The flink names of a device. Any authenticated file of the device can open them.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Handles<Arc<Bo>>, { rank::BO_NAMES }>);

impl Names {
    /// Calls `work` with the BO of a name. The BO keeps a handle during the call.
    ///
    /// # Errors
    /// `ENOENT` if there is no such name.
    pub(crate) fn with<T>(&self, name: u32, work: impl FnOnce(&Arc<Bo>) -> Result<T>) -> Result<T> {
        let names = lock(&self.0);
        // After the last handle is closed, the name is about to be removed.
        work(names.get(name).filter(|bo| bo.has_handles()).ok_or(Errno::NOENT)?)
    }

    /// Removes the name of a BO that has lost its last handle.
    pub(crate) fn forget(&self, bo: &Bo) {
        let mut names = lock(&self.0);
        // Another thread may have opened the name meanwhile.
        let lost = if bo.has_handles() { None } else { names.remove(bo.take_name()) };
        drop(names);
        drop(lost);
    }
}

/// Answers `DRM_IOCTL_GEM_FLINK`.
pub(crate) fn gem_flink(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_gem_flink = args(data);
    // Read-locked, so that the handle stays open.
    let objects = call.file.objects();
    let bo = objects.bo(args.handle).ok_or(Errno::NOENT)?;
    let mut names = lock(&call.file.device_inner().names.0);
    args.name = match bo.name() {
        0 => {
            let name = names.insert(bo.clone(), i32::MAX as u32).ok_or(Errno::NOSPC)?;
            bo.set_name(name);
            name
        }
        name => name,
    };
    Ok(())
}

/// Answers `DRM_IOCTL_GEM_OPEN`: creates a new handle on each call.
pub(crate) fn gem_open(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_gem_open = args(data);
    let (handle, bo) = call.file.open_name(args.name)?;
    (args.handle, args.size) = (handle, bo.size());
    Ok(())
}
