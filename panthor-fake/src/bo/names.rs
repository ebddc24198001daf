//! Names of BOs: the ioctls of the primary node that give one to another file.

use std::sync::Arc;

use panthor_sys as sys;

use crate::bo::Bo;
use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args};
use crate::file::handles::Handles;
use crate::lock::{Mutex, lock, rank};

/// The names of BOs, which any authenticated file of the device can open.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Handles<Arc<Bo>>, { rank::BO_NAMES }>);

impl Names {
    /// Does something with the BO of a name, which has a handle until that is done.
    ///
    /// # Errors
    /// `ENOENT` if there is none.
    pub(crate) fn with<T>(&self, name: u32, work: impl FnOnce(&Arc<Bo>) -> Result<T>) -> Result<T> {
        let names = lock(&self.0);
        // Its last handle is closed, and the name about to be forgotten.
        work(names.get(name).filter(|bo| bo.has_handles()).ok_or(Errno::NOENT)?)
    }

    /// Forgets the name of a BO that has lost its last handle.
    pub(crate) fn forget(&self, bo: &Bo) {
        let mut names = lock(&self.0);
        // Somebody may have opened it a moment ago.
        let lost = if bo.has_handles() { None } else { names.remove(bo.take_name()) };
        drop(names);
        drop(lost);
    }
}

/// `DRM_IOCTL_GEM_FLINK`.
pub(crate) fn gem_flink(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_gem_flink = args(data);
    // The handle is not closed meanwhile.
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

/// `DRM_IOCTL_GEM_OPEN`: a new handle each time.
pub(crate) fn gem_open(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_gem_open = args(data);
    let (handle, bo) = call.file.open_name(args.name)?;
    (args.handle, args.size) = (handle, bo.size());
    Ok(())
}
