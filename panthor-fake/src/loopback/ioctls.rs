//! Ioctls on nodes, dma-bufs, sync files and syncobj descriptors.

use super::listener::{Answer, Notification};
use super::process::identity_of;
use super::supervisor::HandOver;
use super::waits::Remote;
use super::world::World;
use crate::call::errno::Errno;
use crate::call::ioctl::{TYPE, request_type};
use crate::call::uaccess::{Foreign, UserMemory};
use crate::sharing::descriptors::{Object, find, with_table};
use crate::sharing::ioctls::{self as descriptor_ioctls, FileCall};

/// Answers `ioctl(2)`.
pub(super) fn ioctl(world: &World, call: &Notification<'_>, hand_over: &HandOver<'_>) -> Answer {
    let [fd, request, argument, ..] = call.args;
    let (fd, request) = (fd as i32, request as u32);
    let caller = Remote {
        world,
        call,
        hand_over,
        #[cfg(feature = "trace")]
        fd,
    };
    let result = match world.node(call.thread(), fd) {
        Ok(Some(node)) => Some(node.file.answer(request, argument, UserMemory::of(call), &caller)),
        Ok(None) if request_type(request) == TYPE => match world.kind_of(call.thread(), fd) {
            // A descriptor that only names a node has no ioctls.
            Ok(named) => named.map(|_| -Errno::BADF.0),
            Err(Errno(errno)) => Some(-errno),
        },
        Ok(None) => on_descriptor(&caller, fd, request, argument),
        Err(Errno(errno)) => Some(-errno),
    };
    match result {
        Some(result @ 0..) => Answer::Value(result.into()),
        Some(error) => Answer::Error(Errno(-error)),
        None => Answer::Continue,
    }
}

/// Answers an ioctl on a dma-buf, a sync file or a syncobj descriptor; `None` if the file is not
/// the fake's.
fn on_descriptor(caller: &Remote<'_>, fd: i32, request: u32, argument: u64) -> Option<i32> {
    if fd < 0 || with_table(|table| table.is_empty()) {
        return None;
    }
    let object = match caller.world.shortage(identity_of(caller.call.thread(), fd)) {
        Ok(identity) => find(identity?)?,
        Err(Errno(errno)) => return Some(-errno),
    };
    let user = UserMemory::of(caller.call);
    let answer = || match descriptor_ioctls::answer(
        &FileCall { user, caller },
        &object,
        request,
        argument,
    ) {
        Some(Ok(())) => 0,
        Some(Err(Errno(errno))) => -errno,
        None => -Errno::NOTTY.0,
    };
    Some(traced(caller, &object, (request, argument), answer))
}

/// Runs `answer`, and reports the call to the trace if tracing is on.
#[cfg(feature = "trace")]
fn traced(
    caller: &Remote<'_>,
    object: &Object,
    call: (u32, u64),
    answer: impl FnOnce() -> i32,
) -> i32 {
    use crate::call::caller::Caller;
    use crate::trace::Target;

    let trace = &caller.world.nodes.device().inner().trace;
    if !trace.is_on() {
        return answer();
    }
    let on = match object {
        Object::DmaBuf(_) => Target::DmaBuf,
        Object::SyncFile(_) => Target::SyncFile,
        Object::Syncobj(_) => Target::Syncobj,
    };
    trace.around(caller.who(), on, UserMemory::of(caller.call), call, answer)
}

#[cfg(not(feature = "trace"))]
fn traced(_: &Remote<'_>, _: &Object, _: (u32, u64), answer: impl FnOnce() -> i32) -> i32 {
    answer()
}
