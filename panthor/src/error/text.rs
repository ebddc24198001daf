//! Error texts.

use std::fmt;
use std::path::Path;

use super::Error;

/// Returns a readable path: quoted and escaped if it is empty or not printable.
pub(super) fn path(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.is_empty() && !text.chars().any(char::is_control) => text.to_owned(),
        _ => format!("{path:?}"),
    }
}

/// Returns the name of a batch element of this call.
fn element(call: &str) -> &'static str {
    match call {
        "GROUP_SUBMIT" => "queue submit",
        _ => "operation",
    }
}

/// Writes `CALL: operation N: argument: problem: errno (progress). Advice.`, without absent parts.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repr = &*self.0;
        f.write_str(repr.call)?;
        if let Some(index) = self.op_index() {
            write!(f, ": {} {index}", element(repr.call))?;
        }
        if let Some(argument) = repr.argument {
            write!(f, ": {argument}")?;
        }
        if let Some(detail) = &repr.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(errno) = repr.errno {
            write!(f, ": {}", std::io::Error::from(errno))?;
        }
        if let Some(progress) = &repr.progress {
            if progress.done > 0 {
                write!(f, " ({} done)", progress.done)?;
            }
            if let Some(part) = &progress.partial {
                let which = if progress.failed.is_some() { "failed" } else { "next" };
                write!(f, " (and {:#x}..{:#x} of the {which} one)", part.start, part.end)?;
            }
        }
        if let Some(advice) = &repr.advice {
            write!(f, ". {advice}")?;
        }
        Ok(())
    }
}

/// Writes the message with the kind, as `fn main() -> panthor::Result<()>` prints it, or all
/// fields with `{:#?}`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repr = &*self.0;
        if !f.alternate() {
            return write!(f, "{self} [{:?}]", repr.kind);
        }
        f.debug_struct("Error")
            .field("message", &format_args!("{self}"))
            .field("kind", &repr.kind)
            .field("call", &repr.call)
            .field("errno", &repr.errno)
            .field("argument", &repr.argument)
            .field("progress", &repr.progress)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use rustix::io::Errno;

    use super::*;
    use crate::error::{BatchProgress, ErrorKind};

    #[test]
    fn debug_starts_with_the_message() {
        let error = Error::os("BO_CREATE", Errno::NOMEM).with_argument("size");
        let message = "BO_CREATE: size: Cannot allocate memory (os error 12)";
        assert_eq!(error.to_string(), message);
        assert_eq!(format!("{error:?}"), format!("{message} [OutOfMemory]"));
        let fields = format!("{error:#?}");
        assert!(fields.starts_with("Error {\n    message: BO_CREATE: size: "), "{fields}");
        assert!(fields.contains("argument: Some"), "{fields}");
    }

    #[test]
    fn advice_is_a_sentence_of_its_own() {
        let error = Error::refused(ErrorKind::Busy, "VM_DESTROY", "a group needs the VM");
        let error = error.with_advice("Destroy the group first.");
        assert_eq!(error.to_string(), "VM_DESTROY: a group needs the VM. Destroy the group first.");
    }

    #[test]
    fn elements_of_a_batch_have_the_name_of_the_call() {
        let nothing = || BatchProgress::nothing_done(Some(2));
        let bind = Error::invalid("VM_BIND", "va", "is odd").with_progress(nothing());
        assert_eq!(bind.to_string(), "VM_BIND: operation 2: va: is odd");
        let submit = Error::invalid("GROUP_SUBMIT", "queue", "is none").with_progress(nothing());
        assert_eq!(submit.to_string(), "GROUP_SUBMIT: queue submit 2: queue: is none");
    }

    #[test]
    fn paths_are_quoted_only_if_need_be() {
        for (bytes, text) in [
            (&b"/dev/dri/renderD128"[..], "/dev/dri/renderD128"),
            (b"/a b/\xc3\xa9", "/a b/\u{e9}"),
            (b"", "\"\""),
            (b"a\0b", "\"a\\0b\""),
            (b"a\x1b[31mb\n", "\"a\\u{1b}[31mb\\n\""),
            (b"\xff", "\"\\xFF\""),
        ] {
            assert_eq!(path(Path::new(OsStr::from_bytes(bytes))), text);
        }
    }
}
