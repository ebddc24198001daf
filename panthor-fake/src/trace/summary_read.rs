//! Summaries of trace files.

use std::fmt;
use std::io::{self, BufRead};

use super::event::Event;
use super::read::ParseError;
use super::summary::Summary;

impl Summary {
    /// Reads a trace of JSON lines. Empty lines are skipped, and so is an incomplete last line,
    /// which a killed process leaves.
    ///
    /// # Errors
    /// The first line that is not part of a trace, or the error of the reader.
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

/// The error of reading a trace.
#[non_exhaustive]
#[derive(Debug)]
pub enum ReadError {
    /// The reader failed.
    Io(io::Error),
    /// The line is in the text format, see [`TraceOptions::text`](super::TraceOptions::text). Only
    /// JSON can be read.
    Text {
        /// The line number, counted from 1.
        number: u64,
    },
    /// The line is not part of a trace.
    Line {
        /// The line number, counted from 1.
        number: u64,
        /// The problem with the line.
        error: ParseError,
    },
}

/// Returns whether a line is in the text format: a process or a dash, a time, and a call.
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
