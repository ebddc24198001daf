//! Open files: what ioctls go to.

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock, RwLockReadGuard, Weak};

use nix::fcntl::OFlag;
use panthor_sys as sys;

use crate::arena::Arena;
use crate::bo::Bo;
use crate::caller::{Caller, ThisProcess};
use crate::config::Config;
use crate::descriptors::{Identity, sweep};
use crate::device::{Device, DeviceInner};
use crate::dma_buf::DmaBuf;
use crate::errno::{Errno, Result};
use crate::gpu_view::{GpuView, HandleOf};
use crate::group::{Group, page_fault};
use crate::group_view::GroupView;
use crate::handles::Handles;
use crate::inject::Injections;
use crate::ioctl::{Call, dispatch};
use crate::lock::{lock, read, write};
use crate::mapping::{Mapping, Prot};
use crate::primary::Primary;
use crate::stats::FileStats;
use crate::syncobj::Syncobj;
use crate::uaccess::UserMemory;
use crate::va_space::SPARSE_PERIOD;
use crate::vm::{TASK_SIZE, Vm};

/// The most VMs that a file can have.
const VMS_MAX: u32 = 32;

/// The most groups that a file can have.
const GROUPS_MAX: u32 = 128;

/// An open node of a [`Device`].
///
/// Handles and VM ids belong to it. Clones are duplicates of one descriptor: the file closes with
/// the last of them, and with it goes what it holds. A [`Mapping`] counts as one, as a mapping
/// keeps a real file open.
#[derive(Clone)]
pub struct File {
    inner: Arc<FileInner>,
}

/// The state of an open file.
pub(crate) struct FileInner {
    device: Device,
    /// What `fdinfo` calls it by.
    client_id: u64,
    /// What the file of a primary node has; a render node's has nothing of it.
    primary: Option<Primary>,
    /// What the program that opened it may do.
    pub(crate) administrator: bool,
    nice: bool,
    pub(crate) stats: Arc<FileStats>,
    pub(crate) injections: Injections,
    objects: RwLock<Objects>,
    vms: RwLock<Handles<Arc<Vm>>>,
    /// VMs that were destroyed, as far as jobs keep them.
    destroyed_vms: Mutex<Vec<Weak<Vm>>>,
    groups: RwLock<Handles<Arc<Group>>>,
    syncobjs: RwLock<Handles<Arc<Syncobj>>>,
    /// What sparse mappings of this file show.
    sparse: OnceLock<Arc<Bo>>,
    /// From which mmap offset on the registers are.
    user_mmio_offset: AtomicU64,
}

/// The buffer objects of a file.
pub(crate) struct Objects {
    handles: Handles<Arc<Bo>>,
    /// Those that can be mapped, with the number of their handles.
    by_offset: HashMap<u64, (Arc<Bo>, usize)>,
    /// The handle of each dma-buf that was imported or exported.
    dma_bufs: BTreeMap<Identity, u32>,
}

impl Objects {
    pub(crate) fn bo(&self, handle: u32) -> Option<&Arc<Bo>> {
        self.handles.get(handle)
    }

    fn add(&mut self, bo: Arc<Bo>) -> Result<u32> {
        let handle = self.handles.insert(bo.clone(), i32::MAX as u32).ok_or(Errno::NOSPC)?;
        bo.count_handle();
        self.by_offset.entry(bo.mmap_offset()).or_insert((bo, 0)).1 += 1;
        Ok(handle)
    }

    fn remove(&mut self, handle: u32) -> Option<Arc<Bo>> {
        let bo = self.handles.remove(handle)?;
        if let Some((_, handles)) = self.by_offset.get_mut(&bo.mmap_offset()) {
            *handles -= 1;
            if *handles == 0 {
                self.by_offset.remove(&bo.mmap_offset());
            }
        }
        if bo.dma_buf().is_some() {
            self.dma_bufs.retain(|_, &mut known| known != handle);
        }
        // Last: without a handle a sweep may forget the dma-buf, and it must not stay known here.
        bo.uncount_handle();
        Some(bo)
    }

    /// Handles with their objects.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Arc<Bo>)> {
        self.handles.iter()
    }
}

impl File {
    pub(crate) fn new(device: Device, primary: bool) -> Self {
        let (administrator, nice) = (device.config().administrator, device.config().high_priority);
        Self::open_as(device, primary, administrator, nice)
    }

    /// Opens a node for a program with `CAP_SYS_ADMIN` and `CAP_SYS_NICE`, or without.
    pub(crate) fn open_as(device: Device, primary: bool, administrator: bool, nice: bool) -> Self {
        let masters = &device.inner().masters;
        let primary = primary.then(|| Primary::open(masters, administrator));
        // The kernel counts the files of all DRM devices together.
        static NEXT_CLIENT: AtomicU64 = AtomicU64::new(1);
        let client_id = NEXT_CLIENT.fetch_add(1, Ordering::Relaxed);
        let inner = Arc::new(FileInner {
            client_id,
            primary,
            administrator,
            nice,
            stats: device.inner().open_counters(),
            injections: Injections::default(),
            objects: RwLock::new(Objects {
                handles: Handles::new(),
                by_offset: HashMap::new(),
                dma_bufs: BTreeMap::new(),
            }),
            vms: RwLock::new(Handles::new()),
            destroyed_vms: Mutex::new(Vec::new()),
            groups: RwLock::new(Handles::new()),
            syncobjs: RwLock::new(Handles::new()),
            sparse: OnceLock::new(),
            user_mmio_offset: AtomicU64::new(match size_of::<usize>() {
                4 => sys::DRM_PANTHOR_USER_MMIO_OFFSET_32BIT,
                _ => sys::DRM_PANTHOR_USER_MMIO_OFFSET_64BIT,
            }),
            device,
        });
        inner.device.inner().register_file(&inner);
        Self { inner }
    }

    pub(crate) fn inner(&self) -> &FileInner {
        &self.inner
    }

    pub(crate) fn shared(&self) -> &Arc<FileInner> {
        &self.inner
    }

    pub(crate) fn client_id(&self) -> u64 {
        self.inner.client_id
    }

    /// Answers an ioctl as `ioctl(2)` on the render node does: zero, or a negative error number.
    ///
    /// A bad pointer, in `arg` or in what it points to, is `-EFAULT`.
    ///
    /// # Safety
    /// The fake writes to where `arg` and the pointers behind it point, like the driver: that must
    /// not break what the program relies on. Memory that is not there is no danger.
    #[doc(alias = "drm_ioctl")]
    pub unsafe fn ioctl(&self, request: u32, arg: *mut c_void) -> i32 {
        const NULL: [u32; 2] =
            [sys::DRM_IOCTL_PANTHOR_VM_BIND, sys::DRM_IOCTL_PANTHOR_GROUP_SUBMIT];
        if self.inner.config().null_calls && NULL.contains(&request) {
            return 0;
        }
        self.answer(request, arg.expose_provenance() as u64, UserMemory::OWN, &ThisProcess)
    }

    /// As [`File::ioctl`], of a program that has no memory but `memory`: `arg`, and all pointers
    /// behind it, are addresses there, and any other is `-EFAULT`. So it is safe whatever they are.
    ///
    /// Descriptors are still those of this process: an ioctl that gives one away leaves it open, and
    /// one that takes one takes whatever is open under its number.
    pub fn ioctl_in(&self, request: u32, arg: u64, memory: &Arena) -> i32 {
        self.answer(request, arg, memory.user_memory(), &ThisProcess)
    }

    /// Answers an ioctl, with a line in the trace.
    pub(crate) fn answer(
        &self,
        request: u32,
        arg: u64,
        user: UserMemory<'_>,
        caller: &dyn Caller,
    ) -> i32 {
        #[cfg(feature = "trace")]
        if self.inner.device_inner().trace.is_on() {
            return self.answer_traced(request, arg, user, caller);
        }
        self.answer_untraced(request, arg, user, caller)
    }

    #[cfg(feature = "trace")]
    #[cold]
    #[inline(never)]
    fn answer_traced(
        &self,
        request: u32,
        arg: u64,
        user: UserMemory<'_>,
        caller: &dyn Caller,
    ) -> i32 {
        let (trace, on) = (&self.inner.device_inner().trace, self.inner.target());
        trace.around(caller.who(), on, user, (request, arg), || {
            self.answer_untraced(request, arg, user, caller)
        })
    }

    #[inline]
    fn answer_untraced(
        &self,
        request: u32,
        arg: u64,
        user: UserMemory<'_>,
        caller: &dyn Caller,
    ) -> i32 {
        let call = Call { file: &self.inner, user, caller };
        match dispatch(&call, request, arg) {
            Ok(()) => 0,
            Err(Errno(errno)) => -errno,
        }
    }

    /// Maps a BO, or the page with the latest flush ID, as a shared `mmap(2)` of the render node
    /// does.
    ///
    /// `len` is in bytes and rounded up to the page size; `offset` is what
    /// `DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET` gave.
    ///
    /// # Errors
    /// A positive error number: `ENODEV` after [`Device::unplug`]; `EINVAL` if no BO starts at the offset or it is shorter than
    /// `len`; `ENOMEM` for more than a process has; `EACCES` for a BO that this file has no handle of; otherwise what `mmap(2)` says.
    pub fn mmap(&self, len: usize, prot: Prot, offset: u64) -> core::result::Result<Mapping, i32> {
        self.inner.mmap(self, len, prot, offset).map_err(|Errno(errno)| errno)
    }

    /// What the GPU sees through a VM of this file; `None` if there is no such VM.
    pub fn gpu(&self, vm_id: u32) -> Option<GpuView> {
        let vm = self.inner.vm(vm_id).ok()?;
        Some(GpuView::new(&vm, &self.inner))
    }

    /// The queues of a group of this file; `None` if there is no such group.
    pub fn group(&self, handle: u32) -> Option<GroupView> {
        Some(GroupView::new(&self.inner.group(handle).ok()?))
    }

    /// The device that was opened.
    pub fn device(&self) -> &Device {
        &self.inner.device
    }

    /// The page size of the pretended kernel, in bytes.
    pub fn page_size(&self) -> usize {
        self.inner.config().page_size.bytes() as usize
    }

    /// The label of a BO, without its NUL; `None` if there is no such BO or it has none.
    pub fn bo_label(&self, handle: u32) -> Option<Vec<u8>> {
        self.inner.bo(handle).ok()?.label()
    }
}

/// The descriptor behind the file: its memory. BOs and the flush ID can be mapped from it at their mmap
/// offsets; ioctls on it do not work.
impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.device_inner().memory.as_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").finish_non_exhaustive()
    }
}

impl fmt::Debug for FileInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileInner").finish_non_exhaustive()
    }
}

impl FileInner {
    pub(crate) fn config(&self) -> &Config {
        self.device.config()
    }

    pub(crate) fn device_inner(&self) -> &Arc<DeviceInner> {
        self.device.inner()
    }

    /// The table of buffer objects, which does not change while this is held.
    pub(crate) fn objects(&self) -> RwLockReadGuard<'_, Objects> {
        read(&self.objects)
    }

    /// The handles by object.
    pub(crate) fn handle_of(&self) -> HandleOf {
        self.objects().iter().map(|(handle, bo)| (Arc::as_ptr(bo), handle)).collect()
    }

    /// All BOs with their handles.
    pub(crate) fn all_bos(&self) -> Vec<(u32, Arc<Bo>)> {
        self.objects().iter().map(|(handle, bo)| (handle, bo.clone())).collect()
    }

    /// All VMs with their ids, and those that were destroyed as far as something keeps them.
    pub(crate) fn all_vms(&self) -> Vec<(Option<u32>, Arc<Vm>)> {
        let vms: Vec<_> = read(&self.vms).iter().map(|(id, vm)| (Some(id), vm.clone())).collect();
        let destroyed: Vec<_> =
            lock(&self.destroyed_vms).iter().filter_map(Weak::upgrade).collect();
        vms.into_iter().chain(destroyed.into_iter().map(|vm| (None, vm))).collect()
    }

    /// All groups with their handles.
    pub(crate) fn all_groups(&self) -> Vec<(u32, Arc<Group>)> {
        read(&self.groups).iter().map(|(handle, group)| (handle, group.clone())).collect()
    }

    /// All sync objects with their handles.
    pub(crate) fn all_syncobjs(&self) -> Vec<(u32, Arc<Syncobj>)> {
        read(&self.syncobjs).iter().map(|(handle, syncobj)| (handle, syncobj.clone())).collect()
    }

    pub(crate) fn client_id(&self) -> u64 {
        self.client_id
    }

    /// # Errors
    /// `ENOENT` if there is no such BO.
    pub(crate) fn bo(&self, handle: u32) -> Result<Arc<Bo>> {
        self.objects().bo(handle).cloned().ok_or(Errno::NOENT)
    }

    pub(crate) fn add_bo(&self, bo: Arc<Bo>) -> Result<u32> {
        write(&self.objects).add(bo)
    }

    /// Exports a BO as a dma-buf.
    ///
    /// # Errors
    /// `ENOENT` if there is no such BO, `EINVAL` if it is exclusive to a VM.
    pub(crate) fn export(&self, handle: u32, flags: OFlag) -> Result<OwnedFd> {
        let mut objects = write(&self.objects);
        let bo = objects.bo(handle).cloned().ok_or(Errno::NOENT)?;
        if bo.is_exclusive() {
            return Err(Errno::INVAL);
        }
        let (fd, identity) = DmaBuf::export(&bo, flags)?;
        objects.dma_bufs.entry(identity).or_insert(handle);
        Ok(fd)
    }

    /// Imports a dma-buf. One that this file knows has its handle already; the BO of another file of
    /// the device gets a handle here, too; all else becomes a new BO.
    pub(crate) fn import(&self, dma_buf: &Arc<DmaBuf>) -> Result<u32> {
        let identity = dma_buf.identity()?;
        let mut objects = write(&self.objects);
        if let Some(&handle) = objects.dma_bufs.get(&identity) {
            return Ok(handle);
        }
        let device = self.device_inner();
        let bo = match dma_buf.bo().filter(|bo| bo.is_of(device)) {
            Some(bo) => bo.clone(),
            None => Arc::new(Bo::import(device.clone(), dma_buf.clone())?),
        };
        let handle = objects.add(bo)?;
        objects.dma_bufs.insert(identity, handle);
        Ok(handle)
    }

    /// # Errors
    /// `EINVAL` if there is no such BO.
    pub(crate) fn close_bo(&self, handle: u32) -> Result<()> {
        let mut objects = write(&self.objects);
        let bo = objects.remove(handle).ok_or(Errno::INVAL)?;
        // It may end here, which takes a while.
        drop(objects);
        if bo.name() != 0 {
            self.device_inner().names.forget(&bo);
        }
        if bo.dma_buf().is_some() {
            sweep();
        }
        drop(bo);
        Ok(())
    }

    /// # Errors
    /// `EINVAL` if there is no such VM.
    pub(crate) fn vm(&self, id: u32) -> Result<Arc<Vm>> {
        read(&self.vms).get(id).cloned().ok_or(Errno::INVAL)
    }

    /// # Errors
    /// `EBUSY` if the file has as many VMs as it can.
    pub(crate) fn add_vm(&self, vm: Arc<Vm>) -> Result<u32> {
        write(&self.vms).insert(vm, VMS_MAX).ok_or(Errno::BUSY)
    }

    /// # Errors
    /// `EINVAL` if there is no such VM.
    pub(crate) fn destroy_vm(&self, id: u32) -> Result<()> {
        let vm = write(&self.vms).remove(id).ok_or(Errno::INVAL)?;
        vm.destroy();
        // What the GPU is busy with has lost its memory.
        page_fault(&vm);
        let mut destroyed = lock(&self.destroyed_vms);
        destroyed.retain(|vm| vm.strong_count() > 0);
        // Also without jobs: another thread may be about to submit one.
        destroyed.push(Arc::downgrade(&vm));
        Ok(())
    }

    /// # Errors
    /// `EINVAL` if there is no such group.
    pub(crate) fn group(&self, handle: u32) -> Result<Arc<Group>> {
        read(&self.groups).get(handle).cloned().ok_or(Errno::INVAL)
    }

    /// Makes a group, which is told its handle.
    ///
    /// # Errors
    /// `EBUSY` if the file has as many groups as it can, before `make` is called.
    pub(crate) fn add_group(&self, make: impl FnOnce(u32) -> Result<Group>) -> Result<u32> {
        let mut groups = write(&self.groups);
        if !groups.has_room(GROUPS_MAX) {
            return Err(Errno::BUSY);
        }
        let handle = groups.next_handle();
        groups.insert(Arc::new(make(handle)?), GROUPS_MAX).ok_or(Errno::BUSY)
    }

    /// What the driver calls the queues of a group.
    pub(crate) fn queue_name(&self, group: u32) -> impl Fn(u32) -> String {
        let (client, own) = (self.client_id, self.config().driver_minor >= 7);
        move |queue| match own {
            true => format!("panthor-queue-{client}-{group}-{queue}"),
            false => "panthor-queue".into(),
        }
    }

    /// # Errors
    /// `EINVAL` if there is no such group.
    pub(crate) fn destroy_group(&self, handle: u32) -> Result<()> {
        let group = write(&self.groups).remove(handle).ok_or(Errno::INVAL)?;
        group.destroy();
        Ok(())
    }

    /// Whether groups may have a high priority.
    pub(crate) fn may_have_high_priority(&self) -> bool {
        self.nice || self.is_current_master()
    }

    /// What it has as the file of a primary node.
    pub(crate) fn primary(&self) -> Option<&Primary> {
        self.primary.as_ref()
    }

    /// Whether it is the master of the primary node.
    pub(crate) fn is_current_master(&self) -> bool {
        let masters = &self.device_inner().masters;
        self.primary.as_ref().is_some_and(|primary| primary.is_current_master(masters))
    }

    /// What it is in a trace.
    #[cfg(feature = "trace")]
    fn target(&self) -> crate::trace::Target {
        match self.primary {
            Some(_) => crate::trace::Target::PrimaryNode(self.client_id),
            None => crate::trace::Target::RenderNode(self.client_id),
        }
    }

    /// The object behind the sparse mappings of this file.
    pub(crate) fn sparse_object(&self) -> Result<Arc<Bo>> {
        if let Some(sparse) = self.sparse.get() {
            return Ok(sparse.clone());
        }
        let sparse = Bo::new(self.device_inner().clone(), SPARSE_PERIOD, 0, None, false)?;
        Ok(self.sparse.get_or_init(|| Arc::new(sparse)).clone())
    }

    pub(crate) fn syncobj(&self, handle: u32) -> Option<Arc<Syncobj>> {
        read(&self.syncobjs).get(handle).cloned()
    }

    pub(crate) fn add_syncobj(&self, syncobj: Arc<Syncobj>) -> Result<u32> {
        write(&self.syncobjs).insert(syncobj, u32::MAX).ok_or(Errno::BUSY)
    }

    /// # Errors
    /// `EINVAL` if there is no such sync object.
    pub(crate) fn remove_syncobj(&self, handle: u32) -> Result<()> {
        let removed = {
            let mut syncobjs = write(&self.syncobjs);
            // Kernels with this driver keep handle 0 back only until somebody destroys it. That was
            // otherwise with driver 1.0; which kernel between the two changed it is not known.
            if handle == 0 && self.config().driver_minor >= 8 {
                syncobjs.free_zero();
            }
            syncobjs.remove(handle)
        };
        removed.map(drop).ok_or(Errno::INVAL)
    }

    pub(crate) fn set_user_mmio_offset(&self, offset: u64) {
        self.user_mmio_offset.store(offset, Ordering::Relaxed);
    }

    fn mmap(&self, file: &File, len: usize, prot: Prot, offset: u64) -> Result<Mapping> {
        let bo = self.check_mmap(len, prot, offset)?;
        Mapping::new(file.clone(), bo, len, prot)
    }

    /// What a mapping would show; `None` is the page with the latest flush ID.
    pub(crate) fn check_mmap(
        &self,
        len: usize,
        prot: Prot,
        offset: u64,
    ) -> Result<Option<Arc<Bo>>> {
        self.device_inner().check_plugged()?;
        let page = self.config().page_size.bytes();
        let size = (len as u64).checked_next_multiple_of(page).ok_or(Errno::NOMEM)?;
        if size == 0 || offset % page != 0 {
            return Err(Errno::INVAL);
        }
        if size >= TASK_SIZE {
            return Err(Errno::NOMEM);
        }
        let mmio = self.user_mmio_offset.load(Ordering::Relaxed);
        if let Some(register) = offset.checked_sub(mmio) {
            // The page with the latest flush ID is the only one, and it is not for writing.
            if register != 0 || size != page || prot.contains(Prot::WRITE) {
                return Err(Errno::INVAL);
            }
            return Ok(None);
        }
        let bo = self.objects().by_offset.get(&offset).map(|(bo, _)| bo.clone());
        let Some(bo) = bo else {
            let somebodys = self.device_inner().memory.is_allocated(offset, size);
            return Err(if somebodys { Errno::ACCES } else { Errno::INVAL });
        };
        let no_mmap = bo.flags() & sys::DRM_PANTHOR_BO_NO_MMAP != 0;
        // Newer drivers only keep the offset to themselves.
        if size > bo.size() || (no_mmap && self.config().driver_minor < 7) {
            return Err(Errno::INVAL);
        }
        Ok(Some(bo))
    }
}

impl Drop for FileInner {
    /// The release of a file: everything goes that nothing else keeps.
    fn drop(&mut self) {
        for group in write(&self.groups).take_all() {
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
        let bos = write(&self.objects).handles.take_all();
        let shared = bos.iter().any(|bo| bo.dma_buf().is_some());
        for bo in bos {
            bo.uncount_handle();
            if bo.name() != 0 {
                self.device_inner().names.forget(&bo);
            }
        }
        if shared {
            sweep();
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
    use super::*;
    use crate::bind_queue::BindWork;
    use crate::jobs::{Job, Queue};
    use crate::vm::Change;

    #[test]
    fn a_job_that_is_submitted_while_its_vm_is_destroyed_ends_with_the_file() {
        let device = Device::new(Config::default()).unwrap();
        let file = device.open();
        let inner = &file.inner;
        let sparse = inner.sparse_object().unwrap();
        let id = inner.add_vm(Vm::new(device.inner().clone(), 1 << 47, sparse)).unwrap();
        // What a thread does that submits, with another that destroys in between.
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
