//! Error type of the crate, with the call, the errno and the progress of a batch.

mod destroy;
mod kind;
mod text;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use rustix::io::Errno;

pub use destroy::DestroyError;
pub use kind::ErrorKind;

/// Result of a driver call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A broken rule: the argument and the rule's text.
pub(crate) type Broken = (&'static str, String);

/// Progress of a failed batch of VM_BIND operations or GROUP_SUBMIT queue submits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchProgress {
    /// Recorded index of the failed operation or queue submit.
    pub(crate) failed: Option<usize>,
    /// Number of completed operations or queue submits.
    pub(crate) done: usize,
    /// Bound part of the VA range of the first incomplete operation.
    pub(crate) partial: Option<Range<u64>>,
}

impl BatchProgress {
    /// Returns the progress of a call that was refused as a whole, because of element `failed` if
    /// given.
    pub(crate) fn nothing_done(failed: Option<usize>) -> Self {
        Self { failed, done: 0, partial: None }
    }
}

#[derive(Debug, Clone)]
struct Repr {
    kind: ErrorKind,
    call: &'static str,
    errno: Option<Errno>,
    argument: Option<&'static str>,
    detail: Option<Cow<'static, str>>,
    advice: Option<Cow<'static, str>>,
    progress: Option<BatchProgress>,
}

/// A failed call, with the reason and its remaining effects.
///
/// Errors of the driver have an [`errno`](Self::errno). Errors that this crate detected before the
/// call have none, and nothing has reached the driver.
///
/// ```
/// use panthor::{BoOptions, Device, ErrorKind};
///
/// let device = Device::open_fake()?;
/// let error = device.create_bo(BoOptions::new(0)).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidArgument);
/// assert_eq!(error.call(), "BO_CREATE");
/// assert_eq!(error.argument(), Some("size"));
/// assert_eq!(error.errno(), None);
/// # Ok::<(), panthor::Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Box<Repr>);

impl Error {
    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the uAPI name of the failed call (`VM_BIND`, `BO_CREATE`, ...).
    pub fn call(&self) -> &'static str {
        self.0.call
    }

    /// Returns the errno of the driver or the kernel, or `None` if the call was refused before the
    /// ioctl.
    pub fn errno(&self) -> Option<i32> {
        self.0.errno.map(Errno::raw_os_error)
    }

    /// Returns whether the errno is one of these.
    pub(crate) fn has_errno(&self, any_of: &[Errno]) -> bool {
        self.0.errno.is_some_and(|errno| any_of.contains(&errno))
    }

    /// Returns the argument that breaks a rule, if known.
    pub fn argument(&self) -> Option<&'static str> {
        self.0.argument
    }

    /// Returns the recorded index of the failed VM_BIND operation or GROUP_SUBMIT queue submit.
    ///
    /// Returns `None` if the call failed as a whole.
    pub fn op_index(&self) -> Option<usize> {
        self.0.progress.as_ref().and_then(|progress| progress.failed)
    }

    /// Returns the number of completed VM_BIND operations, in recorded order.
    ///
    /// Completed operations stay in effect. The number is 0 for a GROUP_SUBMIT, which succeeds or
    /// fails as a whole. Returns `None` if the error is not one of a batch.
    pub fn ops_done(&self) -> Option<usize> {
        self.0.progress.as_ref().map(|progress| progress.done)
    }

    /// Returns the part of the VA range that the first incomplete operation has bound.
    ///
    /// An operation that the library splits (emulated sparse ranges, maps beyond 64 GiB) can stop
    /// in its middle. Then either the operation failed and is [`op_index`](Self::op_index), or the
    /// call failed as a whole when it resumed after a signal. Other failed operations have no
    /// effect, with one exception: an operation that fails with
    /// [`DeviceLost`](ErrorKind::DeviceLost) may have unmapped the mappings in its range.
    pub fn partial_range(&self) -> Option<Range<u64>> {
        self.0.progress.as_ref().and_then(|progress| progress.partial.clone())
    }

    #[cold]
    pub(crate) fn os(call: &'static str, errno: Errno) -> Self {
        let error = Self::new(ErrorKind::of(errno), call, Some(errno), None);
        // The fake returns ECHILD in a child of `fork`. No driver returns this errno.
        #[cfg(feature = "fake")]
        if errno == Errno::CHILD {
            let rule = "is of a fake device that a parent process created, which alone can use it: open one anew";
            let error = error.with_kind(ErrorKind::InvalidArgument);
            return error.with_argument("self").with_detail(rule);
        }
        error
    }

    /// Creates an error of another part of the system, which is never a loss of this device.
    #[cold]
    pub(crate) fn elsewhere(call: &'static str, errno: Errno) -> Self {
        let error = Self::os(call, errno);
        match error.kind() {
            ErrorKind::DeviceLost => error.with_kind(ErrorKind::Other),
            _ => error,
        }
    }

    /// Creates an error of the fake, which reports the errnos of its system calls.
    #[cfg(feature = "fake")]
    #[cold]
    pub(crate) fn of_io(call: &'static str, error: &std::io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(errno) => Self::elsewhere(call, errno),
            None => Self::refused(ErrorKind::Other, call, error.to_string()),
        }
    }

    /// Creates an error of an ioctl on a caller-supplied fd. A fd of the wrong type becomes a
    /// broken rule.
    #[cold]
    pub(crate) fn of_file(
        call: &'static str,
        errno: Errno,
        argument: &'static str,
        rule: &'static str,
    ) -> Self {
        let error = Self::elsewhere(call, errno);
        match error.kind() {
            ErrorKind::Unsupported | ErrorKind::InvalidArgument => error
                .with_kind(ErrorKind::InvalidArgument)
                .with_argument(argument)
                .with_detail(rule),
            _ => error,
        }
    }

    #[cold]
    pub(crate) fn invalid(
        call: &'static str,
        argument: &'static str,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut error = Self::refused(ErrorKind::InvalidArgument, call, rule);
        error.0.argument = Some(argument);
        error
    }

    #[cold]
    pub(crate) fn refused(
        kind: ErrorKind,
        call: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(kind, call, None, Some(detail.into()))
    }

    fn new(
        kind: ErrorKind,
        call: &'static str,
        errno: Option<Errno>,
        detail: Option<Cow<'static, str>>,
    ) -> Self {
        let (argument, advice, progress) = (None, None, None);
        Self(Box::new(Repr { kind, call, errno, argument, detail, advice, progress }))
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds the path of the call's file.
    pub(crate) fn at(mut self, path: &Path) -> Self {
        let detail = self.0.detail.take().map_or(String::new(), |detail| format!(": {detail}"));
        self.0.detail = Some(format!("{}{detail}", text::path(path)).into());
        self
    }

    /// Converts the error of an internal call into an error of the caller's call.
    #[cold]
    pub(crate) fn within(mut self, call: &'static str, part: &str) -> Self {
        let mut detail = format!("{part} ({})", self.0.call);
        if let Some(own) = self.0.detail.take() {
            detail.push_str(": ");
            detail.push_str(&own);
        }
        (self.0.call, self.0.argument, self.0.detail) = (call, None, Some(detail.into()));
        self
    }

    /// Adds advice for the caller, in separate sentences.
    pub(crate) fn with_advice(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    pub(crate) fn with_argument(mut self, argument: &'static str) -> Self {
        self.0.argument = Some(argument);
        self
    }

    pub(crate) fn with_progress(mut self, progress: BatchProgress) -> Self {
        self.0.progress = Some(progress);
        self
    }
}

impl std::error::Error for Error {}

/// Wraps the error with its text, for [`get_ref`](std::io::Error::get_ref) and
/// [`into_inner`](std::io::Error::into_inner).
///
/// The result's `raw_os_error` is `None`, as for all wrapped errors. Use [`Error::errno`] instead.
///
/// ```
/// use panthor::{BoOptions, Error};
/// # let device = panthor::Device::open_fake()?;
/// # device.fake().expect("a fake").fail_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_BO_CREATE, 12);
/// let error = device.create_bo(BoOptions::new(4096)).unwrap_err();
/// let error = std::io::Error::from(error);
/// assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory);
/// let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
/// assert_eq!(inner.and_then(Error::errno), Some(12));
/// # Ok::<(), panthor::Error>(())
/// ```
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            ErrorKind::OutOfMemory => Io::OutOfMemory,
            ErrorKind::Unsupported => Io::Unsupported,
            ErrorKind::InvalidArgument => Io::InvalidInput,
            ErrorKind::Busy => Io::ResourceBusy,
            ErrorKind::NotFound => Io::NotFound,
            ErrorKind::PermissionDenied => Io::PermissionDenied,
            _ => Io::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_the_same_error() {
        let progress = BatchProgress { failed: Some(3), done: 3, partial: Some(0x1000..0x3000) };
        let error = Error::os("VM_BIND", Errno::NOMEM).with_argument("va").with_progress(progress);
        assert_eq!(format!("{:#?}", error.clone()), format!("{error:#?}"));
    }

    #[test]
    fn text_names_call_operation_argument_and_progress() {
        let error = Error::os("VM_BIND", Errno::NOMEM).with_progress(BatchProgress {
            failed: Some(3),
            done: 3,
            partial: Some(0x1000..0x3000),
        });
        let text = error.to_string();
        assert!(text.starts_with("VM_BIND: operation 3: "), "{text}");
        assert!(text.contains("os error 12"), "{text}");
        assert!(text.ends_with("(3 done) (and 0x1000..0x3000 of the failed one)"), "{text}");
        let nobody = BatchProgress { failed: None, done: 0, partial: Some(0x1000..0x3000) };
        let text = Error::os("VM_BIND", Errno::NOMEM).with_progress(nobody).to_string();
        assert!(text.ends_with("(os error 12) (and 0x1000..0x3000 of the next one)"), "{text}");
    }

    #[test]
    fn what_others_say_is_no_lost_device() {
        for errno in [Errno::NODEV, Errno::NXIO, Errno::IO, Errno::TIMEDOUT, Errno::CANCELED] {
            assert_eq!(Error::os("VM_BIND", errno).kind(), ErrorKind::DeviceLost);
            let error = Error::elsewhere("DMA_BUF_IOCTL_SYNC", errno);
            assert_eq!(error.kind(), ErrorKind::Other);
            assert_eq!(error.errno(), Some(errno.raw_os_error()));
        }
        let error = Error::elsewhere("dup", Errno::MFILE);
        assert_eq!((error.kind(), error.call()), (ErrorKind::OutOfMemory, "dup"));
    }

    #[test]
    fn io_error_keeps_the_error_inside() {
        let io: std::io::Error = Error::invalid("BO_CREATE", "size", "must not be 0").into();
        assert_eq!(io.kind(), std::io::ErrorKind::InvalidInput);
        let inner = io.get_ref().and_then(|e| e.downcast_ref::<Error>()).expect("our error");
        assert_eq!(inner.argument(), Some("size"));
    }

    #[test]
    fn kinds_have_their_like_among_those_of_io() {
        use std::io::ErrorKind as Io;
        for (kind, expected) in [
            (ErrorKind::OutOfMemory, Io::OutOfMemory),
            (ErrorKind::Unsupported, Io::Unsupported),
            (ErrorKind::InvalidArgument, Io::InvalidInput),
            (ErrorKind::Busy, Io::ResourceBusy),
            (ErrorKind::NotFound, Io::NotFound),
            (ErrorKind::PermissionDenied, Io::PermissionDenied),
            (ErrorKind::DeviceLost, Io::Other),
        ] {
            let io: std::io::Error = Error::refused(kind, "open", "for a reason").into();
            assert_eq!(io.kind(), expected);
            assert!(io.to_string().contains("for a reason"), "{io}");
        }
    }

    #[test]
    fn an_error_is_one_word() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
