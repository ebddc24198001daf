//! Trace options, and the start and end of a trace.

use std::io::{self, Write};

use crate::device::Device;

use super::event::Event;
use super::reader::{Limits, MOST_ELEMENTS};

/// The format of a trace.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Text in the style of `strace`.
    Text,
    /// JSON objects, one a line. The module documents the schema.
    #[cfg(feature = "trace-json")]
    Json,
}

/// Trace options: the format and the length limits.
#[derive(Clone, Copy, Debug)]
pub struct TraceOptions {
    pub(super) format: Format,
    elements: usize,
    text: usize,
}

impl TraceOptions {
    /// The default limits of text: array elements and string bytes.
    const SHOWN: (usize, usize) = (32, 80);

    /// Returns options for lines of text, with the first 32 elements of an array and the first 80
    /// bytes of a string.
    pub const fn text() -> Self {
        Self { format: Format::Text, elements: Self::SHOWN.0, text: Self::SHOWN.1 }
    }

    /// Returns options for lines of JSON with complete arrays and strings, so that a
    /// [`Summary`](super::Summary) can count them.
    #[cfg(feature = "trace-json")]
    pub const fn json() -> Self {
        Self { format: Format::Json, elements: usize::MAX, text: usize::MAX }
    }

    /// Sets the maximum number of elements shown of an array.
    ///
    /// A call shows at most 262144 elements in total, including those of nested arrays.
    #[must_use]
    pub const fn elements(self, most: usize) -> Self {
        Self { elements: most, ..self }
    }

    /// Shows all elements of arrays and all bytes of strings.
    #[must_use]
    pub const fn all(self) -> Self {
        Self { elements: usize::MAX, text: usize::MAX, ..self }
    }

    pub(super) fn limits(self) -> Limits {
        Limits { elements: self.elements.min(MOST_ELEMENTS), text: self.text }
    }
}

/// Tracing, with the feature `trace`.
impl Device {
    /// Starts a trace that writes a line for every ioctl on any file of the device. Opens, CPU
    /// mappings, unmappings and releases of files have lines, too. Lines are written when the call
    /// returns. A running trace ends.
    ///
    /// Each line is one `write_all` call; calls do not overlap. A write error fails no ioctl: it
    /// stops the output, and [`Device::end_trace`] returns the error. A panic of the writer unwinds
    /// into the caller and loses the line.
    ///
    /// The writer runs without any lock, and its own ioctls are not traced. A thread with a line to
    /// write leaves the line to another thread that is in the writer. A thread waits for the writer
    /// only when 16 MiB of lines are queued.
    ///
    /// Ioctls on dma-bufs and sync files belong to no device. The trace does not include those of
    /// [`descriptor_ioctl`](crate::descriptor_ioctl).
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
    /// // 4711 0.000123 ioctl(renderD128:1, DRM_IOCTL_PANTHOR_VM_CREATE,
    /// // {flags=0, user_va_range=0x0}) = 0 => {id=1, user_va_range=0x800000000000} <0.000010>
    /// let text = String::from_utf8(trace.0.lock().unwrap().clone())?;
    /// assert!(text.contains("VM_CREATE, {flags=0, user_va_range=0x0}) = 0 => {id=1, "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace_to(&self, writer: impl Write + Send + 'static, options: TraceOptions) {
        self.inner().trace.start_lines(options, Box::new(writer));
    }

    /// Starts a trace that calls a function for every ioctl on any file of the device. The function
    /// is also called for opens, CPU mappings, unmappings and releases of files. Each call is
    /// reported when it returns. A running trace ends.
    ///
    /// The function runs in the calling thread, and concurrently if several threads call. The
    /// function runs without any device lock, and its own ioctls are not traced. A panic unwinds
    /// into the caller of the ioctl. A device or file that the function owns lives until the trace
    /// ends. Only the length limits of the options apply.
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

    /// Ends the trace, if there is one, and flushes its writer. Waits for a thread that is in the
    /// writer. Calls in progress in other threads may still be reported.
    ///
    /// # Errors
    /// The first error of the writer, or the error of flushing it.
    pub fn end_trace(&self) -> io::Result<()> {
        self.inner().trace.stop()
    }
}
