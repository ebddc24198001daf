//! `DRM_IOCTL_PANTHOR_VM_BIND`: the checks of operations, and the synchronous mode.

use std::sync::Arc;

use panthor_sys as sys;

use crate::bo::Bo;
use crate::bo::reclaim::Spared;
use crate::bo::residency::{Pins, Turn};
use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, LONG_STEP, args};
use crate::device::DeviceInner;
use crate::file::bos::Objects;
use crate::vm::bind_async;
use crate::vm::va_space::Mapping;
use crate::vm::{Change, PAGE, Vm};

/// The number of operations per lock of the object table.
const BATCH: usize = 256;

/// A checked operation with its resources.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) change: Change,
    /// The bytes of page tables that the operation holds until it has run.
    pub(crate) page_tables: u64,
}

pub(crate) fn vm_bind(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_vm_bind = args(data);
    // The driver ignores other flags.
    if args.flags & sys::DRM_PANTHOR_VM_BIND_ASYNC != 0 {
        return bind_async::submit(call, args);
    }
    let vm = call.file.vm(args.vm_id)?;
    let ops = read_ops(call, args)?;
    let count = ops.len() as u64;
    let failure = call.file.injections.take_bind();
    let stop = failure.map_or(ops.len(), |failure| ops.len().min(failure.index as usize));

    let done = run(call, &vm, &ops[..stop]);
    let (done, result) = match (done, failure) {
        (Ok(()), Some(failure)) if stop < ops.len() => (stop as u64, Err(failure.errno)),
        (Ok(()), _) => (count, Ok(())),
        (Err((index, errno)), _) => (index as u64, Err(errno)),
    };
    call.file.stats.count_bind_ops(done);
    if result.is_err() {
        // The index of the failed operation.
        args.ops.count = done as u32;
    }
    result
}

/// Copies all operations before any is checked.
pub(crate) fn read_ops(
    call: &Call<'_>,
    args: &sys::drm_panthor_vm_bind,
) -> Result<Vec<sys::drm_panthor_vm_bind_op>> {
    if args.ops.count as usize > LONG_STEP {
        call.caller.begin_long_step()?;
    }
    let min_stride = size_of::<sys::drm_panthor_vm_bind_op>();
    call.read_array(&args.ops, min_stride, call.file.config().memory)
}

/// Runs the operations in order until one fails.
fn run(
    call: &Call<'_>,
    vm: &Vm,
    ops: &[sys::drm_panthor_vm_bind_op],
) -> core::result::Result<(), (usize, Errno)> {
    for (batch, ops) in ops.chunks(BATCH).enumerate() {
        if batch != 0 || ops.len() > LONG_STEP {
            call.caller.begin_long_step().map_err(|errno| (batch * BATCH, errno))?;
        }
        let objects = call.file.objects();
        for (index, op) in ops.iter().enumerate() {
            run_one(&objects, vm, op).map_err(|errno| (batch * BATCH + index, errno))?;
        }
    }
    Ok(())
}

fn run_one(objects: &Objects, vm: &Vm, op: &sys::drm_panthor_vm_bind_op) -> Result<()> {
    if op.syncs.count != 0 {
        return Err(Errno::INVAL);
    }
    if op.size == 0 {
        return Ok(());
    }
    let prepared = prepare(objects, vm, op, vm.page_tables_in_flight(), None)?;
    vm.apply(prepared.change)
}

/// Checks an operation and allocates its resources.
///
/// `in_flight` is the total of page table bytes that pending operations hold. `pins` keep the BO
/// resident for an operation that runs later.
pub(crate) fn prepare(
    objects: &Objects,
    vm: &Vm,
    op: &sys::drm_panthor_vm_bind_op,
    in_flight: u64,
    pins: Option<&mut Pins>,
) -> Result<Prepared> {
    if (op.va | op.size | op.bo_offset) % PAGE != 0 {
        return Err(Errno::INVAL);
    }
    let range = vm.user_va_range();
    if op.va >= range || op.size > range - op.va {
        return Err(Errno::INVAL);
    }
    match op.flags & sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MASK {
        sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MAP => prepare_map(objects, vm, op, in_flight, pins),
        sys::DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP => {
            check_plain(op)?;
            Ok(Prepared { change: Change::Unmap { va: op.va, size: op.size }, page_tables: 0 })
        }
        sys::DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY => {
            check_plain(op)?;
            if op.va != 0 || op.size != 0 || op.syncs.count == 0 {
                return Err(Errno::INVAL);
            }
            Ok(Prepared { change: Change::SyncOnly, page_tables: 0 })
        }
        _ => Err(Errno::INVAL),
    }
}

/// Checks that an operation other than a map has no map arguments.
fn check_plain(op: &sys::drm_panthor_vm_bind_op) -> Result<()> {
    let flags = op.flags & !sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MASK;
    if flags != 0 || op.bo_handle != 0 || op.bo_offset != 0 {
        return Err(Errno::INVAL);
    }
    Ok(())
}

fn prepare_map(
    objects: &Objects,
    vm: &Vm,
    op: &sys::drm_panthor_vm_bind_op,
    in_flight: u64,
    pins: Option<&mut Pins>,
) -> Result<Prepared> {
    const PLAIN: u32 = sys::DRM_PANTHOR_VM_BIND_OP_MAP_READONLY
        | sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC
        | sys::DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;

    let config = &vm.device.config;
    let sparse = op.flags & sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE != 0;
    let known =
        if config.has_sparse() { PLAIN | sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE } else { PLAIN };
    if op.flags & !known != 0 {
        return Err(Errno::INVAL);
    }
    let bo: &Arc<Bo> = if sparse {
        let noexec = op.flags & sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC != 0;
        if !noexec || op.bo_handle != 0 || op.bo_offset != 0 {
            return Err(Errno::INVAL);
        }
        vm.sparse_object()
    } else {
        let bo = objects.bo(op.bo_handle).ok_or(Errno::INVAL)?;
        if op.size > bo.size() || op.bo_offset > bo.size() - op.size {
            return Err(Errno::INVAL);
        }
        bo
    };
    if !bo.allows_vm(vm.id()) {
        return Err(Errno::INVAL);
    }
    match pins {
        Some(pins) => pins.pin(bo)?,
        None => bo.make_resident()?,
    }
    let page_tables = page_tables(bo, op.va, op.size, in_flight)?;
    let (size, offset, flags, object) = (op.size, op.bo_offset, op.flags, bo.clone());
    let mapping = Mapping { size, offset, flags, evicted: false, object };
    Ok(Prepared { change: Change::Map { va: op.va, mapping }, page_tables })
}

/// Returns the number of page tables of a level in a range, each spanning `1 << bits` bytes.
fn tables(va: u64, end: u64, bits: u32) -> u64 {
    let last = end.div_ceil(1 << bits);
    last - (va >> bits)
}

/// Returns the page table bytes that a map of a BO allocates in advance, after making room for
/// them.
///
/// # Errors
/// `ENOMEM` if the memory does not suffice, otherwise the error of [`page_table_bytes`].
pub(crate) fn page_tables(bo: &Bo, va: u64, size: u64, in_flight: u64) -> Result<u64> {
    let device = bo.device();
    let bytes = page_table_bytes(device, va, size)?;
    let needed = in_flight.saturating_add(bytes);
    if !device.pinned.has_room(needed, device.config.memory) {
        Turn::new(device).make_room(needed, &Spared::for_mapping_of(bo))?;
    }
    Ok(bytes)
}

/// Returns the page table bytes that a map allocates in advance: three levels for the whole range,
/// regardless of existing tables.
///
/// # Errors
/// `ENOMEM` if the array of page table pointers would be too large, with 4 KiB pages from about 1
/// TiB on.
pub(crate) fn page_table_bytes(device: &DeviceInner, va: u64, size: u64) -> Result<u64> {
    let end = va + size;
    let count = tables(va, end, 39) + tables(va, end, 30) + tables(va, end, 21);
    // An empty map at such an address needs no table. Since the rework of its allocations, the
    // driver treats this as a failure.
    if count == 0 && device.config.driver_minor >= 7 {
        return Err(Errno::NOMEM);
    }
    let array_max = device.config.page_size.array_max();
    if count * 8 > array_max { Err(Errno::NOMEM) } else { Ok(count * PAGE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_tables_are_counted_as_the_driver_does() {
        let count = |va, size| {
            let end = va + size;
            (tables(va, end, 39), tables(va, end, 30), tables(va, end, 21))
        };
        assert_eq!(count(0, 4096), (1, 1, 1));
        assert_eq!(count((2 << 20) - 4096, 8192), (1, 1, 2));
        assert_eq!(count(0, 1 << 40), (2, 1024, 524_288));
        assert_eq!(count(0, 0), (0, 0, 0));
        assert_eq!(count(2 << 20, 0), (1, 1, 0));
    }
}
