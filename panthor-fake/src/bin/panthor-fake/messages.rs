//! Reports of the server to the foreground process, one packet of a socket each.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};
use nix::unistd::Pid;

/// Exit status or signal of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Exited(i32),
    Signalled(i32),
}

/// State change of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// The program is about to start. The message names the server.
    Starting(Pid),
    /// The program has started. The message carries its pidfd.
    Started,
    /// The program and all its descendants have ended.
    Ended(Status),
    /// The program has ended, and the server continues for the remaining processes.
    Left(Status),
}

const SIZE: usize = 8;

impl Message {
    fn to_bytes(self) -> [u8; SIZE] {
        let (kind, value) = match self {
            Self::Starting(pid) => (0, pid.as_raw()),
            Self::Started => (1, 0),
            Self::Ended(Status::Exited(code)) => (2, code),
            Self::Ended(Status::Signalled(number)) => (3, number),
            Self::Left(Status::Exited(code)) => (4, code),
            Self::Left(Status::Signalled(number)) => (5, number),
        };
        let mut bytes = [0; SIZE];
        bytes[..4].copy_from_slice(&i32::to_ne_bytes(kind));
        bytes[4..].copy_from_slice(&value.to_ne_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; SIZE]) -> Self {
        let [a, b, c, d, rest @ ..] = bytes;
        let value = i32::from_ne_bytes(rest);
        match i32::from_ne_bytes([a, b, c, d]) {
            0 => Self::Starting(Pid::from_raw(value)),
            1 => Self::Started,
            2 => Self::Ended(Status::Exited(value)),
            3 => Self::Ended(Status::Signalled(value)),
            4 => Self::Left(Status::Exited(value)),
            _ => Self::Left(Status::Signalled(value)),
        }
    }
}

/// One end of the socket pair.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// Creates a socket pair.
    pub(crate) fn pair() -> nix::Result<(Self, Self)> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        Ok((Self(a), Self(b)))
    }

    /// Sends a message and an optional descriptor.
    pub(crate) fn send(&self, message: Message, fd: Option<&OwnedFd>) -> nix::Result<()> {
        let bytes = message.to_bytes();
        let fds: Vec<_> = fd.into_iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let control = if fds.is_empty() { &[][..] } else { &rights };
        let flags = MsgFlags::MSG_NOSIGNAL;
        sendmsg::<()>(self.0.as_raw_fd(), &[IoSlice::new(&bytes)], control, flags, None).map(drop)
    }

    /// Receives a message; returns `None` if the other end is closed.
    pub(crate) fn receive(&self) -> nix::Result<Option<(Message, Option<OwnedFd>)>> {
        let mut bytes = [0; SIZE];
        let mut space = nix::cmsg_space!(i32);
        let mut into = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let (len, fd) = loop {
            match recvmsg::<()>(self.0.as_raw_fd(), &mut into, Some(&mut space), flags) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
                Ok(received) => break (received.bytes, received.cmsgs()?.find_map(first_fd)),
            }
        };
        Ok((len == SIZE).then(|| (Message::from_bytes(bytes), fd)))
    }
}

fn first_fd(control: ControlMessageOwned) -> Option<OwnedFd> {
    let ControlMessageOwned::ScmRights(fds) = control else { return None };
    // SAFETY: the kernel created the descriptor for this message, so that nothing else owns it.
    fds.first().map(|&fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

impl std::os::fd::AsFd for Channel {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_as_they_were() {
        let (from, to) = Channel::pair().unwrap();
        let fd = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        for (message, fd) in [
            (Message::Starting(Pid::from_raw(4710)), None),
            (Message::Started, Some(&fd)),
            (Message::Ended(Status::Exited(3)), None),
            (Message::Ended(Status::Signalled(11)), None),
            (Message::Left(Status::Exited(0)), None),
            (Message::Left(Status::Signalled(40)), None),
        ] {
            to.send(message, fd).unwrap();
            let (received, with) = from.receive().unwrap().unwrap();
            assert_eq!((received, with.is_some()), (message, fd.is_some()));
        }
        drop(to);
        assert!(from.receive().unwrap().is_none());
    }
}
