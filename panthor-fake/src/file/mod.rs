//! Open files, the targets of ioctls.

pub(crate) mod bos;
pub(crate) mod controls;
pub(crate) mod drm_core;
pub(crate) mod fdinfo;
pub(crate) mod handles;
pub(crate) mod mmap;
pub(crate) mod primary;
mod release;
pub(crate) mod tables;
#[cfg(feature = "trace")]
pub(crate) mod traced;

use std::ffi::c_void;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use panthor_sys as sys;

use crate::bo::Bo;
use crate::call::arena::Arena;
use crate::call::budget::Budget;
use crate::call::caller::{Caller, ThisProcess};
use crate::call::errno::Errno;
use crate::call::ioctl::{Call, dispatch};
use crate::call::uaccess::UserMemory;
use crate::device::config::Config;
use crate::device::inject::Injections;
use crate::device::stats::FileStats;
use crate::device::{Device, DeviceInner};
use crate::file::bos::Objects;
use crate::file::handles::Handles;
use crate::file::primary::{Opener, Primary};
use crate::group::Group;
use crate::group::gpu_time::GpuTime;
use crate::group::view::GroupView;
use crate::lock::{Mutex, RwLock, rank};
use crate::sync::syncobj::Syncobj;
#[cfg(feature = "trace")]
use crate::trace::Who;
use crate::vm::Vm;
use crate::vm::gpu_view::GpuView;

/// An open file of a [`Device`] node.
///
/// Handles and VM IDs belong to the file. A clone is a duplicate of the descriptor: when the last
/// clone is dropped, the file closes and its objects are released. A [`Mapping`](crate::Mapping)
/// also keeps the file open, as a mapping keeps a real file open.
#[derive(Clone)]
pub struct File {
    inner: Arc<FileInner>,
}

/// The state of an open file.
pub(crate) struct FileInner {
    device: Device,
    /// The client ID in `fdinfo`.
    client_id: u64,
    /// The DRM master state of a primary node's file; `None` on a render node.
    primary: Option<Primary>,
    /// The client name set by `DRM_IOCTL_SET_CLIENT_NAME`.
    pub(crate) client_name: Mutex<Option<String>, { rank::CLIENT_NAME }>,
    pub(crate) stats: Arc<FileStats>,
    pub(crate) injections: Injections,
    objects: RwLock<Objects, { rank::OBJECTS }>,
    vms: RwLock<Handles<Arc<Vm>>, { rank::VMS }>,
    /// Destroyed VMs that jobs may keep alive.
    destroyed_vms: Mutex<Vec<Weak<Vm>>, { rank::DESTROYED_VMS }>,
    groups: RwLock<Handles<Arc<Group>>, { rank::GROUPS }>,
    syncobjs: RwLock<Handles<Arc<Syncobj>>, { rank::SYNCOBJS }>,
    /// The GPU time of the file's streams.
    pub(crate) gpu_time: Arc<GpuTime>,
    /// The BO behind the file's sparse mappings.
    sparse: OnceLock<Arc<Bo>>,
    /// The mmap offset at which the registers start.
    user_mmio_offset: AtomicU64,
}

impl File {
    pub(crate) fn new(device: Device, primary: bool) -> Self {
        let administrator = device.inner().capabilities().administrator;
        let opener =
            Opener { administrator, process: ThisProcess.process(), thread: ThisProcess.thread() };
        Self::open_as(device, primary, opener)
    }

    /// Opens a node on behalf of a program.
    pub(crate) fn open_as(device: Device, primary: bool, opener: Opener) -> Self {
        #[cfg(feature = "trace")]
        let by = Who { pid: opener.process, tid: opener.thread, fd: None };
        let masters = &device.inner().masters;
        let primary = primary.then(|| Primary::open(masters, opener));
        // The kernel numbers the files of all DRM devices with one counter.
        static NEXT_CLIENT: AtomicU64 = AtomicU64::new(1);
        let client_id = NEXT_CLIENT.fetch_add(1, Ordering::Relaxed);
        let inner = Arc::new(FileInner {
            client_id,
            primary,
            client_name: Mutex::new(None),
            stats: device.inner().open_counters(),
            injections: Injections::default(),
            objects: RwLock::new(Objects::new()),
            vms: RwLock::new(Handles::new()),
            destroyed_vms: Mutex::new(Vec::new()),
            groups: RwLock::new(Handles::new()),
            syncobjs: RwLock::new(Handles::new()),
            gpu_time: Arc::default(),
            sparse: OnceLock::new(),
            user_mmio_offset: AtomicU64::new(match size_of::<usize>() {
                4 => sys::DRM_PANTHOR_USER_MMIO_OFFSET_32BIT,
                _ => sys::DRM_PANTHOR_USER_MMIO_OFFSET_64BIT,
            }),
            device,
        });
        inner.device.inner().register_file(&inner);
        #[cfg(feature = "trace")]
        inner.trace_open(by);
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

    /// Answers an ioctl as `ioctl(2)` on the node does. Returns zero, or a negative error number.
    ///
    /// A bad pointer, in `arg` or in the structure that it points to, is `-EFAULT`. In a child of
    /// the process that created the device, every call returns `-ECHILD`.
    ///
    /// # Safety
    /// Like the driver, the fake writes to `arg` and to the memory that its pointers lead to. These
    /// writes must not break the program's invariants. Unmapped addresses are safe.
    ///
    /// The same holds for descriptors that the argument names: `DRM_IOCTL_SYNCOBJ_EVENTFD` signals
    /// the eventfd of that number.
    #[doc(alias = "drm_ioctl")]
    pub unsafe fn ioctl(&self, request: u32, arg: *mut c_void) -> i32 {
        const NULL: [u32; 2] =
            [sys::DRM_IOCTL_PANTHOR_VM_BIND, sys::DRM_IOCTL_PANTHOR_GROUP_SUBMIT];
        if self.inner.config().null_calls && NULL.contains(&request) {
            return 0;
        }
        self.answer(request, arg.expose_provenance() as u64, UserMemory::OWN, &ThisProcess)
    }

    /// Answers an ioctl of an emulated program as [`File::ioctl`] does. Any `arg` and any bytes
    /// behind it are safe.
    ///
    /// `arg` and the pointers behind it are addresses in the arena; any other address is `-EFAULT`.
    /// Descriptor numbers are those of the arena's table; any other number is `-EBADF`, or what the
    /// ioctl answers instead. A descriptor that an ioctl returns goes into the table.
    pub fn ioctl_in(&self, request: u32, arg: u64, arena: &Arena) -> i32 {
        self.answer(request, arg, arena.user_memory(), arena)
    }

    /// Answers an ioctl and traces it.
    pub(crate) fn answer(
        &self,
        request: u32,
        arg: u64,
        user: UserMemory<'_>,
        caller: &dyn Caller,
    ) -> i32 {
        if let Err(Errno(errno)) = self.inner.device_inner().check_process() {
            return -errno;
        }
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
        let call = Call { file: &self.inner, user, caller, budget: Budget::default() };
        match dispatch(&call, request, arg) {
            Ok(()) => 0,
            Err(Errno(errno)) => -errno,
        }
    }

    /// Returns the GPU's view of a VM of this file, or `None` if there is no such VM.
    pub fn gpu(&self, vm_id: u32) -> Option<GpuView> {
        let vm = self.inner.vm(vm_id).ok()?;
        Some(GpuView::new(&vm, &self.inner))
    }

    /// Returns a view of the queues of a group of this file, or `None` if there is no such group.
    pub fn group(&self, handle: u32) -> Option<GroupView> {
        Some(GroupView::new(&self.inner.group(handle).ok()?))
    }

    /// Returns the device that the file belongs to.
    pub fn device(&self) -> &Device {
        &self.inner.device
    }

    /// Returns the CPU page size of the emulated kernel, in bytes.
    pub fn page_size(&self) -> usize {
        self.inner.config().page_size.bytes() as usize
    }

    /// Returns the label of a BO without its NUL, or `None` if there is no such BO or no label.
    pub fn bo_label(&self, handle: u32) -> Option<Vec<u8>> {
        self.inner.bo(handle).ok()?.label()
    }
}

/// Borrows the descriptor of the device memory. BOs and the flush ID can be mapped from it at their
/// mmap offsets. The descriptor does not answer ioctls.
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

    pub(crate) fn client_id(&self) -> u64 {
        self.client_id
    }

    /// Returns the DRM master state, if this is a primary node's file.
    pub(crate) fn primary(&self) -> Option<&Primary> {
        self.primary.as_ref()
    }

    /// Returns whether this file is the current master of the primary node.
    pub(crate) fn is_current_master(&self) -> bool {
        let masters = &self.device_inner().masters;
        self.primary.as_ref().is_some_and(|primary| primary.is_current_master(masters))
    }

    /// Returns the file's name in a trace.
    #[cfg(feature = "trace")]
    fn target(&self) -> crate::trace::Target {
        match self.primary {
            Some(_) => crate::trace::Target::PrimaryNode(self.client_id),
            None => crate::trace::Target::RenderNode(self.client_id),
        }
    }
}
