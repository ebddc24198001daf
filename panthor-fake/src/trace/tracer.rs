//! The tracer of a device, and the delivery of events.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::call::uaccess::UserMemory;
use crate::lock::{Mutex, assert_none_held, lock, rank};

use super::event::{Call, Event, Pending, Target, Who};
use super::lines::Lines;
use super::options::{Format, TraceOptions};
use super::value::Fields;

/// The trace slot of a device.
#[derive(Default)]
pub(crate) struct Slot {
    /// Set while there is a trace. Untraced calls read only this flag.
    is_on: AtomicBool,
    tracer: Mutex<Option<Arc<Tracer>>, { rank::TRACER }>,
}

/// A running trace.
struct Tracer {
    start: Instant,
    options: TraceOptions,
    sink: Sink,
}

type Callback = Box<dyn Fn(&Event) + Send + Sync>;

enum Sink {
    Callback(Callback),
    Lines(Lines),
}

thread_local! {
    /// Set while this thread reports an event; its nested calls are not reported.
    static REPORTING: Cell<bool> = const { Cell::new(false) };
}

/// Events with their traces.
type Reports = Vec<(Arc<Tracer>, Event)>;

thread_local! {
    /// The deferred reports of this thread; `None` without a [`Deferral`].
    static DEFERRED: RefCell<Option<Reports>> = const { RefCell::new(None) };
}

/// A guard that defers the reports of this thread's calls until it is dropped.
#[derive(Debug)]
pub(crate) struct Deferral {
    /// Set for the outermost guard of the thread, which delivers the reports.
    is_first: bool,
}

impl Deferral {
    pub(crate) fn begin() -> Self {
        let begin = |deferred: &RefCell<Option<_>>| {
            let mut deferred = deferred.borrow_mut();
            let is_first = deferred.is_none();
            deferred.get_or_insert_default();
            is_first
        };
        // The thread-local is gone at the end of a thread.
        Self { is_first: DEFERRED.try_with(begin).unwrap_or(false) }
    }

    /// Defers an event if there is a deferral; returns the event otherwise.
    fn take(tracer: &Arc<Tracer>, event: Event) -> Option<Event> {
        let mut event = Some(event);
        let _ = DEFERRED.try_with(|deferred| {
            if let Some(deferred) = &mut *deferred.borrow_mut() {
                deferred.extend(event.take().map(|event| (tracer.clone(), event)));
            }
        });
        event
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        if !self.is_first {
            return;
        }
        let reports = DEFERRED.try_with(|deferred| deferred.borrow_mut().take());
        for (tracer, event) in reports.ok().flatten().into_iter().flatten() {
            tracer.call(&event);
        }
    }
}

/// A guard that marks this thread as reporting.
struct Reporting;

impl Reporting {
    fn begin() -> Option<Self> {
        // The thread-local is gone at the end of a thread, which then reports nothing.
        let was = REPORTING.try_with(|reporting| reporting.replace(true)).unwrap_or(true);
        (!was).then_some(Self)
    }
}

impl Drop for Reporting {
    fn drop(&mut self) {
        let _ = REPORTING.try_with(|reporting| reporting.set(false));
    }
}

impl Slot {
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Answers an ioctl and reports it.
    pub(crate) fn around(
        &self,
        who: Who,
        on: Target,
        user: UserMemory<'_>,
        call: (u32, u64),
        answer: impl FnOnce() -> i32,
    ) -> i32 {
        let is_inner = REPORTING.try_with(Cell::get).unwrap_or(true);
        let Some(tracer) = self.get().filter(|_| !is_inner) else { return answer() };
        let limits = tracer.options.limits();
        let pending = Pending::begin(tracer.start, limits, who, on, user, call);
        let result = answer();
        tracer.report(pending.end(result));
        result
    }

    /// Answers a call other than an ioctl and reports it. `answer` returns the call's value, the
    /// traced result, and the traced output.
    pub(crate) fn around_call<T>(
        &self,
        who: Who,
        on: Target,
        (call, args): (Call, Fields),
        answer: impl FnOnce() -> (T, i32, Fields),
    ) -> T {
        let is_inner = REPORTING.try_with(Cell::get).unwrap_or(true);
        let Some(tracer) = self.get().filter(|_| !is_inner) else { return answer().0 };
        let began = Instant::now();
        let time = began.saturating_duration_since(tracer.start);
        let (value, result, out) = answer();
        let (took, who) = (began.elapsed(), Some(who));
        let (args, out) = (Some(args), Some(out));
        tracer.report(Event { time, took, who, on, call, args, result, out });
        value
    }

    /// Reports the release of a file.
    pub(crate) fn release(&self, on: Target) {
        if self.is_on() {
            if let Some(tracer) = self.get() {
                let event = Event::release(tracer.start.elapsed(), on);
                tracer.report(event);
            }
        }
    }

    fn get(&self) -> Option<Arc<Tracer>> {
        lock(&self.tracer).clone()
    }

    fn set(&self, tracer: Option<Tracer>) -> Option<Arc<Tracer>> {
        let mut slot = lock(&self.tracer);
        self.is_on.store(tracer.is_some(), Ordering::Relaxed);
        std::mem::replace(&mut *slot, tracer.map(Arc::new))
    }

    pub(super) fn start_callback(&self, options: TraceOptions, callback: Callback) {
        self.start(options, Sink::Callback(callback));
    }

    pub(super) fn start_lines(&self, options: TraceOptions, out: Box<dyn Write + Send>) {
        self.start(options, Sink::Lines(Lines::new(out)));
    }

    fn start(&self, options: TraceOptions, sink: Sink) {
        let before = self.set(Some(Tracer { start: Instant::now(), options, sink }));
        if let Some(before) = before {
            // No caller is left to receive the error of the replaced trace.
            let _ = before.finish();
        }
    }

    /// Ends the trace.
    pub(super) fn stop(&self) -> io::Result<()> {
        self.set(None).map_or(Ok(()), |tracer| tracer.finish())
    }
}

impl Tracer {
    /// Reports an event at once, or defers it.
    fn report(self: &Arc<Self>, event: Event) {
        if let Some(event) = Deferral::take(self, event) {
            self.call(&event);
        }
    }

    /// Calls the callback or writes a line.
    fn call(&self, event: &Event) {
        let Some(_reporting) = Reporting::begin() else { return };
        assert_none_held();
        match &self.sink {
            Sink::Callback(callback) => callback(event),
            Sink::Lines(lines) => lines.put(self.options.line(event)),
        }
    }

    fn finish(&self) -> io::Result<()> {
        let Sink::Lines(lines) = &self.sink else { return Ok(()) };
        let Some(_reporting) = Reporting::begin() else { return Ok(()) };
        lines.finish()
    }
}

impl TraceOptions {
    fn line(self, event: &Event) -> String {
        match self.format {
            Format::Text => format!("{event}\n"),
            #[cfg(feature = "trace-json")]
            Format::Json => format!("{}\n", event.to_json()),
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}
