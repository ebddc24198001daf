//! The asynchronous mode of `DRM_IOCTL_PANTHOR_VM_BIND`: all operations are checked and prepared
//! first, then all are queued, or none.

use std::sync::Arc;

use panthor_sys as sys;

use crate::bo::residency::Pins;
use crate::call::errno::{Errno, Result};
use crate::call::ioctl::Call;
use crate::lock::lock;
use crate::sync::jobs::{Job, Queue};
use crate::sync::submission::Submission;
use crate::vm::bind::{Prepared, prepare, read_ops};
use crate::vm::bind_queue::BindWork;

pub(crate) fn submit(call: &Call<'_>, args: &sys::drm_panthor_vm_bind) -> Result<()> {
    let vm = call.file.vm(args.vm_id)?;
    let ops = read_ops(call, args)?;
    let mut all = Vec::with_capacity(ops.len());
    let mut pins = Pins::default();
    let mut submission = Submission::default();
    let before = vm.page_tables_in_flight();
    let mut page_tables = 0_u64;
    let failure = call.file.injections.take_async_bind();
    call.for_each(ops.iter().enumerate(), |(index, op)| {
        if vm.is_destroyed() || vm.is_unusable() {
            return Err(Errno::INVAL);
        }
        if let Some(failure) = failure.filter(|failure| failure.index as usize == index) {
            return Err(failure.errno);
        }
        let in_flight = before.saturating_add(page_tables);
        let prepared = prepare(&call.file.objects(), &vm, op, in_flight, Some(&mut pins))?;
        page_tables = page_tables.saturating_add(prepared.page_tables);
        all.push(prepared);
        submission.read_syncs(call, &op.syncs)
    })?;
    // The fence of every job of a batch is on all BOs of the batch.
    let pins = Arc::new(pins);
    let job = |prepared: Prepared| {
        let Prepared { change, page_tables } = prepared;
        Job::new(
            vm.device.clone(),
            &vm.line,
            BindWork { change, page_tables, pins: Some(pins.clone()) },
        )
    };
    let mut jobs: Vec<_> = all.into_iter().map(job).collect();
    drop(pins);

    submission.collect_signals(call)?;
    {
        let _in_one_piece = lock(&vm.submission);
        submission.attach(call, &mut jobs)?;
        // Nothing can fail from here on.
        vm.add_page_tables(page_tables);
        vm.push_jobs(jobs);
        submission.publish();
    }
    call.file.stats.count_bind_ops(ops.len() as u64);
    vm.run();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::arena::Arena;
    use crate::device::Device;
    use crate::device::config::Config;
    use crate::vm::Vm;

    const AT: u64 = 0x10000;

    /// Submits a sparse map that signals a new syncobj, and returns the syncobj.
    fn submit_map(file: &crate::file::File, vm_id: u32) -> u32 {
        let arena = Arena::new(AT, 4096);
        let call = |request, bytes: &[u8]| {
            assert!(arena.write(AT, bytes));
            assert_eq!(file.ioctl_in(request, AT, &arena), 0);
        };
        call(sys::DRM_IOCTL_SYNCOBJ_CREATE, bytemuck::bytes_of(&[0_u32; 2]));
        let mut created = [0_u32; 2];
        assert!(arena.read(AT, bytemuck::bytes_of_mut(&mut created)));
        let sync = sys::drm_panthor_sync_op {
            flags: sys::DRM_PANTHOR_SYNC_OP_SIGNAL,
            handle: created[0],
            timeline_value: 0,
        };
        let array = |array, stride: usize| sys::drm_panthor_obj_array {
            stride: stride as u32,
            count: 1,
            array,
        };
        let op = sys::drm_panthor_vm_bind_op {
            flags: sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE | sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC,
            size: 4096,
            syncs: array(AT + 0x200, size_of_val(&sync)),
            ..bytemuck::Zeroable::zeroed()
        };
        let ops = array(AT + 0x100, size_of_val(&op));
        let bind = sys::drm_panthor_vm_bind { vm_id, flags: sys::DRM_PANTHOR_VM_BIND_ASYNC, ops };
        assert!(arena.write(AT + 0x200, bytemuck::bytes_of(&sync)));
        assert!(arena.write(AT + 0x100, bytemuck::bytes_of(&op)));
        call(sys::DRM_IOCTL_PANTHOR_VM_BIND, bytemuck::bytes_of(&bind));
        created[0]
    }

    #[test]
    fn a_batch_waits_for_one_that_gets_its_fences() {
        let (file, vm, id) = held_vm();
        let other_batch = lock(&vm.submission);
        std::thread::scope(|scope| {
            let batch = scope.spawn(|| submit_map(&file, id));
            std::thread::sleep(Duration::from_millis(100));
            // The batch has no fence yet and is not queued.
            assert!(!batch.is_finished());
            assert_eq!((vm.pending(), vm.page_tables_in_flight()), (0, 0));
            drop(other_batch);
            let syncobj = batch.join().unwrap();
            assert_eq!(vm.pending(), 1);
            assert!(file.inner().syncobj(syncobj).unwrap().find_fence(0).is_ok());
        });
    }

    #[test]
    fn a_batch_that_gets_its_fences_keeps_others_waiting() {
        let (file, vm, id) = held_vm();
        let queue = lock(&vm.jobs);
        std::thread::scope(|scope| {
            let batch = scope.spawn(|| submit_map(&file, id));
            // The batch has its fences and is about to be queued.
            while vm.page_tables_in_flight() == 0 {
                std::thread::yield_now();
            }
            let is_alone = vm.submission.try_lock().is_none();
            drop(queue);
            batch.join().unwrap();
            assert!(is_alone);
        });
        assert!(vm.submission.try_lock().is_some());
    }

    /// Creates a file and a VM with a held queue, and returns them with the VM's ID.
    fn held_vm() -> (crate::file::File, Arc<Vm>, u32) {
        let device = Device::new(Config::default()).unwrap();
        let file = device.open();
        let vm = Vm::new(device.inner().clone(), 1 << 47, file.inner().sparse_object().unwrap());
        let id = file.inner().add_vm(vm.clone()).unwrap();
        vm.hold();
        (file, vm, id)
    }
}
