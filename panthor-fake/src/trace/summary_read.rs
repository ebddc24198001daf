//! Summaries of traces in files.

use std::fmt;
use std::io::{self, BufRead};

use super::event::Event;
use super::read::ParseError;
use super::summary::Summary;

impl Summary {
    /// Counts a trace of JSON lines. Empty lines are skipped, and so is the last line if it has no end: then
    /// whoever wrote it was killed.
    ///
    /// # Errors
    /// The first line that is none of a trace, or what reading fails with.
    pub fn read(mut trace: impl BufRead) -> Result<Self, ReadError> {
        let mut summary = Self::default();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = trace.read_until(b'\n', &mut line);
            read.map_err(ReadError::Io)?;
            if line.is_empty() {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            match Event::from_json(text) {
                Ok(event) => summary.add(&event),
                Err(_) if line.last() != Some(&b'\n') && number > 1 => break,
                Err(_) if is_text(text) => return Err(ReadError::Text { number }),
                Err(error) => return Err(ReadError::Line { number, error }),
            }
        }
        Ok(summary)
    }
}

/// Why a trace could not be read.
#[non_exhaustive]
#[derive(Debug)]
pub enum ReadError {
    /// It could not be read at all.
    Io(io::Error),
    /// A line is one of text, as [`TraceOptions::text`](super::TraceOptions::text) has it, and only JSON is
    /// read.
    Text {
        /// The number of the line, counted from 1.
        number: u64,
    },
    /// A line is none of a trace.
    Line {
        /// The number of the line, counted from 1.
        number: u64,
        /// What is wrong with it.
        error: ParseError,
    },
}

/// Whether a line is of a trace for people: a process or a dash, a time, and what was done.
fn is_text(line: &str) -> bool {
    let mut words = line.split(' ');
    let [who, time, done] = [(); 3].map(|()| words.next().unwrap_or_default());
    (who == "-" || who.parse::<u32>().is_ok())
        && time.parse::<f64>().is_ok()
        && ["ioctl(", "open(", "mmap(", "munmap(", "release("]
            .iter()
            .any(|call| done.starts_with(call))
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the trace cannot be read: {error}"),
            Self::Text { number } => write!(
                f,
                "line {number} is of a trace of text, which is for people: a trace of JSON lines is needed \
                 (--trace-format json)"
            ),
            Self::Line { number, error } => {
                write!(f, "line {number} is none of a trace in JSON: {error}")
            }
        }
    }
}

impl std::error::Error for ReadError {}
