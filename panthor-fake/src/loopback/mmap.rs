//! Checks of `mmap(2)` on nodes. The kernel makes the mapping if the driver would permit it.

use nix::libc;

use super::listener::{Answer, Notification};
use super::node::OpenNode;
use super::process::identity_of;
use super::supervisor::HandOver;
use super::world::World;
use crate::bo::mapping::Prot;
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::Foreign;
use crate::sharing::descriptors::{Object, find, with_table};

/// Refuses an mmap of an exported dma-buf's descriptor, because the file behind it is not the
/// memory of the BO.
fn of_dma_buf(world: &World, call: &Notification<'_>, fd: i32) -> Answer {
    if !with_table(|table| table.values().any(is_export)) {
        return Answer::Continue;
    }
    let exported = match world.shortage(identity_of(call.thread(), fd)) {
        Ok(identity) => identity.and_then(find),
        Err(errno) => return Answer::Error(errno),
    };
    if exported.as_ref().is_some_and(is_export) {
        world.complain(
            call.thread(),
            "maps the descriptor of a dma-buf: the loopback cannot show its memory there, only where the \
             BO itself is mapped",
        );
        return Answer::Error(Errno::NODEV);
    }
    Answer::Continue
}

fn is_export(object: &Object) -> bool {
    matches!(object, Object::DmaBuf(dma_buf) if dma_buf.bo().is_some())
}

/// Answers `mmap(2)`.
pub(super) fn mmap(world: &World, call: &Notification<'_>, hand_over: &HandOver<'_>) -> Answer {
    let [_, len, _, flags, fd, offset] = call.args;
    if flags as i32 & libc::MAP_ANONYMOUS != 0 {
        return Answer::Continue;
    }
    let node = match world.node(call.thread(), fd as i32) {
        Ok(Some(node)) => node,
        Ok(None) => return of_dma_buf(world, call, fd as i32),
        Err(errno) => return Answer::Error(errno),
    };
    let thread = call.thread();
    let memory = world.nodes.memory();
    // The permit precedes the check, so that memory released between the check and the mapping is
    // not reused.
    memory.permits.grant(thread, offset..offset.saturating_add(len));
    let mut answer = check(world, call, &node);
    if matches!(answer, Err(Errno::ACCES)) && memory.is_retired(offset) {
        // The offset of a destroyed BO stays reserved while a process may map it. Reclaim frees the
        // offset if none does.
        memory.permits.end(thread);
        // If no other thread can lead, other calls wait.
        let _ = hand_over.now();
        world.reclaim();
        answer = check(world, call, &node);
    }
    if answer.is_err() {
        memory.permits.end(thread);
    }
    trace(call, &node, &answer);
    answer.into()
}

/// Reports the call to the trace. The address is unknown, because the kernel makes the mapping
/// later.
#[cfg(feature = "trace")]
fn trace(call: &Notification<'_>, node: &OpenNode, answer: &Result<Answer>) {
    use super::process::process_of;
    use crate::file::traced::MmapArgs;
    use crate::trace::Who;

    let file = node.file.inner();
    if !file.device_inner().trace.is_on() {
        return;
    }
    let [_, len, prot, _, fd, offset] = call.args;
    let thread = call.thread();
    let pid = process_of(thread).unwrap_or(thread).as_raw();
    let by = Who::new(pid, thread.as_raw(), fd as i32);
    let args = MmapArgs { len, prot: kinds(prot), offset };
    let result = answer.as_ref().map_or_else(|&errno| Err(errno), |_| Ok(()));
    let _ = file.trace_mmap(by, args, || result, |()| None);
}

#[cfg(not(feature = "trace"))]
fn trace(_: &Notification<'_>, _: &OpenNode, _: &Result<Answer>) {}

/// Returns the kinds of access that `PROT_*` bits allow.
fn kinds(prot: u64) -> Prot {
    let mut kinds = Prot::empty();
    kinds.set(Prot::READ, prot as i32 & libc::PROT_READ != 0);
    kinds.set(Prot::WRITE, prot as i32 & libc::PROT_WRITE != 0);
    kinds
}

/// Checks whether the driver would permit the mapping.
fn check(world: &World, call: &Notification<'_>, node: &OpenNode) -> Result<Answer> {
    let [_, len, prot, flags, _, offset] = call.args;
    let len = usize::try_from(len).map_err(|_| Errno::NOMEM)?;
    let bo = node.file.inner().check_mmap(len, kinds(prot), offset)?;
    // A private mapping would not show writes of the GPU.
    let shared = flags as i32 & libc::MAP_SHARED != 0;
    // Registers are not executable.
    if !shared || (bo.is_none() && prot as i32 & libc::PROT_EXEC != 0) {
        return Err(Errno::INVAL);
    }
    if let Some(bo) = bo {
        // The memory of the BO is in another file, which this descriptor does not cover.
        if bo.is_imported() {
            world.complain(
                call.thread(),
                "maps a BO that another driver's dma-buf is: the loopback cannot show it",
            );
            return Err(Errno::NODEV);
        }
        bo.set_mapped_elsewhere();
    }
    Ok(Answer::Continue)
}
