//! Job profiling, a device setting in sysfs.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::node;
use crate::transport::system;

/// Name of the sysfs attribute.
const ATTRIBUTE: &str = "profiling";

bitflags::bitflags! {
    /// Measurements that the driver takes of each job, set for the whole device by its
    /// administrator.
    ///
    /// Each measurement has a cost.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Profiling: u32 {
        /// GPU cycles.
        const CYCLES = 1 << 0;
        /// GPU time.
        const TIME = 1 << 1;
        // Newer drivers may have more.
        const _ = !0;
    }
}

impl Profiling {
    /// Reads the attribute in a device's sysfs directory.
    fn read(device: &Path) -> Result<Self> {
        let path = device.join(ATTRIBUTE);
        let bytes = system::read(&path).map_err(|error| explain(error, device))?;
        let text = String::from_utf8_lossy(&bytes);
        let bits = text.trim().parse().map_err(|_| {
            let detail = format!("{:?} is not a number", text.trim());
            Error::refused(ErrorKind::Other, "read", detail).at(&path)
        })?;
        Ok(Self::from_bits_retain(bits))
    }

    /// Writes the attribute in a device's sysfs directory.
    fn write(self, device: &Path) -> Result<()> {
        system::write(&device.join(ATTRIBUTE), self.bits().to_string().as_bytes())
            .map_err(|error| explain(error, device))
    }
}

impl Device {
    /// Returns the measurements that the driver takes of each job (sysfs attribute `profiling`).
    ///
    /// # Errors
    ///
    /// * [`Unsupported`](ErrorKind::Unsupported) when the driver lacks the attribute.
    /// * [`NotFound`](ErrorKind::NotFound) without sysfs.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without memory or a free descriptor.
    pub fn profiling(&self) -> Result<Profiling> {
        #[cfg(feature = "fake")]
        if let Some(file) = self.fake() {
            let measured = file.device().profiling().map_err(|error| of_fake("read", &error))?;
            return Ok(Profiling::from_bits_retain(measured));
        }
        Profiling::read(&self.sysfs_directory()?)
    }

    /// Sets the measurements that the driver takes of each job of the device, in all processes.
    ///
    /// # Errors
    ///
    /// * [`PermissionDenied`](ErrorKind::PermissionDenied) without the right to administrate the
    ///   device.
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for measurements that the driver does not
    ///   support.
    /// * The errors of [`profiling`](Self::profiling).
    pub fn set_profiling(&self, profiling: Profiling) -> Result<()> {
        #[cfg(feature = "fake")]
        if let Some(file) = self.fake() {
            let set = file.device().set_profiling(profiling.bits());
            return set.map_err(|error| of_fake("write", &error));
        }
        profiling.write(&self.sysfs_directory()?)
    }

    /// Returns the device's sysfs directory.
    fn sysfs_directory(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(format!("/sys/dev/char/{}/device", node::own_number(self.as_fd())?)))
    }
}

/// Distinguishes a driver without the attribute from a system without sysfs, and names the
/// argument of a write.
fn explain(error: Error, device: &Path) -> Error {
    if error.has_errno(&[Errno::NOENT]) {
        return match system::open(device, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(_) => error.with_kind(ErrorKind::Unsupported),
            Err(error) => error,
        };
    }
    match error.call() {
        "write" if error.has_errno(&[Errno::INVAL]) => error.with_argument("profiling"),
        _ => error,
    }
}

/// Maps errors of the fake, which has no sysfs.
#[cfg(feature = "fake")]
fn of_fake(call: &'static str, error: &std::io::Error) -> Error {
    let errno = Errno::from_io_error(error).unwrap_or(Errno::IO);
    let error = Error::elsewhere(call, errno);
    match errno {
        Errno::NOENT => error.with_kind(ErrorKind::Unsupported),
        Errno::INVAL => error.with_argument("profiling"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::temp_file::TempDir;

    #[test]
    fn profiling_is_a_number_in_a_file() {
        let dir = TempDir::new("profiling", &[ATTRIBUTE]);
        let file = dir.0.join(ATTRIBUTE);
        fs::write(&file, "3\n").unwrap();
        let both = Profiling::CYCLES | Profiling::TIME;
        assert_eq!(Profiling::read(&dir.0).unwrap(), both);
        Profiling::TIME.write(&dir.0).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "2");
        // Unknown bits of a newer driver.
        Profiling::from_bits_retain(12).write(&dir.0).unwrap();
        assert_eq!(Profiling::read(&dir.0).unwrap().bits(), 12);
        fs::write(&file, "on\n").unwrap();
        let error = Profiling::read(&dir.0).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::Other, "read"));
        assert!(error.to_string().ends_with("/profiling: \"on\" is not a number"), "{error}");
    }

    #[test]
    fn a_driver_without_profiling_is_no_system_without_sysfs() {
        let dir = TempDir::new("noprofiling", &[]);
        let missing = dir.0.join("missing");
        for (device, kind) in
            [(dir.0.as_path(), ErrorKind::Unsupported), (&missing, ErrorKind::NotFound)]
        {
            for error in
                [Profiling::read(device).unwrap_err(), Profiling::TIME.write(device).unwrap_err()]
            {
                assert_eq!((error.kind(), error.call()), (kind, "open"), "{error}");
                assert_eq!(error.errno(), Some(Errno::NOENT.raw_os_error()));
                assert!(error.to_string().contains(device.to_str().unwrap()), "{error}");
            }
        }
        assert!(!fs::exists(dir.0.join(ATTRIBUTE)).unwrap());
        // A failure other than a missing attribute.
        fs::create_dir(dir.0.join(ATTRIBUTE)).unwrap();
        let error = Profiling::read(&dir.0).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::Other, "read"));
    }

    #[test]
    fn refusals_of_the_attribute_keep_their_kind() {
        for (call, errno, kind, argument) in [
            ("open", Errno::ACCESS, ErrorKind::PermissionDenied, None),
            ("open", Errno::PERM, ErrorKind::PermissionDenied, None),
            ("open", Errno::MFILE, ErrorKind::OutOfMemory, None),
            ("write", Errno::INVAL, ErrorKind::InvalidArgument, Some("profiling")),
            ("write", Errno::IO, ErrorKind::Other, None),
        ] {
            let error = explain(Error::elsewhere(call, errno), Path::new("/"));
            assert_eq!((error.kind(), error.argument()), (kind, argument), "{error}");
        }
    }

    #[test]
    fn the_fake_measures_what_it_is_set_to() {
        let device = Device::open_fake().unwrap();
        assert_eq!(device.profiling().unwrap(), Profiling::empty());
        assert_eq!(device.usage().unwrap().gpu_time, None);
        device.set_profiling(Profiling::TIME).unwrap();
        assert_eq!(device.profiling().unwrap(), Profiling::TIME);
        let second = std::time::Duration::from_secs(1);
        device.fake().unwrap().add_gpu_time(second);
        let usage = device.usage().unwrap();
        assert_eq!((usage.gpu_time, usage.gpu_cycles), (Some(second), None));
        let error = device.set_profiling(Profiling::from_bits_retain(4)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert_eq!((error.call(), error.argument()), ("write", Some("profiling")));
        assert_eq!(device.profiling().unwrap(), Profiling::TIME);
    }

    #[test]
    fn driver_1_0_measures_nothing() {
        let fake = panthor_fake::Device::new(panthor_fake::Config::default().driver_minor(0));
        let device = Device::from_fake(fake.unwrap().open()).unwrap();
        for error in
            [device.profiling().unwrap_err(), device.set_profiling(Profiling::TIME).unwrap_err()]
        {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        }
    }
}
