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

/// The driver name that DRM_IOCTL_VERSION reports for Panthor.
const DRIVER_NAME: &str = "panthor";
/// The only major uAPI version that this crate supports.
const DRIVER_MAJOR: i32 = 1;

/// An open Panthor device file.
///
/// A clone is cheap and refers to the same open file. Objects created through one clone work with
/// all clones. The file is closed after the last clone and the last object created from the device
/// are dropped.
///
/// # Fork
///
/// A child of `fork` shares the open file with its parent: GEM handles, VM IDs and CPU mappings
/// included. Only the process that created an object destroys the object on drop. An object that
/// the other process drops stays alive. Explicit calls, `destroy` among them, act on the shared
/// file. An object that its process never destroys lives until all processes have closed the file.
///
/// Two operations are refused in a child, because each process keeps its own counts:
///
/// * [`import_bo`](Self::import_bo) on a device of the parent: both processes may get the same GEM
///   handle.
/// * [`bind_async`](crate::Vm::bind_async) on a VM of the parent with nothing queued before the
///   fork: the parent would destroy the VM without regard to the child's batches.
///
/// The library cannot detect one further case. A process must not import a BO that another process
/// created or imported after the fork.
///
/// A fake device (feature `fake`) lives in the process that created the fake. A child gets
/// [`InvalidArgument`](ErrorKind::InvalidArgument) from each call on the fake. Objects dropped in
/// the child stay alive in the parent. CPU mappings made before the fork show the same memory in
/// both processes.
///
/// A child of a multi-threaded process may find locks held by threads that do not exist in the
/// child. In such a child, `exec` or open a new device.
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
    /// Process that opened the device and owns its handle counts.
    process: Process,
    uid: Uid,
    version: Version,
    features: Features,
    /// Cached answer of [`Device::is_coherent`].
    coherent: OnceLock<bool>,
    /// Cached limits for [`GroupOptions`](crate::GroupOptions).
    group_limits: OnceLock<GroupLimits>,
    user_mmio: UserMmio,
    /// GEM handles that a later import may return again.
    bos: BoTable,
    /// VMs released with [`Vm::into_raw`](crate::Vm::into_raw).
    given_up_vms: GivenUp,
}

impl Device {
    /// Opens the first Panthor render node of the machine.
    ///
    /// The search visits the render nodes in ascending order and identifies each by its driver
    /// name (DRM_IOCTL_VERSION).
    ///
    /// # Errors
    ///
    /// * [`NotFound`](ErrorKind::NotFound) without a Panthor device. The text names the driver of
    ///   each render node.
    /// * [`PermissionDenied`](ErrorKind::PermissionDenied) when the user may not open a node that
    ///   may be a Panthor.
    /// * Any other failure of a node before the first Panthor, such as
    ///   [`OutOfMemory`](ErrorKind::OutOfMemory) for a full descriptor table.
    #[doc(alias = "drmGetDevices2")]
    pub fn open_any() -> Result<Self> {
        node::open_first()
    }

    /// Opens the device node at `path`, a render node (`/dev/dri/renderD128`) or a primary node.
    ///
    /// # Errors
    ///
    /// * [`NotFound`](ErrorKind::NotFound) without such a file, or for a node without a device.
    /// * [`PermissionDenied`](ErrorKind::PermissionDenied) when the user may not open the node.
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a path that is empty or contains a
    ///   NUL.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without memory or a free descriptor.
    /// * The errors of [`from_fd`](Self::from_fd).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        check_path(path)?;
        let fd = system::open(path, OFlags::RDWR).map_err(|error| {
            if error.has_errno(&[Errno::ISDIR]) {
                error.with_kind(ErrorKind::NotPanthor)
            } else if error.has_errno(&[Errno::NODEV, Errno::NXIO]) {
                // A stale node without a device.
                error.with_kind(ErrorKind::NotFound)
            } else {
                error
            }
        })?;
        Self::from_fd(fd).map_err(|error| error.at(path))
    }

    /// Creates a device from an open device file.
    ///
    /// The caller must pass an open file description that no other code drives, in this process or
    /// in another. GEM handles and VM IDs belong to the description. A second owner, even through
    /// a duplicated descriptor, could close handles that this device uses.
    ///
    /// # Errors
    ///
    /// * [`NotPanthor`](ErrorKind::NotPanthor) for another driver name or a major version other
    ///   than 1. The text names the driver or the version.
    /// * [`Unsupported`](ErrorKind::Unsupported) when the driver lacks Panthor's uAPI. One such
    ///   driver is tyr of Linux 7.3, which reports Panthor's name. The text contains the driver's
    ///   description.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Self::with_transport(Transport::Kernel(fd))
    }

    /// Creates a device from an open file of a fake device. Needs the feature `fake`.
    ///
    /// # Errors
    ///
    /// The errors of [`from_fd`](Self::from_fd): a fake can be configured as another driver.
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

    /// Opens a new fake device with the default configuration: a Mali-G610 with the newest known
    /// driver. Needs the feature `fake`.
    ///
    /// # Errors
    ///
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) when the system has no memory or descriptor for
    ///   the fake.
    /// * [`PermissionDenied`](ErrorKind::PermissionDenied) where a sandbox forbids a system call
    ///   that the fake needs.
    #[cfg(feature = "fake")]
    pub fn open_fake() -> Result<Self> {
        let fake = panthor_fake::Device::new(panthor_fake::Config::default())
            .map_err(|error| Error::of_io("open_fake", &error))?;
        Self::from_fake(fake.open())
    }

    fn with_transport(transport: Transport) -> Result<Self> {
        let identity = transport.identity().map_err(|error| match error.kind() {
            // Character devices of other kinds return these errnos for unknown ioctls.
            _ if error.has_errno(&[Errno::NOTTY, Errno::INVAL, Errno::OPNOTSUPP]) => {
                error.with_kind(ErrorKind::NotPanthor).with_detail("the file is no DRM device")
            }
            // DRM reports a lost device with ENODEV only. Other errnos may come from another
            // driver.
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

    /// Returns the version of the running driver.
    pub fn version(&self) -> Version {
        self.inner.version
    }

    /// Returns the features of the running driver, derived from its version.
    pub fn features(&self) -> Features {
        self.inner.features
    }

    /// Returns the size of a CPU page in bytes. The driver rounds BO sizes up to this size.
    ///
    /// VAs have a granularity of 4 KiB on every machine.
    pub fn cpu_page_size(&self) -> u64 {
        self.inner.transport.page_size() as u64
    }

    /// Returns the device numbers of this device's render and primary nodes, read from sysfs.
    ///
    /// Without readable sysfs, the result contains only the number of the node that was opened.
    ///
    /// # Errors
    ///
    /// * [`NotFound`](ErrorKind::NotFound) when the file is not a DRM node. Without sysfs, also
    ///   when the minor number does not identify the kind of node, as after the 64th device of a
    ///   machine.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without memory or a free descriptor.
    #[doc(alias = "VK_EXT_physical_device_drm")]
    pub fn node_numbers(&self) -> Result<NodeNumbers> {
        #[cfg(feature = "fake")]
        if self.inner.transport.fake().is_some() {
            return Ok(NodeNumbers::of_fake());
        }
        node::numbers_of(self.as_fd())
    }

    /// Returns whether the device is lost (DEV_QUERY).
    ///
    /// A device is lost after an unplug, or after a failed reset. The loss is permanent: close the
    /// device and choose another with [`list`](crate::list). [`Vm::state`](crate::Vm::state) and
    /// [`Group::state`](crate::Group::state) report the loss of a single VM or group.
    ///
    /// # Errors
    ///
    /// Any failure of the query other than the loss of the device.
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

    /// Returns whether both refer to the same open file.
    pub fn is_same_file(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Returns the fake's file behind this device, or `None` for a real device. Needs the feature
    /// `fake`.
    ///
    /// Tests use the file for GPU accesses, counters and fault injection.
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

    /// Returns whether CPU mappings are cacheable by default: true for a coherent GPU.
    ///
    /// Returns `false` where the driver does not report the coherency protocol.
    pub(crate) fn is_coherent(&self) -> Result<bool> {
        if let Some(&coherent) = self.inner.coherent.get() {
            return Ok(coherent);
        }
        let selected = self.gpu_info()?.selected_coherency();
        let coherent = matches!(selected, Some(Coherency::Ace | Coherency::AceLite));
        Ok(*self.inner.coherent.get_or_init(|| coherent))
    }

    /// Returns the device's limits for groups, queried once.
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

    /// Returns whether another process, a parent of this one, opened the device.
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

/// Refuses paths that `open` cannot take.
fn check_path(path: &Path) -> Result<()> {
    let rule = match path.as_os_str().as_bytes() {
        b"" => String::from("is empty"),
        bytes if bytes.contains(&0) => format!("has a NUL ({path:?})"),
        _ => return Ok(()),
    };
    Err(Error::invalid("open", "path", rule))
}

/// Borrows the device's descriptor, for `poll`, `mmap` or another library.
///
/// The fake's descriptor is a substitute: `mmap` at a BO's offset works, ioctls fail.
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
