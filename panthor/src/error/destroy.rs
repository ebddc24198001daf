//! Failed destruction.

use std::fmt;

use super::Error;

/// Error of an explicit destruction, with the object.
///
/// ```
/// # let device = panthor::Device::open_fake()?;
/// let vm = device.create_vm(Default::default())?;
/// match vm.destroy() {
///     Ok(()) => {}
///     Err(failed) => {
///         eprintln!("{}", failed.error);
///         let _vm_again = failed.object;
///     }
/// }
/// # Ok::<(), panthor::Error>(())
/// ```
#[derive(Debug)]
pub struct DestroyError<T> {
    /// The object, which still exists.
    pub object: T,
    /// Reason of the failure.
    pub error: Error,
}

impl<T> fmt::Display for DestroyError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: fmt::Debug> std::error::Error for DestroyError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<T> From<DestroyError<T>> for Error {
    fn from(failed: DestroyError<T>) -> Self {
        failed.error
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn an_object_that_was_not_destroyed_comes_with_the_reason() {
        let error = || Error::os("VM_DESTROY", Errno::NODEV);
        let failed = DestroyError { object: 7, error: error() };
        assert_eq!(failed.to_string(), error().to_string());
        let source = std::error::Error::source(&failed).expect("the reason");
        assert_eq!(source.to_string(), error().to_string());
        assert_eq!(Error::from(failed).kind(), ErrorKind::DeviceLost);
    }
}
