//! Names of error numbers.

use nix::errno::Errno;

/// The kernel's internal form of `EINTR`.
const ERESTARTSYS: i32 = 512;

/// Returns the name of an error number.
pub(crate) fn name(errno: i32) -> Option<String> {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno if errno == ERESTARTSYS => Some("ERESTARTSYS".to_owned()),
        Errno::UnknownErrno => None,
        known => Some(format!("{known:?}")),
    }
}

/// Returns a short description of an error number.
pub(crate) fn description(errno: i32) -> Option<&'static str> {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno => None,
        known => Some(known.desc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_numbers_have_names() {
        assert_eq!(name(22).as_deref(), Some("EINVAL"));
        assert_eq!(description(22), Some("Invalid argument"));
        assert_eq!(name(512).as_deref(), Some("ERESTARTSYS"));
        assert_eq!((name(4000), description(4000)), (None, None));
    }
}
