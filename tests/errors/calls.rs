//! Calls that can fail because the driver does.

use panthor::sys::*;
use panthor::{
    BoOptions, BoSync, CacheOp, Device, GroupOptions, MapFlags, QueueOptions, Result, SyncPoint,
    TilerHeapOptions, Timeout, TimestampRequest, UserMmioOffset, VaAllocator, Vm, WaitFor, point,
};

/// Call, and the request that the driver refuses.
pub(crate) struct Call {
    /// File and name of the function.
    pub(crate) item: &'static str,
    pub(crate) request: u32,
    /// Name of the request in errors.
    pub(crate) name: &'static str,
    /// Prepares, has the driver armed, and calls.
    pub(crate) run: fn(&Device, Arm<'_>) -> Result<()>,
}

pub(crate) type Arm<'a> = &'a mut dyn FnMut();

macro_rules! calls {
    ($($item:literal $request:ident $name:literal $run:expr;)*) => {
        pub(crate) const ALL: &[Call] = &[$(Call {
            item: $item,
            request: $request,
            name: $name,
            run: $run,
        }),*];
    };
}

fn vm(device: &Device) -> Vm {
    device.create_vm(Default::default()).expect("a VM")
}

fn group_options() -> GroupOptions {
    GroupOptions::new().queue(QueueOptions::new(4096))
}

fn bo(device: &Device) -> panthor::Bo {
    device.create_bo(BoOptions::new(4096).wb_mmap()).expect("a BO")
}

fn syncobj(device: &Device) -> panthor::SyncObj {
    device.create_signaled_syncobj().expect("a syncobj")
}

fn timeline(device: &Device) -> panthor::Timeline {
    let timeline = device.create_timeline().expect("a timeline");
    timeline.signal(point::<1>()).expect("its first point");
    timeline
}

/// Arms what the fake is to do after what has been prepared, and calls.
macro_rules! then {
    ($arm:ident, $call:expr) => {{
        $arm();
        $call.map(drop).map_err(Into::into)
    }};
}

calls! {
    "bind/builder/blocking.rs submit" DRM_IOCTL_PANTHOR_VM_BIND "VM_BIND" |device, arm| {
        let vm = vm(device);
        then!(arm, vm.bind().map_sparse(0..4096).submit())
    };
    "bind/builder/queued.rs submit" DRM_IOCTL_PANTHOR_VM_BIND "VM_BIND" |device, arm| {
        let (vm, bo, done) = (vm(device), bo(device), syncobj(device));
        then!(arm, vm.bind_async().map(&bo, .., 0, MapFlags::NOEXEC).signal(&done).submit())
    };
    "bind/builder/queued.rs wait_until_available" DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT "SYNCOBJ_TIMELINE_WAIT" |device, arm| {
        let (vm, done) = (vm(device), syncobj(device));
        let mut batch = vm.bind_async();
        batch.unmap(0..4096).wait(&done);
        then!(arm, batch.wait_until_available(Timeout::FOREVER))
    };
    "bo/cache.rs sync_bos" DRM_IOCTL_PANTHOR_BO_SYNC "BO_SYNC" |device, arm| {
        let bo = bo(device);
        then!(arm, device.sync_bos(&[BoSync::new(&bo, .., CacheOp::Flush)]))
    };
    "bo/cache.rs sync" DRM_IOCTL_PANTHOR_BO_SYNC "BO_SYNC" |device, arm| {
        let bo = bo(device);
        then!(arm, bo.sync(.., CacheOp::FlushAndInvalidate))
    };
    "bo/info.rs set_label" DRM_IOCTL_PANTHOR_BO_SET_LABEL "BO_SET_LABEL" |device, arm| {
        let bo = bo(device);
        then!(arm, bo.set_label("label"))
    };
    "bo/info.rs clear_label" DRM_IOCTL_PANTHOR_BO_SET_LABEL "BO_SET_LABEL" |device, arm| {
        let bo = bo(device);
        then!(arm, bo.clear_label())
    };
    "bo/info.rs info" DRM_IOCTL_PANTHOR_BO_QUERY_INFO "BO_QUERY_INFO" |device, arm| {
        let bo = bo(device);
        then!(arm, bo.info())
    };
    "bo/mod.rs create_bo" DRM_IOCTL_PANTHOR_BO_CREATE "BO_CREATE" |device, arm| {
        then!(arm, device.create_bo(BoOptions::new(1)))
    };
    "bo/map.rs map" DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET "BO_MMAP_OFFSET" |device, arm| {
        let bo = bo(device);
        then!(arm, bo.map())
    };
    "bo/map.rs map_range" DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET "BO_MMAP_OFFSET" |device, arm| {
        let bo = bo(device);
        then!(arm, bo.map_range(0..4096, panthor::MapAccess::Read))
    };
    "bo/map.rs map_placed" DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET "BO_MMAP_OFFSET" |device, arm| {
        let bo = bo(device);
        let map = bo.map()?;
        let address = map.as_ptr();
        map.unmap_reserve()?;
        // SAFETY: that is reserved, and as long as the BO.
        then!(arm, unsafe { bo.map_placed(address, .., panthor::MapAccess::ReadWrite) })
    };
    "bo/mod.rs from_raw" DRM_IOCTL_PANTHOR_BO_QUERY_INFO "BO_QUERY_INFO" |device, arm| {
        let handle = bo(device).into_raw()?;
        let flags = panthor::BoFlags::WB_MMAP;
        // SAFETY: it was just given up, and is so again with an error.
        then!(arm, unsafe { panthor::Bo::from_raw(device, handle, 4096, flags, None) })
    };
    "bo/mod.rs from_raw" DRM_IOCTL_PRIME_HANDLE_TO_FD "PRIME_HANDLE_TO_FD" |device, arm| {
        let dma_buf = device.fake().expect("a fake").device().foreign_dma_buf(4096).expect("a dma-buf");
        let handle = device.import_bo(dma_buf)?.into_raw()?;
        let flags = panthor::BoFlags::empty();
        // SAFETY: as above.
        then!(arm, unsafe { panthor::Bo::from_raw(device, handle, 4096, flags, None) })
    };
    "bo/mod.rs destroy" DRM_IOCTL_GEM_CLOSE "GEM_CLOSE" |device, arm| {
        let bo = bo(device);
        then!(arm, bo.destroy())
    };
    "bo/prime.rs export" DRM_IOCTL_PRIME_HANDLE_TO_FD "PRIME_HANDLE_TO_FD" |device, arm| {
        let bo = bo(device);
        then!(arm, bo.export())
    };
    "bo/prime.rs import_bo" DRM_IOCTL_PRIME_FD_TO_HANDLE "PRIME_FD_TO_HANDLE" |device, arm| {
        let dma_buf = bo(device).export()?;
        then!(arm, device.import_bo(dma_buf))
    };
    "bo/prime.rs import_bo" DRM_IOCTL_PANTHOR_BO_QUERY_INFO "BO_QUERY_INFO" |device, arm| {
        let dma_buf = bo(device).export()?;
        then!(arm, device.import_bo(dma_buf))
    };
    "bo/caching.rs cache_maintenance" DRM_IOCTL_PANTHOR_DEV_QUERY "DEV_QUERY" |device, arm| {
        // A device caches the answer: take a fresh device.
        let fresh = Device::from_fake(device.fake().expect("a fake").clone())?;
        let bo = bo(&fresh);
        then!(arm, bo.cache_maintenance())
    };
    "bo/caching.rs cache_maintenance" DRM_IOCTL_PANTHOR_DEV_QUERY "DEV_QUERY" |device, arm| {
        let fresh = Device::from_fake(device.fake().expect("a fake").clone())?;
        then!(arm, fresh.cache_maintenance(panthor::BoFlags::WB_MMAP))
    };
    "flush_id.rs set_user_mmio_offset" DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET "SET_USER_MMIO_OFFSET" |device, arm| {
        then!(arm, device.set_user_mmio_offset(UserMmioOffset::Bits64))
    };
    "group/mod.rs create_group" DRM_IOCTL_PANTHOR_GROUP_CREATE "GROUP_CREATE" |device, arm| {
        let vm = vm(device);
        then!(arm, vm.create_group(group_options()))
    };
    "group/mod.rs state" DRM_IOCTL_PANTHOR_GROUP_GET_STATE "GROUP_GET_STATE" |device, arm| {
        let group = vm(device).create_group(group_options())?;
        then!(arm, group.state())
    };
    "group/mod.rs destroy" DRM_IOCTL_PANTHOR_GROUP_DESTROY "GROUP_DESTROY" |device, arm| {
        let group = vm(device).create_group(group_options())?;
        then!(arm, group.destroy())
    };
    "group/submit.rs submit" DRM_IOCTL_PANTHOR_GROUP_SUBMIT "GROUP_SUBMIT" |device, arm| {
        let group = vm(device).create_group(group_options())?;
        then!(arm, group.submit().queue(0).submit())
    };
    "group/submit.rs wait_until_available" DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT "SYNCOBJ_TIMELINE_WAIT" |device, arm| {
        let (group, done) = (vm(device).create_group(group_options())?, syncobj(device));
        let mut submission = group.submit();
        submission.queue(0).wait(&done);
        then!(arm, submission.wait_until_available(Timeout::FOREVER))
    };
    "heap.rs create_tiler_heap" DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE "TILER_HEAP_CREATE" |device, arm| {
        let vm = vm(device);
        then!(arm, vm.create_tiler_heap(TilerHeapOptions::new()))
    };
    "heap.rs destroy" DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY "TILER_HEAP_DESTROY" |device, arm| {
        let heap = vm(device).create_tiler_heap(TilerHeapOptions::new())?;
        then!(arm, heap.destroy())
    };
    "query/csif_info.rs csif_info" DRM_IOCTL_PANTHOR_DEV_QUERY "DEV_QUERY" |device, arm| {
        then!(arm, device.csif_info())
    };
    "query/gpu_info.rs gpu_info" DRM_IOCTL_PANTHOR_DEV_QUERY "DEV_QUERY" |device, arm| {
        then!(arm, device.gpu_info())
    };
    "query/page_sizes.rs page_sizes" DRM_IOCTL_PANTHOR_DEV_QUERY "DEV_QUERY" |device, arm| {
        then!(arm, device.page_sizes())
    };
    "query/priorities.rs group_priorities" DRM_IOCTL_PANTHOR_DEV_QUERY "DEV_QUERY" |device, arm| {
        then!(arm, device.group_priorities())
    };
    "query/timestamp.rs timestamps" DRM_IOCTL_PANTHOR_DEV_QUERY "DEV_QUERY" |device, arm| {
        then!(arm, device.timestamps(TimestampRequest::default()))
    };
    "sync/many.rs wait_all" DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT "SYNCOBJ_TIMELINE_WAIT" |device, arm| {
        let (binary, line) = (syncobj(device), timeline(device));
        let points = [SyncPoint::from(&binary), line.at(point::<1>())];
        then!(arm, device.wait_all(&points, WaitFor::Signaled, Timeout::FOREVER))
    };
    "sync/many.rs wait_any" DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT "SYNCOBJ_TIMELINE_WAIT" |device, arm| {
        let binary = syncobj(device);
        then!(arm, device.wait_any(&[SyncPoint::from(&binary)], WaitFor::Submitted, Timeout::NONE))
    };
    "sync/many.rs signal_all" DRM_IOCTL_SYNCOBJ_SIGNAL "SYNCOBJ_SIGNAL" |device, arm| {
        let binary = syncobj(device);
        then!(arm, device.signal_all(&[SyncPoint::from(&binary)]))
    };
    "sync/many.rs signal_all" DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL "SYNCOBJ_TIMELINE_SIGNAL" |device, arm| {
        let line = timeline(device);
        then!(arm, device.signal_all(&[line.at(point::<2>())]))
    };
    "sync/many.rs reset_all" DRM_IOCTL_SYNCOBJ_RESET "SYNCOBJ_RESET" |device, arm| {
        let binary = syncobj(device);
        then!(arm, device.reset_all(&[&binary]))
    };
    "sync/point.rs transfer_to" DRM_IOCTL_SYNCOBJ_TRANSFER "SYNCOBJ_TRANSFER" |device, arm| {
        let (binary, line) = (syncobj(device), timeline(device));
        then!(arm, line.at(point::<1>()).transfer_to(&binary))
    };
    "sync/point.rs export_sync_file" DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD "SYNCOBJ_HANDLE_TO_FD" |device, arm| {
        let line = timeline(device);
        then!(arm, line.at(point::<1>()).export_sync_file())
    };
    "sync/point.rs import_sync_file" DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE "SYNCOBJ_FD_TO_HANDLE" |device, arm| {
        let (sync_file, line) = (syncobj(device).export_sync_file()?, timeline(device));
        then!(arm, line.at(point::<2>()).import_sync_file(sync_file))
    };
    "sync/point.rs import_sync_fd" DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL "SYNCOBJ_TIMELINE_SIGNAL" |device, arm| {
        let line = timeline(device);
        then!(arm, line.at(point::<2>()).import_sync_fd(None))
    };
    "sync/point.rs notify" DRM_IOCTL_SYNCOBJ_EVENTFD "SYNCOBJ_EVENTFD" |device, arm| {
        let (line, eventfd) = (timeline(device), eventfd());
        then!(arm, line.at(point::<1>()).notify(eventfd))
    };
    "sync/point.rs notify_available" DRM_IOCTL_SYNCOBJ_EVENTFD "SYNCOBJ_EVENTFD" |device, arm| {
        let (line, eventfd) = (timeline(device), eventfd());
        then!(arm, line.at(point::<1>()).notify_available(eventfd))
    };
    "sync/share.rs import_syncobj" DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE "SYNCOBJ_FD_TO_HANDLE" |device, arm| {
        let fd = syncobj(device).export()?;
        then!(arm, device.import_syncobj(fd))
    };
    "sync/share.rs import_timeline" DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE "SYNCOBJ_FD_TO_HANDLE" |device, arm| {
        let fd = timeline(device).export()?;
        then!(arm, device.import_timeline(fd))
    };
    "sync/syncobj.rs create_syncobj" DRM_IOCTL_SYNCOBJ_CREATE "SYNCOBJ_CREATE" |device, arm| {
        then!(arm, device.create_syncobj())
    };
    "sync/syncobj.rs create_signaled_syncobj" DRM_IOCTL_SYNCOBJ_CREATE "SYNCOBJ_CREATE" |device, arm| {
        then!(arm, device.create_signaled_syncobj())
    };
    "sync/syncobj.rs wait" DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT "SYNCOBJ_TIMELINE_WAIT" |device, arm| {
        let binary = syncobj(device);
        then!(arm, binary.wait(Timeout::FOREVER))
    };
    "sync/syncobj.rs wait_available" DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT "SYNCOBJ_TIMELINE_WAIT" |device, arm| {
        let binary = syncobj(device);
        then!(arm, binary.wait_available(Timeout::FOREVER))
    };
    "sync/syncobj.rs signal" DRM_IOCTL_SYNCOBJ_SIGNAL "SYNCOBJ_SIGNAL" |device, arm| {
        let binary = syncobj(device);
        then!(arm, binary.signal())
    };
    "sync/syncobj.rs reset" DRM_IOCTL_SYNCOBJ_RESET "SYNCOBJ_RESET" |device, arm| {
        let binary = syncobj(device);
        then!(arm, binary.reset())
    };
    "sync/syncobj.rs export" DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD "SYNCOBJ_HANDLE_TO_FD" |device, arm| {
        let binary = syncobj(device);
        then!(arm, binary.export())
    };
    "sync/syncobj.rs export_sync_file" DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD "SYNCOBJ_HANDLE_TO_FD" |device, arm| {
        let binary = syncobj(device);
        then!(arm, binary.export_sync_file())
    };
    "sync/syncobj.rs import_sync_file" DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE "SYNCOBJ_FD_TO_HANDLE" |device, arm| {
        let binary = syncobj(device);
        let sync_file = binary.export_sync_file()?;
        then!(arm, binary.import_sync_file(sync_file))
    };
    "sync/syncobj.rs import_sync_fd" DRM_IOCTL_SYNCOBJ_SIGNAL "SYNCOBJ_SIGNAL" |device, arm| {
        let binary = syncobj(device);
        then!(arm, binary.import_sync_fd(None))
    };
    "sync/syncobj.rs notify" DRM_IOCTL_SYNCOBJ_EVENTFD "SYNCOBJ_EVENTFD" |device, arm| {
        let (binary, eventfd) = (syncobj(device), eventfd());
        then!(arm, binary.notify(eventfd))
    };
    "sync/syncobj.rs destroy" DRM_IOCTL_SYNCOBJ_DESTROY "SYNCOBJ_DESTROY" |device, arm| {
        let binary = syncobj(device);
        then!(arm, binary.destroy())
    };
    "sync/timeline.rs create_timeline" DRM_IOCTL_SYNCOBJ_CREATE "SYNCOBJ_CREATE" |device, arm| {
        then!(arm, device.create_timeline())
    };
    "sync/timeline.rs value" DRM_IOCTL_SYNCOBJ_QUERY "SYNCOBJ_QUERY" |device, arm| {
        let line = timeline(device);
        then!(arm, line.value())
    };
    "sync/timeline.rs last_submitted" DRM_IOCTL_SYNCOBJ_QUERY "SYNCOBJ_QUERY" |device, arm| {
        let line = timeline(device);
        then!(arm, line.last_submitted())
    };
    "sync/timeline.rs wait" DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT "SYNCOBJ_TIMELINE_WAIT" |device, arm| {
        let line = timeline(device);
        then!(arm, line.wait(point::<1>(), Timeout::FOREVER))
    };
    "sync/timeline.rs wait_available" DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT "SYNCOBJ_TIMELINE_WAIT" |device, arm| {
        let line = timeline(device);
        then!(arm, line.wait_available(point::<1>(), Timeout::FOREVER))
    };
    "sync/timeline.rs signal" DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL "SYNCOBJ_TIMELINE_SIGNAL" |device, arm| {
        let line = timeline(device);
        then!(arm, line.signal(point::<2>()))
    };
    "sync/timeline.rs export" DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD "SYNCOBJ_HANDLE_TO_FD" |device, arm| {
        let line = timeline(device);
        then!(arm, line.export())
    };
    "sync/timeline.rs destroy" DRM_IOCTL_SYNCOBJ_DESTROY "SYNCOBJ_DESTROY" |device, arm| {
        let line = timeline(device);
        then!(arm, line.destroy())
    };
    "va.rs of_vm" DRM_IOCTL_PANTHOR_DEV_QUERY "DEV_QUERY" |device, arm| {
        let vm = vm(device);
        then!(arm, VaAllocator::of_vm(&vm))
    };
    "vm/mod.rs create_vm" DRM_IOCTL_PANTHOR_VM_CREATE "VM_CREATE" |device, arm| {
        then!(arm, device.create_vm(Default::default()))
    };
    "vm/mod.rs state" DRM_IOCTL_PANTHOR_VM_GET_STATE "VM_GET_STATE" |device, arm| {
        let vm = vm(device);
        then!(arm, vm.state())
    };
    "vm/mod.rs destroy" DRM_IOCTL_PANTHOR_VM_DESTROY "VM_DESTROY" |device, arm| {
        let vm = vm(device);
        then!(arm, vm.destroy())
    };
}

fn eventfd() -> std::os::fd::OwnedFd {
    rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).expect("an eventfd")
}
