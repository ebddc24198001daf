//! The asynchronous way of `DRM_IOCTL_PANTHOR_VM_BIND`: everything is checked and reserved first,
//! then all operations are queued, or none.

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
    // The fence of every job of a batch is on all BOs of it.
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
