//! Ioctls on nodes.

use super::listener::{Answer, Notification};
use super::node::OpenNode;
use super::supervisor::HandOver;
use super::waits::Remote;
use super::world::World;
use crate::errno::Errno;
use crate::uaccess::{Foreign, UserMemory};

/// `ioctl(2)`.
pub(super) fn ioctl(world: &World, call: &Notification<'_>, hand_over: &HandOver<'_>) -> Answer {
    let fd = call.args[0] as i32;
    let Some(node) = world.node(call.thread(), fd) else {
        // What only names a node has no ioctls at all.
        let named = world.kind_of(call.thread(), fd).is_some();
        return if named { Answer::Error(Errno::BADF) } else { Answer::Continue };
    };
    match answer(world, call, hand_over, &node) {
        result @ 0.. => Answer::Value(result.into()),
        error => Answer::Error(Errno(-error)),
    }
}

/// The one place through which all ioctls on nodes go: zero, or a negative error number.
fn answer(
    world: &World,
    call: &Notification<'_>,
    hand_over: &HandOver<'_>,
    node: &OpenNode,
) -> i32 {
    let [_, request, argument, ..] = call.args;
    let request = request as u32;
    if let Err(Errno(errno)) = world.failures.take(request) {
        return -errno;
    }
    let caller = Remote { world, call, hand_over };
    node.file.answer(request, argument, UserMemory::of(call), &caller)
}
