//! What can go wrong: one error type that names the call, keeps the errno and says what is done.

mod destroy;
mod kind;
mod text;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use rustix::io::Errno;

pub use destroy::DestroyError;
pub use kind::ErrorKind;

/// The result of a call to the driver.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A broken rule: the argument and what it should be.
pub(crate) type Broken = (&'static str, String);

/// How far a batch came before it failed: of operations in a VM_BIND, or of queue submits in a GROUP_SUBMIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchProgress {
    /// The operation or queue submit to blame, in the caller's count.
    pub(crate) failed: Option<usize>,
    /// How many of the batch are done, in the caller's count.
    pub(crate) done: usize,
    /// The part of the VA range of the operation behind those that is bound all the same.
    pub(crate) partial: Option<Range<u64>>,
}

impl BatchProgress {
    /// Of a call that was refused as a whole, because of element `failed` if it was one's fault.
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

/// A failed call: which one, why, and what it left behind.
///
/// An error that the driver gave has an [`errno`](Self::errno). One that this crate found before the
/// call has none: nothing has reached the driver then.
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
    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The call that failed, by its name in the uAPI (`VM_BIND`, `BO_CREATE`, ...).
    pub fn call(&self) -> &'static str {
        self.0.call
    }

    /// The errno of the driver or the kernel; `None` when the call was refused before it was made.
    pub fn errno(&self) -> Option<i32> {
        self.0.errno.map(Errno::raw_os_error)
    }

    /// Returns whether the error is one of these answers of the driver or the kernel.
    pub(crate) fn has_errno(&self, any_of: &[Errno]) -> bool {
        self.0.errno.is_some_and(|errno| any_of.contains(&errno))
    }

    /// The argument to blame, where this crate knows it.
    pub fn argument(&self) -> Option<&'static str> {
        self.0.argument
    }

    /// The VM_BIND operation or the queue submit of a GROUP_SUBMIT to blame, counted from 0 as the caller
    /// recorded them.
    ///
    /// `None` when the whole call failed and no operation is to blame.
    pub fn op_index(&self) -> Option<usize> {
        self.0.progress.as_ref().and_then(|progress| progress.failed)
    }

    /// How many VM_BIND operations of the batch are done, counted as the caller recorded them.
    ///
    /// They stay done. 0 for a GROUP_SUBMIT, which is done as a whole or not at all. `None` when the error is
    /// not that of a batch.
    pub fn ops_done(&self) -> Option<usize> {
        self.0.progress.as_ref().map(|progress| progress.done)
    }

    /// The part of the VA range of the operation behind the [`ops_done`](Self::ops_done) ones that is bound all
    /// the same.
    ///
    /// An operation that became several (emulated sparse, a range split in chunks) can stop half-way: because it
    /// fails, and then it is the one of [`op_index`](Self::op_index), or because the call fails as a whole when it
    /// goes on after a signal. Any other one that is refused is not done at all; one that fails with
    /// [`DeviceLost`](ErrorKind::DeviceLost) may have unmapped what it was to replace.
    pub fn partial_range(&self) -> Option<Range<u64>> {
        self.0.progress.as_ref().and_then(|progress| progress.partial.clone())
    }

    #[cold]
    pub(crate) fn os(call: &'static str, errno: Errno) -> Self {
        let error = Self::new(ErrorKind::of(errno), call, Some(errno), None);
        // By this number the fake refuses a child of a fork. No driver returns it.
        #[cfg(feature = "fake")]
        if errno == Errno::CHILD {
            let rule = "is of a fake device that a parent process created, which alone can use it: open one anew";
            let error = error.with_kind(ErrorKind::InvalidArgument);
            return error.with_argument("self").with_detail(rule);
        }
        error
    }

    /// Of something else than the device, which is not lost whatever that says.
    #[cold]
    pub(crate) fn elsewhere(call: &'static str, errno: Errno) -> Self {
        let error = Self::os(call, errno);
        match error.kind() {
            ErrorKind::DeviceLost => error.with_kind(ErrorKind::Other),
            _ => error,
        }
    }

    /// Of the fake, which reports what the system answered to it.
    #[cfg(feature = "fake")]
    #[cold]
    pub(crate) fn of_io(call: &'static str, error: &std::io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(errno) => Self::elsewhere(call, errno),
            None => Self::refused(ErrorKind::Other, call, error.to_string()),
        }
    }

    /// Of an ioctl on a file that somebody gave: other files than those it is for do not know it.
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

    /// Names the file that the call was about.
    pub(crate) fn at(mut self, path: &Path) -> Self {
        let detail = self.0.detail.take().map_or(String::new(), |detail| format!(": {detail}"));
        self.0.detail = Some(format!("{}{detail}", text::path(path)).into());
        self
    }

    /// Reports the failure of a call that the caller did not ask for, made for a part of another one.
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

    /// Adds what the caller can do about the error, in sentences of their own.
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

/// The error goes along whole, with its text, for [`get_ref`](std::io::Error::get_ref) and
/// [`into_inner`](std::io::Error::into_inner). So `raw_os_error` is `None`, as of any error that has more to say
/// than a number: [`Error::errno`] has that.
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
