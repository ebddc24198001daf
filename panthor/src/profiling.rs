//! What the driver measures of every job, as its administrator says in sysfs.

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;

use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::node;

bitflags::bitflags! {
    /// What the driver measures of every job, at some cost: of the whole device, by its administrator.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Profiling: u32 {
        /// Cycles.
        const CYCLES = 1 << 0;
        /// Time.
        const TIME = 1 << 1;
        // A newer driver may know more.
        const _ = !0;
    }
}

impl Profiling {
    /// Reads the attribute of a device.
    fn read(path: &str) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| attribute_error(path, &error))?;
        let bits = text.trim().parse().map_err(|_| {
            let detail = format!("{path}: {:?} is not a number", text.trim());
            Error::refused(ErrorKind::Other, "profiling", detail)
        })?;
        Ok(Self::from_bits_retain(bits))
    }

    /// Writes the attribute of a device, which exists.
    fn write(self, path: &str) -> Result<()> {
        let mut attribute = fs::OpenOptions::new();
        let file = attribute.write(true).truncate(true).open(path);
        file.and_then(|mut file| file.write_all(self.bits().to_string().as_bytes()))
            .map_err(|error| attribute_error(path, &error))
    }
}

impl Device {
    /// Asks what the driver measures of every job (the device's attribute `profiling` in sysfs).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) when the driver has no such attribute; the fake has none.
    pub fn profiling(&self) -> Result<Profiling> {
        Profiling::read(&self.profiling_path()?)
    }

    /// Has the driver measure this of every job of the device from now on, whoever's they are.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for whom does not administrate the device;
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for what the driver cannot measure; else as for
    /// [`profiling`](Self::profiling).
    pub fn set_profiling(&self, profiling: Profiling) -> Result<()> {
        profiling.write(&self.profiling_path()?)
    }

    fn profiling_path(&self) -> Result<String> {
        #[cfg(feature = "fake")]
        if self.fake().is_some() {
            let detail = "the fake does not run streams, and so measures nothing";
            return Err(Error::refused(ErrorKind::Unsupported, "profiling", detail));
        }
        Ok(format!("/sys/dev/char/{}/device/profiling", node::own_number(self.as_fd())?))
    }
}

fn attribute_error(path: &str, error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::Unsupported,
        std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        std::io::ErrorKind::InvalidInput => ErrorKind::InvalidArgument,
        _ => ErrorKind::Other,
    };
    Error::refused(kind, "profiling", format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_file::TempFile;

    #[test]
    fn profiling_is_a_number_in_a_file() {
        let file = TempFile::new("profiling", "3\n");
        let both = Profiling::CYCLES | Profiling::TIME;
        assert_eq!(Profiling::read(&file.path).unwrap(), both);
        Profiling::TIME.write(&file.path).unwrap();
        assert_eq!(fs::read_to_string(&file.path).unwrap(), "2");
        // What a newer driver may know.
        Profiling::from_bits_retain(12).write(&file.path).unwrap();
        assert_eq!(Profiling::read(&file.path).unwrap().bits(), 12);
        fs::write(&file.path, "on\n").unwrap();
        let error = Profiling::read(&file.path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(error.to_string().contains("\"on\" is not a number"), "{error}");
    }

    #[test]
    fn a_driver_without_profiling_is_no_place_to_write_to() {
        let file = TempFile::new("none", "");
        fs::remove_file(&file.path).unwrap();
        for error in [
            Profiling::read(&file.path).unwrap_err(),
            Profiling::TIME.write(&file.path).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.call()), (ErrorKind::Unsupported, "profiling"));
            assert!(error.to_string().contains(&file.path), "{error}");
        }
        assert!(!fs::exists(&file.path).unwrap());
        // Another trouble than that it is not there.
        let file = TempFile::new("file", "");
        let below = format!("{}/profiling", file.path);
        assert_eq!(Profiling::read(&below).unwrap_err().kind(), ErrorKind::Other);
    }

    #[test]
    fn what_the_kernel_says_of_the_attribute_has_a_kind() {
        for (errno, kind) in [
            (rustix::io::Errno::ACCESS, ErrorKind::PermissionDenied),
            (rustix::io::Errno::PERM, ErrorKind::PermissionDenied),
            (rustix::io::Errno::INVAL, ErrorKind::InvalidArgument),
            (rustix::io::Errno::NOENT, ErrorKind::Unsupported),
            (rustix::io::Errno::IO, ErrorKind::Other),
        ] {
            let error = attribute_error("/sys/x", &errno.into());
            assert_eq!((error.kind(), error.call()), (kind, "profiling"), "{error}");
            assert!(error.to_string().contains("/sys/x"), "{error}");
        }
    }

    #[test]
    fn the_fake_measures_nothing() {
        let device = Device::open_fake().unwrap();
        for error in
            [device.profiling().unwrap_err(), device.set_profiling(Profiling::TIME).unwrap_err()]
        {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        }
    }
}
