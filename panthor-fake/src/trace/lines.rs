//! The line queue and the writer of a trace.
//!
//! The writer is user code, so it runs without any lock. A thread that finds the writer idle takes
//! the writer and writes the queued lines. Other threads only queue their lines.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Condvar;

use crate::lock::{Mutex, lock, rank};

type Writer = Box<dyn Write + Send>;

/// The bytes of queued lines above which a thread waits for the writer.
const MOST_QUEUED: usize = 16 << 20;

/// The queued lines of a trace, in order, and their writer.
pub(super) struct Lines {
    state: Mutex<State, { rank::TRACE_LINES }>,
    /// Signaled after each written line, and when the writer becomes idle.
    progress: Condvar,
}

struct State {
    /// The writer; `None` while a thread uses it.
    writer: Option<Writer>,
    queue: VecDeque<String>,
    /// The bytes of the queued lines.
    queued: usize,
    /// The first error of the writer, which stops the output.
    error: Option<io::Error>,
}

/// Exclusive use of the writer. The drop returns the writer, also during a panic.
struct Turn<'a> {
    lines: &'a Lines,
    /// `Some` until the drop.
    writer: Option<Writer>,
}

impl Lines {
    pub(super) fn new(writer: Writer) -> Self {
        let state = State { writer: Some(writer), queue: VecDeque::new(), queued: 0, error: None };
        Self { state: Mutex::new(state), progress: Condvar::new() }
    }

    /// Writes a line, or leaves the line to the thread that uses the writer.
    pub(super) fn put(&self, line: String) {
        let mut state = lock(&self.state);
        while state.writer.is_none() && state.queued > MOST_QUEUED {
            state = state.wait(&self.progress, None);
        }
        if state.error.is_some() {
            return;
        }
        state.queued += line.len();
        state.queue.push_back(line);
        if let Some(writer) = state.writer.take() {
            drop(state);
            Turn { lines: self, writer: Some(writer) }.write();
        }
    }

    /// Writes the remaining lines and flushes the writer, after waiting for a thread in the writer.
    ///
    /// # Errors
    /// The first error of the writer.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        let writer = loop {
            match state.writer.take() {
                Some(writer) => break writer,
                None => state = state.wait(&self.progress, None),
            }
        };
        let queue = state.take_queue();
        drop(state);
        let mut turn = Turn { lines: self, writer: Some(writer) };
        for line in queue {
            turn.write_line(&line);
        }
        let error = lock(&self.state).error.take();
        let result = error.map_or_else(|| turn.flush(), Err);
        // Other threads may have queued lines meanwhile.
        turn.write();
        result
    }
}

impl State {
    fn take_queue(&mut self) -> VecDeque<String> {
        self.queued = 0;
        std::mem::take(&mut self.queue)
    }
}

impl Turn<'_> {
    /// Writes all queued lines and returns the writer.
    fn write(mut self) {
        loop {
            let mut state = lock(&self.lines.state);
            let Some(line) = state.queue.pop_front() else {
                // Under the lock that shows the empty queue, so that no line is left behind.
                self.put_back(&mut state);
                return;
            };
            state.queued -= line.len();
            drop(state);
            self.write_line(&line);
        }
    }

    fn write_line(&mut self, line: &str) {
        let Some(writer) = &mut self.writer else { return };
        let result = writer.write_all(line.as_bytes());
        let mut state = lock(&self.lines.state);
        if let Err(error) = result {
            state.error.get_or_insert(error);
            state.take_queue();
        }
        self.lines.progress.notify_all();
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }

    fn put_back(&mut self, state: &mut State) {
        if let Some(writer) = self.writer.take() {
            state.writer = Some(writer);
            self.lines.progress.notify_all();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.writer.is_some() {
            let lines = self.lines;
            self.put_back(&mut lock(&lines.state));
        }
    }
}
