//! Error numbers by name.

use nix::errno::Errno;

/// What the kernel has instead of `EINTR` inside.
const ERESTARTSYS: i32 = 512;

/// The name of an error number.
pub(crate) fn name(errno: i32) -> Option<String> {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno if errno == ERESTARTSYS => Some("ERESTARTSYS".to_owned()),
        Errno::UnknownErrno => None,
        known => Some(format!("{known:?}")),
    }
}

/// What an error number means, in a few words.
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
