//! Ioctls of dma-bufs and sync files.

use std::ffi::c_void;
use std::os::fd::{AsFd, OwnedFd};

use crate::call::caller::{Caller, ThisProcess};
use crate::call::errno::{Errno, Result};
use crate::call::ioctl::request_type;
use crate::call::uaccess::UserMemory;
use crate::sharing::descriptors::{Identity, Object, find};
use crate::sharing::dma_buf_ioctls;
use crate::sharing::sync_file_ioctls;

/// The request types of dma-bufs and sync files.
const DMA_BUF: u32 = b'b' as u32;
const SYNC_FILE: u32 = b'>' as u32;

/// The caller's memory and descriptors, for an ioctl on a descriptor.
pub(crate) struct FileCall<'a> {
    pub(crate) user: UserMemory<'a>,
    pub(crate) caller: &'a dyn Caller,
}

impl FileCall<'_> {
    /// Reads the arguments of a request at `arg`.
    pub(crate) fn read<T: bytemuck::Pod>(&self, arg: u64) -> Result<T> {
        let mut value = T::zeroed();
        self.user.read(arg, bytemuck::bytes_of_mut(&mut value))?;
        Ok(value)
    }

    /// Writes the arguments of a request back to `arg`.
    pub(crate) fn write<T: bytemuck::Pod>(&self, arg: u64, value: &T) -> Result<()> {
        self.user.write(arg, bytemuck::bytes_of(value))
    }

    /// Returns the object behind one of the caller's descriptors; `None` also for a closed
    /// descriptor.
    pub(crate) fn find(&self, fd: i32) -> Option<Object> {
        self.caller.identify(fd).ok().and_then(find)
    }

    /// Installs a descriptor in the caller and writes its number into the arguments at `arg`.
    /// Installs nothing if `arg` is not writable.
    pub(crate) fn give<T: bytemuck::Pod>(
        &self,
        fd: OwnedFd,
        arg: u64,
        args: &mut T,
        number: impl Fn(&mut T) -> &mut i32,
    ) -> Result<()> {
        self.write(arg, args)?;
        *number(args) = self.caller.give(fd)?;
        self.write(arg, args)
    }
}

/// Answers an ioctl on a descriptor of the fake, as `ioctl(2)` does on a dma-buf or a sync file.
/// Returns zero, or a negative error number. Returns `None` if the descriptor is not one of the
/// fake's, or if the request is neither a dma-buf nor a sync file request; the kernel's own answer
/// is then right.
///
/// A dma-buf supports `DMA_BUF_IOCTL_SYNC`, `DMA_BUF_SET_NAME_A`, `DMA_BUF_SET_NAME_B`,
/// `DMA_BUF_IOCTL_EXPORT_SYNC_FILE` and `DMA_BUF_IOCTL_IMPORT_SYNC_FILE`. As in the kernel, it has
/// only the fences that were imported into it: the driver's own jobs add none. The start of an
/// access with `DMA_BUF_IOCTL_SYNC` blocks until the earlier fences are signaled.
///
/// A sync file supports `SYNC_IOC_MERGE`, `SYNC_IOC_FILE_INFO` and `SYNC_IOC_SET_DEADLINE`.
///
/// [`Device::fail_nth_ioctl`](crate::Device::fail_nth_ioctl) also injects failures here. The
/// function is not a method because the descriptor alone determines the object, as for `ioctl(2)`.
///
/// # Safety
/// As for [`File::ioctl`](crate::File::ioctl): the fake writes to `arg` and to the memory that its
/// pointers lead to. These writes must not break the program's invariants.
///
/// ```
/// use panthor_fake::{Config, Device, descriptor_ioctl, sync_file_status};
/// use panthor_sys::*;
/// use std::os::fd::{FromRawFd, OwnedFd};
///
/// let device = Device::new(Config::default())?;
/// let camera = device.foreign_dma_buf(4096)?;
/// let mut args = dma_buf_export_sync_file { flags: DMA_BUF_SYNC_READ as u32, fd: -1 };
/// let request = DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
/// // SAFETY: the argument is ours, and has no pointers.
/// let result = unsafe { descriptor_ioctl(&camera, request, (&raw mut args).cast()) };
/// assert_eq!(result, Some(0));
/// // SAFETY: it is new, and nobody else knows it.
/// let fences = unsafe { OwnedFd::from_raw_fd(args.fd) };
/// // Nobody writes to the memory.
/// assert_eq!(sync_file_status(&fences), Some(1));
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "DMA_BUF_IOCTL_SYNC")]
#[doc(alias = "DMA_BUF_IOCTL_EXPORT_SYNC_FILE")]
#[doc(alias = "DMA_BUF_IOCTL_IMPORT_SYNC_FILE")]
#[doc(alias = "SYNC_IOC_MERGE")]
#[doc(alias = "SYNC_IOC_FILE_INFO")]
#[doc(alias = "SYNC_IOC_SET_DEADLINE")]
pub unsafe fn descriptor_ioctl(fd: impl AsFd, request: u32, arg: *mut c_void) -> Option<i32> {
    let object = match Identity::of(fd) {
        Ok(identity) => find(identity)?,
        Err(Errno(errno)) => return Some(-errno),
    };
    let call = FileCall { user: UserMemory::OWN, caller: &ThisProcess };
    Some(match answer(&call, &object, request, arg.expose_provenance() as u64)? {
        Ok(()) => 0,
        Err(Errno(errno)) => -errno,
    })
}

/// Answers an ioctl on an object behind a descriptor, or returns `None` if the object does not
/// support the request type.
pub(crate) fn answer(
    call: &FileCall<'_>,
    object: &Object,
    request: u32,
    arg: u64,
) -> Option<Result<()>> {
    // A planned failure applies only to requests on the right kind of file.
    let failure = || match object.owner().device() {
        Some(device) => device.begin_ioctl(request),
        None => Ok(()),
    };
    Some(match (request_type(request), object) {
        (DMA_BUF, Object::DmaBuf(dma_buf)) => {
            failure().and_then(|()| dma_buf_ioctls::answer(call, dma_buf, request, arg))
        }
        (SYNC_FILE, Object::SyncFile(sync_file)) => {
            failure().and_then(|()| sync_file_ioctls::answer(call, sync_file, request, arg))
        }
        (DMA_BUF | SYNC_FILE, _) => Err(Errno::NOTTY),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use panthor_sys as sys;

    use super::*;
    use crate::call::arena::Arena;
    use crate::call::caller::Capabilities;
    use crate::device::config::Config;
    use crate::device::{Device, DeviceInner};
    use crate::lock::lock;
    use crate::sharing::reservation::Usage;
    use crate::sync::events::Place;
    use crate::sync::fence::Fence;
    use crate::sync::leaf::Leaf;

    /// A program with its own descriptors, numbered from 100.
    #[derive(Default)]
    struct Program(Mutex<Vec<OwnedFd>>);

    impl Program {
        fn object(&self, number: i32) -> Object {
            self.identify(number).ok().and_then(find).expect("a descriptor of the fake")
        }
    }

    impl Caller for Program {
        fn identify(&self, number: i32) -> Result<Identity> {
            Identity::of(self.duplicate(number)?)
        }

        fn duplicate(&self, number: i32) -> Result<OwnedFd> {
            let fds = lock(&self.0);
            let index = usize::try_from(number - 100).map_err(|_| Errno::BADF)?;
            fds.get(index).ok_or(Errno::BADF)?.try_clone().map_err(|_| Errno(nix::libc::EMFILE))
        }

        fn give(&self, fd: OwnedFd) -> Result<i32> {
            let mut fds = lock(&self.0);
            fds.push(fd);
            Ok(fds.len() as i32 + 99)
        }

        fn process(&self) -> i32 {
            1
        }

        fn thread(&self) -> i32 {
            1
        }

        fn capabilities(&self, device: &DeviceInner) -> Capabilities {
            device.capabilities()
        }

        /// Never waits: a fence is either signaled or an error.
        fn wait(
            &self,
            _: &Place,
            _: Option<Instant>,
            ready: &mut dyn FnMut() -> bool,
        ) -> Result<bool> {
            if ready() { Ok(true) } else { Err(Errno::INTR) }
        }
    }

    fn camera() -> OwnedFd {
        Device::new(Config::default()).unwrap().foreign_dma_buf(4096).unwrap()
    }

    const WRITE: u32 = sys::DMA_BUF_SYNC_WRITE as u32;

    #[test]
    fn memory_and_descriptors_are_those_of_the_program_that_asks() {
        let camera = camera();
        let dma_buf = find(Identity::of(&camera).unwrap()).unwrap();
        let (program, arena) = (Program::default(), Arena::new(0x1000, 256));
        let call = FileCall { user: arena.user_memory(), caller: &program };
        let ask = |object: &Object, request, words: &[i32]| {
            assert!(arena.write(0x1080, bytemuck::cast_slice(words)));
            answer(&call, object, request, 0x1080).unwrap()
        };
        let number = |at| {
            let mut bytes = [0; 4];
            assert!(arena.read(at, &mut bytes));
            i32::from_ne_bytes(bytes)
        };
        let export = sys::DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
        assert_eq!(ask(&dma_buf, export, &[WRITE as i32, -1]), Ok(()));
        assert_eq!(number(0x1084), 100);
        let import = sys::DMA_BUF_IOCTL_IMPORT_SYNC_FILE;
        assert_eq!(ask(&dma_buf, import, &[WRITE as i32, 100]), Ok(()));
        assert_eq!(ask(&dma_buf, import, &[WRITE as i32, 101]), Err(Errno::INVAL));
        let fence = program.object(100);
        let merge = [0, 0, 0, 0, 0, 0, 0, 0, 100, -1, 0, 0];
        assert_eq!(ask(&fence, sys::SYNC_IOC_MERGE, &merge), Ok(()));
        assert_eq!(number(0x1080 + 36), 101);
        assert_eq!(answer(&call, &fence, sys::SYNC_IOC_MERGE, 0x2000), Some(Err(Errno::FAULT)));
        // The program's wait fails, too.
        let Object::DmaBuf(fences) = &dma_buf else { panic!("not a dma-buf: {dma_buf:?}") };
        fences.fences().add(&Fence::Leaf(Leaf::pending()), Usage::Write);
        let read = [sys::DMA_BUF_SYNC_READ as i32, 0];
        assert_eq!(ask(&dma_buf, sys::DMA_BUF_IOCTL_SYNC, &read), Err(Errno::INTR));
    }

    #[test]
    fn a_descriptor_whose_number_cannot_be_told_is_not_given() {
        /// Memory that cannot be written.
        static EXPORT: [u32; 2] = [WRITE, 7];
        static MERGE: [i32; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 100, 7, 0, 0];

        let camera = camera();
        let dma_buf = find(Identity::of(&camera).unwrap()).unwrap();
        let program = Program::default();
        let call = FileCall { user: UserMemory::OWN, caller: &program };
        let mut writable = EXPORT;
        let ask = |object: &Object, request, arg: *const u32| {
            answer(&call, object, request, arg.expose_provenance() as u64).unwrap()
        };
        let export = sys::DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
        assert_eq!(ask(&dma_buf, export, EXPORT.as_ptr()), Err(Errno::FAULT));
        assert!(lock(&program.0).is_empty());
        assert_eq!(ask(&dma_buf, export, (&raw mut writable).cast()), Ok(()));
        let fence = program.object(100);
        assert_eq!(ask(&fence, sys::SYNC_IOC_MERGE, MERGE.as_ptr().cast()), Err(Errno::FAULT));
        assert_eq!(lock(&program.0).len(), 1);
    }
}
