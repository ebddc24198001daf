//! The release of a file.

use std::sync::Weak;

use crate::file::FileInner;
use crate::file::bos::end_sharing;
use crate::lock::{lock, write};

impl Drop for FileInner {
    /// Releases all objects of the file that have no other reference.
    fn drop(&mut self) {
        // The objects belong to the parent. Locks may be held forever, since the threads that held
        // them do not exist in the child.
        if self.device_inner().is_inherited() {
            return;
        }
        let groups = write(&self.groups).take_all();
        for group in groups {
            group.destroy();
        }
        let vms = write(&self.vms).take_all();
        let destroyed: Vec<_> =
            lock(&self.destroyed_vms).iter().filter_map(Weak::upgrade).collect();
        for vm in &vms {
            vm.destroy();
        }
        for vm in vms.iter().chain(&destroyed) {
            vm.close();
        }
        let bos = write(&self.objects).take_all();
        for bo in bos {
            bo.uncount_handle();
            if bo.name() != 0 {
                self.device_inner().names.forget(&bo);
            }
            end_sharing(bo);
        }
        if let Some(primary) = &self.primary {
            primary.close(&self.device.inner().masters);
        }
        self.device.inner().close_counters(&self.stats);
        #[cfg(feature = "trace")]
        self.device.inner().trace.release(self.target());
    }
}

#[cfg(test)]
mod tests {
    use crate::device::Device;
    use crate::device::config::Config;
    use crate::sync::jobs::{Job, Queue};
    use crate::vm::bind_queue::BindWork;
    use crate::vm::{Change, Vm};

    #[test]
    fn a_job_that_is_submitted_while_its_vm_is_destroyed_ends_with_the_file() {
        let device = Device::new(Config::default()).unwrap();
        let file = device.open();
        let inner = &file.inner;
        let sparse = inner.sparse_object().unwrap();
        let id = inner.add_vm(Vm::new(device.inner().clone(), 1 << 47, sparse)).unwrap();
        // A submitting thread, with a concurrent destroy in between.
        let vm = inner.vm(id).unwrap();
        vm.hold();
        inner.destroy_vm(id).unwrap();
        let work = BindWork { change: Change::SyncOnly, page_tables: 0, pins: None };
        let job = Job::new(device.inner().clone(), &vm.line, work);
        let done = job.done().clone();
        vm.push_jobs([job]);
        vm.run();
        drop(vm);
        assert!(!done.is_signalled());
        drop(file);
        assert!(done.is_signalled());
        device.assert_released();
    }
}
