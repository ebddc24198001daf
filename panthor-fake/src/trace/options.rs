//! What a trace looks like, and how it begins and ends.

use std::io::{self, Write};

use crate::device::Device;

use super::event::Event;
use super::reader::{Limits, MOST_ELEMENTS};

/// What a line of a trace is.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// As `strace` would print it if it knew Panthor.
    Text,
    /// A JSON object: see the module.
    #[cfg(feature = "trace-json")]
    Json,
}

/// How a trace is written.
#[derive(Clone, Copy, Debug)]
pub struct TraceOptions {
    pub(super) format: Format,
    elements: usize,
    text: usize,
}

impl TraceOptions {
    /// Elements of an array and bytes of a string that text shows.
    const SHOWN: (usize, usize) = (32, 80);

    /// Lines of text; of an array the first 32 elements, of a string the first 80 bytes.
    pub const fn text() -> Self {
        Self { format: Format::Text, elements: Self::SHOWN.0, text: Self::SHOWN.1 }
    }

    /// Lines of JSON, with all that arrays and strings have, so that a [`Summary`](super::Summary) counts it.
    #[cfg(feature = "trace-json")]
    pub const fn json() -> Self {
        Self { format: Format::Json, elements: usize::MAX, text: usize::MAX }
    }

    /// Shows so many elements of an array at most.
    ///
    /// 262144 for one call, those in arrays of arrays included, are the most in any case.
    #[must_use]
    pub const fn elements(self, most: usize) -> Self {
        Self { elements: most, ..self }
    }

    /// Shows all elements of arrays, and all of strings.
    #[must_use]
    pub const fn all(self) -> Self {
        Self { elements: usize::MAX, text: usize::MAX, ..self }
    }

    pub(super) fn limits(self) -> Limits {
        Limits { elements: self.elements.min(MOST_ELEMENTS), text: self.text }
    }
}

/// Tracing; with the feature `trace`.
impl Device {
    /// Writes a line for every ioctl on any file of the device when it has been answered, and for every open, CPU
    /// mapping, unmapping and end of a file, from now on. A trace that goes on already ends.
    ///
    /// Each line is one call of `write_all`, one after the other. An error of the writer fails no ioctl:
    /// the writer gets no further line, and [`Device::end_trace`] returns the error. The panic of a writer is the
    /// caller's and loses the line that was written.
    ///
    /// No lock is held while the writer runs, and ioctls that the writer itself makes are not traced. A thread whose
    /// call ends while another thread is in the writer leaves the line to that thread and goes on. A thread waits for
    /// the writer only when 16 MiB of lines are queued.
    ///
    /// Ioctls on dma-bufs and sync files are of no device: those of
    /// [`descriptor_ioctl`](crate::descriptor_ioctl) are not in its trace.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use panthor_fake::trace::TraceOptions;
    /// use panthor_fake::{Arena, Config, Device};
    /// use panthor_sys::DRM_IOCTL_PANTHOR_VM_CREATE;
    ///
    /// /// In a real test a file, or standard error.
    /// #[derive(Clone, Default)]
    /// struct Memory(Arc<Mutex<Vec<u8>>>);
    ///
    /// impl std::io::Write for Memory {
    ///     fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
    ///         self.0.lock().unwrap().write(bytes)
    ///     }
    ///
    ///     fn flush(&mut self) -> std::io::Result<()> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let device = Device::new(Config::default())?;
    /// let trace = Memory::default();
    /// device.trace_to(trace.clone(), TraceOptions::text());
    ///
    /// let arena = Arena::new(0x10000, 4096);
    /// device.open().ioctl_in(DRM_IOCTL_PANTHOR_VM_CREATE, 0x10000, &arena);
    /// device.end_trace()?;
    ///
    /// // 4711 0.000123 ioctl(renderD128:1, DRM_IOCTL_PANTHOR_VM_CREATE, {flags=0, user_va_range=0x0}) = 0
    /// // => {id=1, user_va_range=0x800000000000} <0.000010>
    /// let text = String::from_utf8(trace.0.lock().unwrap().clone())?;
    /// assert!(text.contains("DRM_IOCTL_PANTHOR_VM_CREATE, {flags=0, user_va_range=0x0}) = 0 => {id=1, "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace_to(&self, writer: impl Write + Send + 'static, options: TraceOptions) {
        self.inner().trace.start_lines(options, Box::new(writer));
    }

    /// Calls a function with every ioctl on any file of the device when it has been answered, and with every open, CPU
    /// mapping, unmapping and end of a file, from now on. A trace that goes on already ends.
    ///
    /// It is called in the thread that made the ioctl, and by several at once if several make some. No lock of
    /// the device is held meanwhile, and ioctls that it makes itself are not traced. Its panic is the caller's. If
    /// it keeps the device or a file of it, these live until the trace ends.
    /// Of the options only how much is shown matters.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// use panthor_fake::trace::TraceOptions;
    /// use panthor_fake::{Arena, Config, Device};
    /// use panthor_sys::DRM_IOCTL_GEM_CLOSE;
    ///
    /// let device = Device::new(Config::default())?;
    /// let failed = Arc::new(AtomicUsize::new(0));
    /// let count = failed.clone();
    /// device.trace_with(TraceOptions::text(), move |event| {
    ///     if event.result < 0 {
    ///         count.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// });
    ///
    /// // There is no BO with the handle 0.
    /// device.open().ioctl_in(DRM_IOCTL_GEM_CLOSE, 0x10000, &Arena::new(0x10000, 4096));
    /// assert_eq!(failed.load(Ordering::Relaxed), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn trace_with(
        &self,
        options: TraceOptions,
        callback: impl Fn(&Event) + Send + Sync + 'static,
    ) {
        self.inner().trace.start_callback(options, Box::new(callback));
    }

    /// Ends the trace, if there is one, and flushes its writer. Waits for a thread that is in the writer. Calls that go
    /// on in other threads may still be reported.
    ///
    /// # Errors
    /// The first error of the writer, or that of flushing it.
    pub fn end_trace(&self) -> io::Result<()> {
        self.inner().trace.stop()
    }
}
