//! Steps that most cases begin with, and steps that several cases share.

use panthor_sys::*;

use super::client::Client;
use super::memory::{Bad, CpuMap};
use super::ops::{self, array, syncobj_wait, timeline_array, timeline_wait, zeroed};

impl Client<'_> {
    /// Creates a VM with the driver's default range.
    #[track_caller]
    pub fn vm(&mut self) -> u32 {
        self.must(DRM_IOCTL_PANTHOR_VM_CREATE, zeroed::<drm_panthor_vm_create>()).id
    }

    pub fn destroy_vm(&mut self, id: u32) -> i32 {
        self.call(DRM_IOCTL_PANTHOR_VM_DESTROY, &mut drm_panthor_vm_destroy { id, pad: 0 })
    }

    pub fn vm_state(&mut self, vm_id: u32) -> i32 {
        self.call(DRM_IOCTL_PANTHOR_VM_GET_STATE, &mut drm_panthor_vm_get_state { vm_id, state: 0 })
    }

    /// Creates a BO that every VM may map.
    #[track_caller]
    pub fn bo(&mut self, size: u64) -> u32 {
        self.must(DRM_IOCTL_PANTHOR_BO_CREATE, drm_panthor_bo_create { size, ..zeroed() }).handle
    }

    /// Creates a BO that is exclusive to one VM.
    #[track_caller]
    pub fn exclusive_bo(&mut self, size: u64, exclusive_vm_id: u32) -> u32 {
        let args = drm_panthor_bo_create { size, exclusive_vm_id, ..zeroed() };
        self.must(DRM_IOCTL_PANTHOR_BO_CREATE, args).handle
    }

    pub fn close_bo(&mut self, handle: u32) -> i32 {
        self.call(DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle, pad: 0 })
    }

    #[track_caller]
    pub fn mmap_offset(&mut self, handle: u32) -> u64 {
        let args = drm_panthor_bo_mmap_offset { handle, ..zeroed() };
        self.must(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, args).offset
    }

    /// Requests the mmap offset of a BO that may be refused one.
    pub fn mmap_offset_of(&mut self, handle: u32) -> i32 {
        let mut args = drm_panthor_bo_mmap_offset { handle, ..zeroed() };
        self.call(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut args)
    }

    /// Queries the properties of a BO.
    pub fn info(&mut self, handle: u32) -> i32 {
        let mut args = drm_panthor_bo_query_info { handle, ..zeroed() };
        self.call(DRM_IOCTL_PANTHOR_BO_QUERY_INFO, &mut args)
    }

    /// Writes what the CPU has in its caches of a part of a BO.
    pub fn sync_bo(&mut self, handle: u32, offset: u64, size: u64) -> i32 {
        let type_ = DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH;
        let ops = [drm_panthor_bo_sync_op { handle, type_, offset, size }];
        self.show("op", &ops);
        self.call(DRM_IOCTL_PANTHOR_BO_SYNC, &mut drm_panthor_bo_sync { ops: array(&ops) })
    }

    /// Maps a BO for the CPU.
    #[track_caller]
    pub fn cpu_map(&mut self, handle: u32, len: u64) -> CpuMap {
        let offset = self.mmap_offset(handle);
        self.map_node(len, true, offset).expect("a mapping")
    }

    /// Binds with operations that are written down.
    pub fn bind_with(&mut self, vm_id: u32, flags: u32, ops: &[drm_panthor_vm_bind_op]) -> i32 {
        self.show("op", ops);
        let mut args = drm_panthor_vm_bind { vm_id, flags, ops: array(ops) };
        self.call(DRM_IOCTL_PANTHOR_VM_BIND, &mut args)
    }

    /// Binds and waits.
    pub fn bind(&mut self, vm_id: u32, ops: &[drm_panthor_vm_bind_op]) -> i32 {
        self.bind_with(vm_id, 0, ops)
    }

    /// Binds without waiting.
    pub fn bind_async(&mut self, vm_id: u32, ops: &[drm_panthor_vm_bind_op]) -> i32 {
        self.bind_with(vm_id, ops::ASYNC, ops)
    }

    /// Waits, without recording, until the asynchronous operations of a VM are done. Returns
    /// whether the VM is usable.
    pub fn settle(&mut self, vm_id: u32) -> bool {
        self.quietly(|client| {
            let done = client.syncobj();
            let syncs = [ops::signal(done, 0)];
            let submitted = client.bind_async(vm_id, &[ops::sync_only(&syncs)]) == 0;
            if submitted {
                client.wait(&[done], 0, i64::MAX);
            }
            client.destroy_syncobj(done);
            submitted
        })
    }

    /// Waits until the jobs of a queue are done; whether there can be more. Not written down.
    #[allow(dead_code)] // random programs that differ are printed with it
    pub fn settle_queue(&mut self, group: u32, queue: u32) -> bool {
        self.quietly(|client| {
            let done = client.syncobj();
            let syncs = [ops::signal(done, 0)];
            let submitted = client.submit(group, &[ops::sync_point(queue, &syncs)]) == 0;
            if submitted {
                client.wait(&[done], 0, i64::MAX);
            }
            client.destroy_syncobj(done);
            submitted
        })
    }

    /// Returns the address of the items, with unmapped memory behind them.
    pub fn at_end<T: bytemuck::NoUninit>(&self, items: &[T]) -> u64 {
        let bytes = bytemuck::cast_slice(items);
        self.memory.write_before_end(bytes);
        self.memory.address(Bad::Ends(bytes.len()))
    }

    // Syncobjs

    #[track_caller]
    pub fn syncobj(&mut self) -> u32 {
        self.must(DRM_IOCTL_SYNCOBJ_CREATE, zeroed::<drm_syncobj_create>()).handle
    }

    /// Creates a signaled syncobj.
    #[track_caller]
    pub fn signaled_syncobj(&mut self) -> u32 {
        let args = drm_syncobj_create { flags: DRM_SYNCOBJ_CREATE_SIGNALED, handle: 0 };
        self.must(DRM_IOCTL_SYNCOBJ_CREATE, args).handle
    }

    pub fn destroy_syncobj(&mut self, handle: u32) -> i32 {
        self.call(DRM_IOCTL_SYNCOBJ_DESTROY, &mut drm_syncobj_destroy { handle, pad: 0 })
    }

    pub fn signal(&mut self, handles: &[u32]) -> i32 {
        self.call(DRM_IOCTL_SYNCOBJ_SIGNAL, &mut ops::syncobj_array(handles))
    }

    pub fn reset(&mut self, handles: &[u32]) -> i32 {
        self.call(DRM_IOCTL_SYNCOBJ_RESET, &mut ops::syncobj_array(handles))
    }

    pub fn timeline_signal(&mut self, handles: &[u32], points: &[u64]) -> i32 {
        self.call(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut timeline_array(handles, points))
    }

    /// Queries the points that timelines have reached.
    pub fn query(&mut self, handles: &[u32], flags: u32) -> i32 {
        let mut points = vec![u64::MAX; handles.len()];
        let mut args = timeline_array(handles, &[]);
        args.points = ops::address_mut(points.as_mut_slice());
        args.flags = flags;
        let result = self.call(DRM_IOCTL_SYNCOBJ_QUERY, &mut args);
        self.note(format_args!("  points {points:x?}"));
        result
    }

    /// Waits for binary syncobjs, until a point in time in nanoseconds.
    pub fn wait(&mut self, handles: &[u32], flags: u32, timeout_nsec: i64) -> i32 {
        self.call(DRM_IOCTL_SYNCOBJ_WAIT, &mut syncobj_wait(handles, flags, timeout_nsec))
    }

    /// Waits for points, until a point in time in nanoseconds.
    pub fn wait_points(&mut self, handles: &[u32], points: &[u64], flags: u32, until: i64) -> i32 {
        let mut args = timeline_wait(handles, points, flags, until);
        self.call(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args)
    }

    // Groups and heaps

    /// Creates a group with that many small queues.
    #[track_caller]
    pub fn group(&mut self, vm_id: u32, queues: usize) -> u32 {
        let queues = vec![ops::queue(4 * ops::KIB); queues];
        self.must(DRM_IOCTL_PANTHOR_GROUP_CREATE, ops::group(vm_id, &queues)).group_handle
    }

    pub fn destroy_group(&mut self, group_handle: u32) -> i32 {
        let mut args = drm_panthor_group_destroy { group_handle, pad: 0 };
        self.call(DRM_IOCTL_PANTHOR_GROUP_DESTROY, &mut args)
    }

    pub fn group_state(&mut self, group_handle: u32) -> i32 {
        let mut args = drm_panthor_group_get_state { group_handle, ..zeroed() };
        self.call(DRM_IOCTL_PANTHOR_GROUP_GET_STATE, &mut args)
    }

    /// Returns the flags of an existing group.
    #[track_caller]
    pub fn state_of(&mut self, group_handle: u32) -> u32 {
        let args = drm_panthor_group_get_state { group_handle, ..zeroed() };
        self.must(DRM_IOCTL_PANTHOR_GROUP_GET_STATE, args).state
    }

    pub fn submit(&mut self, group_handle: u32, jobs: &[drm_panthor_queue_submit]) -> i32 {
        self.show("job", jobs);
        let mut args =
            drm_panthor_group_submit { group_handle, pad: 0, queue_submits: array(jobs) };
        self.call(DRM_IOCTL_PANTHOR_GROUP_SUBMIT, &mut args)
    }

    #[track_caller]
    pub fn heap(&mut self, vm_id: u32) -> drm_panthor_tiler_heap_create {
        self.must(DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, ops::heap(vm_id))
    }

    pub fn destroy_heap(&mut self, handle: u32) -> i32 {
        let mut args = drm_panthor_tiler_heap_destroy { handle, pad: 0 };
        self.call(DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, &mut args)
    }

    // The primary node

    /// Requests the name of the GPU on its bus, with room for up to 64 bytes.
    pub fn unique(&mut self, len: usize) -> i32 {
        let mut buffer = vec![b'.'; 64];
        let mut args = drm_unique { unique_len: len, unique: buffer.as_mut_ptr().cast() };
        let result = self.call(DRM_IOCTL_GET_UNIQUE, &mut args);
        // The address of the GPU is that of the board.
        let name = String::from_utf8_lossy(&buffer).trim_end_matches('.').to_owned();
        let name = name.trim_start_matches(|letter: char| letter.is_ascii_hexdigit());
        self.note(format_args!("  {name:?}"));
        result
    }

    // PRIME

    /// Exports a BO as a dma-buf, to be read and written.
    #[track_caller]
    pub fn export(&mut self, handle: u32) -> std::os::fd::OwnedFd {
        let flags = DRM_CLOEXEC | DRM_RDWR;
        let fd =
            self.must(DRM_IOCTL_PRIME_HANDLE_TO_FD, drm_prime_handle { handle, flags, fd: -1 }).fd;
        self.own(fd)
    }

    /// Imports a dma-buf.
    pub fn import(&mut self, fd: i32) -> (i32, u32) {
        let mut args = drm_prime_handle { handle: 0, flags: 0, fd };
        let result = self.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut args);
        (result, args.handle)
    }
}
