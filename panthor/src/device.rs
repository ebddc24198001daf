//! An open Panthor device.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::bo::BoTable;
use crate::error::{Error, ErrorKind, Result};
use crate::flush_id::UserMmio;
use crate::group::GroupLimits;
use crate::node::{self, NodeNumbers};
use crate::query::Coherency;
use crate::transport::{Process, Transport, system};
use crate::uid::{GivenUp, Uid};
use crate::version::{Features, Version};

/// The name that DRM_IOCTL_VERSION gives for this driver.
const DRIVER_NAME: &str = "panthor";
/// The one major version whose uAPI this crate speaks.
const DRIVER_MAJOR: i32 = 1;

/// An open file of a Panthor device.
///
/// A clone is cheap and stands for the same open file: objects created through one can be used through
/// all. The file is closed when the last clone and the last object created from it are gone.
///
/// # Fork
///
/// A child of `fork` shares the open file with its parent, handles and VM ids included, and CPU mappings too. An
/// object is destroyed on drop by the process that made it: what a child drops of its parent's, the parent
/// keeps, and the other way round. Whatever is asked for explicitly, `destroy` too, is done to the one file that
/// both have. What a process has not destroyed when it ends lasts until the file is closed in all of them.
///
/// Two things would go wrong unseen, as each process counts for itself, and are refused in a child:
/// [`import_bo`](Self::import_bo) on its parent's device, where both may get the same handle, and
/// [`bind_async`](crate::Vm::bind_async) on a VM of its parent's on which nothing was queued before the fork, as
/// the parent would end it without regard to that. One remains to whoever shares the file: not to import in one
/// process what another one made or took over after the fork.
///
/// A fake device, of the feature `fake`, lives in the process that created it. In a child each call on it is refused
/// with [`InvalidArgument`](ErrorKind::InvalidArgument); what a child drops the parent keeps there, too, and CPU
/// mappings that were made before the fork show the memory in both.
///
/// As everywhere, a child of a process with several threads finds locks that other threads held locked for ever:
/// there it is best to `exec`, or to open a device anew.
///
/// ```
/// use panthor::Device;
///
/// // On a board: Device::open_any()?
/// let device = Device::open_fake()?;
/// println!("{} with Panthor {}", device.gpu_info()?.model_name(), device.version());
/// # Ok::<(), panthor::Error>(())
/// ```
#[derive(Clone)]
pub struct Device {
    inner: Arc<DeviceInner>,
}

pub(crate) struct DeviceInner {
    transport: Transport,
    /// The process that opened it, and counts who owns a handle.
    process: Process,
    uid: Uid,
    version: Version,
    features: Features,
    /// Whether the GPU snoops the CPU's caches, once somebody has asked.
    coherent: OnceLock<bool>,
    /// What groups are held against, once somebody has made one.
    group_limits: OnceLock<GroupLimits>,
    user_mmio: UserMmio,
    /// The GEM handles that imports may give again.
    bos: BoTable,
    /// The VMs that were given up.
    given_up_vms: GivenUp,
}

impl Device {
    /// Opens the first Panthor render node of the machine, whatever its number.
    ///
    /// Nodes are told apart by the driver's name (DRM_IOCTL_VERSION), in the order of their numbers.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) without a Panthor; the text names the driver of each render node.
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) when this user may not open a node that may be a Panthor.
    /// Every other failure of a node before the first Panthor, as [`OutOfMemory`](ErrorKind::OutOfMemory) of
    /// descriptors.
    #[doc(alias = "drmGetDevices2")]
    pub fn open_any() -> Result<Self> {
        node::open_first()
    }

    /// Opens the device node at `path`, a render node (`/dev/dri/renderD128`) or a primary one.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), also for a node without a device, and
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) as `open` answers;
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a path that is empty or has a NUL;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory), also of descriptors; else as [`from_fd`](Self::from_fd).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        check_path(path)?;
        let fd = system::open(path, OFlags::RDWR).map_err(|error| {
            if error.has_errno(&[Errno::ISDIR]) {
                error.with_kind(ErrorKind::NotPanthor)
            } else if error.has_errno(&[Errno::NODEV, Errno::NXIO]) {
                // A node that was left behind.
                error.with_kind(ErrorKind::NotFound)
            } else {
                error
            }
        })?;
        Self::from_fd(fd).map_err(|error| error.at(path))
    }

    /// Takes over an open file of a device.
    ///
    /// It must be an open file description that nobody else drives, in a parent or child process neither: handles
    /// and VM ids belong to the description, not to the descriptor, so a second owner could close what this one
    /// uses. A copy of a descriptor is the same description.
    ///
    /// # Errors
    ///
    /// [`NotPanthor`](ErrorKind::NotPanthor) when the driver has another name or a major version other
    /// than 1; the text says which. [`Unsupported`](ErrorKind::Unsupported) when the driver lacks the uAPI, as tyr of
    /// Linux 7.3 does, which has Panthor's name; the text has the driver's description.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Self::with_transport(Transport::Kernel(fd))
    }

    /// Takes over an open file of a fake device. Needs the feature `fake`.
    ///
    /// # Errors
    ///
    /// As for [`from_fd`](Self::from_fd): a fake can be told to be another driver.
    ///
    /// ```
    /// use panthor::fake::{self, Config, Gpu};
    /// use panthor::{Device, Version};
    ///
    /// let fake = fake::Device::new(Config::default().gpu(Gpu::G310).driver_minor(8))?;
    /// let device = Device::from_fake(fake.open())?;
    /// assert_eq!(device.version(), Version::new(1, 8));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "fake")]
    pub fn from_fake(file: panthor_fake::File) -> Result<Self> {
        Self::with_transport(Transport::Fake(file))
    }

    /// Opens a new fake device of the default kind, a Mali-G610 with the newest driver known. Needs the
    /// feature `fake`.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) when the system has no memory or descriptor for the fake;
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) where a sandbox forbids a system call that the fake needs.
    #[cfg(feature = "fake")]
    pub fn open_fake() -> Result<Self> {
        let fake = panthor_fake::Device::new(panthor_fake::Config::default())
            .map_err(|error| Error::of_io("open_fake", &error))?;
        Self::from_fake(fake.open())
    }

    fn with_transport(transport: Transport) -> Result<Self> {
        let identity = transport.identity().map_err(|error| match error.kind() {
            // Any character device answers so to an ioctl that it does not know.
            _ if error.has_errno(&[Errno::NOTTY, Errno::INVAL, Errno::OPNOTSUPP]) => {
                error.with_kind(ErrorKind::NotPanthor).with_detail("the file is no DRM device")
            }
            // DRM says nothing else of a device that is gone; who says this is yet unknown.
            ErrorKind::DeviceLost if error.errno() != Some(Errno::NODEV.raw_os_error()) => {
                error.with_kind(ErrorKind::Other)
            }
            _ => error,
        })?;
        if identity.name != DRIVER_NAME {
            let detail = format!("the driver is `{}`, not `{DRIVER_NAME}`", identity.name);
            return Err(Error::refused(ErrorKind::NotPanthor, "VERSION", detail));
        }
        if identity.major != DRIVER_MAJOR {
            let (age, major, minor) = (
                if identity.major < DRIVER_MAJOR { "too old" } else { "too new" },
                identity.major,
                identity.minor,
            );
            let detail = format!(
                "Panthor {major}.{minor} is {age}: this crate speaks major version {DRIVER_MAJOR}"
            );
            return Err(Error::refused(ErrorKind::NotPanthor, "VERSION", detail));
        }
        transport.check_uapi(&identity)?;
        let version = Version {
            major: identity.major.unsigned_abs(),
            minor: identity.minor.unsigned_abs(),
            patch: identity.patch.unsigned_abs(),
        };
        let features = Features::of(version);
        Ok(Self {
            inner: Arc::new(DeviceInner {
                transport,
                process: Process::current(),
                uid: Uid::next(),
                version,
                features,
                coherent: OnceLock::new(),
                group_limits: OnceLock::new(),
                user_mmio: UserMmio::new(),
                bos: BoTable::new(),
                given_up_vms: GivenUp::default(),
            }),
        })
    }

    /// The version of the running driver.
    pub fn version(&self) -> Version {
        self.inner.version
    }

    /// What the running driver can do, by its version.
    pub fn features(&self) -> Features {
        self.inner.features
    }

    /// Bytes of a CPU page of the machine: BO sizes are rounded up to it.
    ///
    /// VAs have a granularity of 4 KiB all the same.
    pub fn cpu_page_size(&self) -> u64 {
        self.inner.transport.page_size() as u64
    }

    /// Returns the device numbers of this device's render and primary nodes, which sysfs has. Without sysfs, or
    /// where this user may not read it, the answer has the number of the node alone that was opened.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) when the file is no DRM node; without sysfs also when the number does not
    /// show the kind of node, as after the 64th device of a machine. [`OutOfMemory`](ErrorKind::OutOfMemory), also
    /// of descriptors.
    #[doc(alias = "VK_EXT_physical_device_drm")]
    pub fn node_numbers(&self) -> Result<NodeNumbers> {
        #[cfg(feature = "fake")]
        if self.inner.transport.fake().is_some() {
            return Ok(NodeNumbers::of_fake());
        }
        node::numbers_of(self.as_fd())
    }

    /// Asks whether the device is lost: unplugged, or given up by its driver when a reset failed (DEV_QUERY).
    ///
    /// A lost device stays lost: close it, and look for another with [`list`](crate::list). The loss of a single VM
    /// or group is the subject of [`Vm::state`](crate::Vm::state) and [`Group::state`](crate::Group::state).
    ///
    /// # Errors
    ///
    /// Every other failure of the request.
    ///
    /// ```
    /// let device = panthor::Device::open_fake()?;
    /// assert!(!device.is_lost()?);
    /// device.fake().expect("a fake").device().unplug();
    /// assert!(device.is_lost()?);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "VK_ERROR_DEVICE_LOST")]
    pub fn is_lost(&self) -> Result<bool> {
        self.inner.transport.is_gone()
    }

    /// Whether both stand for the same open file.
    pub fn is_same_file(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The fake's file behind this device: `None` on a real one. Needs the feature `fake`.
    ///
    /// It is the way to the GPU's eyes, to counters and to faults on demand.
    #[cfg(feature = "fake")]
    pub fn fake(&self) -> Option<&panthor_fake::File> {
        self.inner.transport.fake()
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.inner.transport
    }

    #[inline]
    pub(crate) fn has_native_sparse(&self) -> bool {
        self.inner.features.contains(Features::SPARSE)
    }

    /// Whether CPU mappings are cacheable without asking for it; no where the driver cannot tell.
    pub(crate) fn is_coherent(&self) -> Result<bool> {
        if let Some(&coherent) = self.inner.coherent.get() {
            return Ok(coherent);
        }
        let selected = self.gpu_info()?.selected_coherency();
        let coherent = matches!(selected, Some(Coherency::Ace | Coherency::AceLite));
        Ok(*self.inner.coherent.get_or_init(|| coherent))
    }

    /// The device's limits of groups, asked for once.
    pub(crate) fn group_limits(&self) -> Result<&GroupLimits> {
        if let Some(limits) = self.inner.group_limits.get() {
            return Ok(limits);
        }
        let limits = GroupLimits::of(&self.gpu_info()?, &self.csif_info()?);
        Ok(self.inner.group_limits.get_or_init(|| limits))
    }

    #[inline]
    pub(crate) fn user_mmio(&self) -> &UserMmio {
        &self.inner.user_mmio
    }

    /// Whether another process opened it, which is this one's parent then.
    pub(crate) fn is_inherited(&self) -> bool {
        self.inner.process != Process::current()
    }

    pub(crate) fn bos(&self) -> &BoTable {
        &self.inner.bos
    }

    pub(crate) fn given_up_vms(&self) -> &GivenUp {
        &self.inner.given_up_vms
    }

    #[inline]
    pub(crate) fn uid(&self) -> Uid {
        self.inner.uid
    }
}

/// Refuses what can be no path.
fn check_path(path: &Path) -> Result<()> {
    let rule = match path.as_os_str().as_bytes() {
        b"" => String::from("is empty"),
        bytes if bytes.contains(&0) => format!("has a NUL ({path:?})"),
        _ => return Ok(()),
    };
    Err(Error::invalid("open", "path", rule))
}

/// The device's descriptor, for `poll`, `mmap` or another library. It stays owned by the device.
///
/// On the fake it is a stand-in: mapping a BO's offset works, ioctls do not.
impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.transport.as_fd()
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("fd", &self.as_fd())
            .field("version", &self.inner.version)
            .finish_non_exhaustive()
    }
}
