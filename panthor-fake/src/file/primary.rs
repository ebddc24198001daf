//! The primary node: DRM masters, authentication, and the ioctls that render nodes lack.
//!
//! The driver has no displays, so the mode setting ioctls have no effect.

use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use panthor_sys as sys;

use crate::bo::names::{gem_flink, gem_open};
use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, Entry, Handler, args, request_nr};
use crate::file::drm_core::{put, word};
use crate::file::handles::Handles;
use crate::lock::{Mutex, lock, rank};

/// The bus name of the GPU, as on the RK3588.
const UNIQUE: &[u8] = b"fb000000.gpu";

/// The DRM interface version.
const INTERFACE: (i32, i32) = (1, 4);

/// The permissions that an ioctl needs.
pub(crate) mod needs {
    /// The client is, or was authenticated by, a master.
    pub(crate) const AUTH: u8 = 1;
    /// The client is the current master.
    pub(crate) const MASTER: u8 = 2;
    /// The process has `CAP_SYS_ADMIN`.
    pub(crate) const ADMIN: u8 = 4;
}

/// A DRM master, with the clients that requested authentication.
#[derive(Debug, Default)]
struct Master {
    /// The issued magic numbers. A used number has no client.
    magic: Mutex<Handles<Option<Arc<AtomicBool>>>, { rank::MAGIC }>,
    /// Set once the master has chosen an interface version; then the bus name is reported.
    tells_unique: AtomicBool,
}

/// The state that the primary files of a device share.
#[derive(Debug, Default)]
pub(crate) struct Masters {
    current: Mutex<Option<Arc<Master>>, { rank::MASTERS }>,
}

/// The process that opens a node.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Opener {
    /// Set if the process has `CAP_SYS_ADMIN`.
    pub(crate) administrator: bool,
    /// The process ID, as [`Caller::process`](crate::call::caller::Caller::process) returns it.
    pub(crate) process: i32,
    /// The opening thread, for a trace.
    #[cfg_attr(not(feature = "trace"), expect(dead_code, reason = "nothing is traced"))]
    pub(crate) thread: i32,
}

/// The additional state of a primary node's file. Locked after [`Masters::current`].
#[derive(Debug)]
pub(crate) struct Primary {
    state: Mutex<State, { rank::PRIMARY }>,
    authenticated: Arc<AtomicBool>,
}

#[derive(Debug)]
struct State {
    master: Arc<Master>,
    /// Set if the file created its master.
    is_master: bool,
    /// The process that became master, or that opened the file.
    process: i32,
    magic: u32,
}

impl Primary {
    /// Opens the primary node. If there is no master, the file becomes master.
    pub(crate) fn open(masters: &Masters, opener: Opener) -> Self {
        let Opener { administrator, process, .. } = opener;
        let mut current = lock(&masters.current);
        let is_master = current.is_none();
        let master = current.get_or_insert_default().clone();
        let authenticated = Arc::new(AtomicBool::new(is_master || administrator));
        Self { state: Mutex::new(State { master, is_master, process, magic: 0 }), authenticated }
    }

    /// Returns whether the file is the current master.
    pub(crate) fn is_current_master(&self, masters: &Masters) -> bool {
        let current = lock(&masters.current);
        lock(&self.state).is_current(current.as_ref())
    }

    /// Releases the file.
    pub(crate) fn close(&self, masters: &Masters) {
        let mut current = lock(&masters.current);
        let state = lock(&self.state);
        if state.is_current(current.as_ref()) {
            *current = None;
        }
        lock(&state.master.magic).remove(state.magic);
    }

    fn is_authenticated(&self) -> bool {
        self.authenticated.load(Ordering::Acquire)
    }
}

impl State {
    fn is_current(&self, current: Option<&Arc<Master>>) -> bool {
        self.is_master && current.is_some_and(|current| Arc::ptr_eq(current, &self.master))
    }
}

/// # Errors
/// `EACCES` if a primary client lacks the permissions that an ioctl needs.
pub(crate) fn permit(call: &Call<'_>, primary: &Primary, needs: u8) -> Result<()> {
    let needs = |need| needs & need != 0;
    let denied = (needs(needs::ADMIN) && !call.capabilities().administrator)
        || (needs(needs::AUTH) && !primary.is_authenticated())
        || (needs(needs::MASTER) && !call.file.is_current_master());
    if denied { Err(Errno::ACCES) } else { Ok(()) }
}

/// Returns the entry of an ioctl that only primary nodes have.
pub(crate) fn find(request: u32) -> Option<Entry> {
    const OLD: u8 = needs::AUTH | needs::MASTER | needs::ADMIN;

    let (needs, handler): (u8, Handler) = match request_nr(request) {
        0x01 => {
            return Some(Entry {
                request: sys::DRM_IOCTL_GET_UNIQUE,
                needs: 0,
                handler: get_unique,
            });
        }
        0x02 => {
            return Some(Entry { request: sys::DRM_IOCTL_GET_MAGIC, needs: 0, handler: get_magic });
        }
        // `DRM_IOCTL_GET_CLIENT`, `DRM_IOCTL_GET_STATS`.
        0x05 => return Some(Entry { request: 0xc028_6405, needs: 0, handler: get_client }),
        0x06 => return Some(Entry { request: 0x80f8_6406, needs: 0, handler: get_stats }),
        0x07 => {
            let request = sys::DRM_IOCTL_SET_VERSION;
            return Some(Entry { request, needs: needs::MASTER, handler: set_version });
        }
        0x0a => {
            let request = sys::DRM_IOCTL_GEM_FLINK;
            return Some(Entry { request, needs: needs::AUTH, handler: gem_flink });
        }
        0x0b => {
            let request = sys::DRM_IOCTL_GEM_OPEN;
            return Some(Entry { request, needs: needs::AUTH, handler: gem_open });
        }
        0x11 => {
            let request = sys::DRM_IOCTL_AUTH_MAGIC;
            return Some(Entry { request, needs: needs::MASTER, handler: auth_magic });
        }
        0x1e => (0, set_master),
        0x1f => (0, drop_master),
        // Legacy ioctls.
        0x10 => (OLD, invalid),
        0x12 | 0x13 | 0x27 | 0x28 | 0x3f => (OLD, nothing),
        0x2c => (needs::AUTH, nothing),
        // Mode setting, with and without master.
        0xa8 | 0xa9 => (needs::MASTER, nothing),
        0xa2 | 0xa3 | 0xa5 | 0xab | 0xb0 | 0xb1 | 0xb7 | 0xba..=0xbc | 0xc6..=0xc9 => {
            (needs::MASTER, not_supported)
        }
        0xb2 => return Some(Entry { request: 0xc020_64b2, needs: 0, handler: create_dumb }),
        0xb3 => return Some(Entry { request: 0xc010_64b3, needs: 0, handler: map_dumb }),
        0xb4 => (0, destroy_dumb),
        0xce => (0, invalid),
        0x0d | 0x3a..=0x3c | 0xa0..=0xbe | 0xd0 => (0, not_supported),
        _ => return None,
    };
    Some(Entry { request, needs, handler })
}

fn nothing(_: &Call<'_>, _: &mut [u8]) -> Result<()> {
    Ok(())
}

fn invalid(_: &Call<'_>, _: &mut [u8]) -> Result<()> {
    Err(Errno::INVAL)
}

fn not_supported(_: &Call<'_>, _: &mut [u8]) -> Result<()> {
    Err(Errno::OPNOTSUPP)
}

/// Answers `DRM_IOCTL_MODE_CREATE_DUMB`.
fn create_dumb(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    no_dumb_buffers(call, &mut data[16..32])
}

/// Answers `DRM_IOCTL_MODE_MAP_DUMB`.
fn map_dumb(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    no_dumb_buffers(call, &mut data[8..16])
}

/// Answers `DRM_IOCTL_MODE_DESTROY_DUMB`, which has no output.
fn destroy_dumb(call: &Call<'_>, _: &mut [u8]) -> Result<()> {
    no_dumb_buffers(call, &mut [])
}

/// Clears the outputs, as kernels with driver 1.7 and later do, and fails. Clearing was observed
/// with 1.8, and not with 1.0.
fn no_dumb_buffers(call: &Call<'_>, outputs: &mut [u8]) -> Result<()> {
    if call.file.config().driver_minor >= 7 {
        outputs.fill(0);
    }
    Err(Errno::NOSYS)
}

/// Returns the primary state of the caller's file. The ioctls of this module are found for primary
/// files only.
fn primary<'a>(call: &Call<'a>) -> Result<&'a Primary> {
    call.file.primary().ok_or(Errno::ACCES)
}

/// Answers `DRM_IOCTL_GET_UNIQUE`.
fn get_unique(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    type Unique = sys::drm_unique;

    let master = lock(&primary(call)?.state).master.clone();
    let unique = if master.tells_unique.load(Ordering::Acquire) { UNIQUE } else { b"" };
    if word(data, offset_of!(Unique, unique_len)) >= unique.len() {
        call.user.write(word(data, offset_of!(Unique, unique)) as u64, unique)?;
    }
    put(data, offset_of!(Unique, unique_len), &unique.len().to_ne_bytes());
    Ok(())
}

/// Answers `DRM_IOCTL_GET_MAGIC`.
fn get_magic(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_auth = args(data);
    let primary = primary(call)?;
    let mut state = lock(&primary.state);
    if state.magic == 0 {
        let flag = Some(primary.authenticated.clone());
        let magic = lock(&state.master.magic).insert(flag, i32::MAX as u32);
        state.magic = magic.ok_or(Errno::NOSPC)?;
    }
    args.magic = state.magic;
    Ok(())
}

/// Answers `DRM_IOCTL_AUTH_MAGIC`.
fn auth_magic(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_auth = args(data);
    let master = lock(&primary(call)?.state).master.clone();
    let flag = lock(&master.magic).get_mut(args.magic).and_then(Option::take);
    flag.ok_or(Errno::INVAL)?.store(true, Ordering::Release);
    Ok(())
}

/// Answers `DRM_IOCTL_GET_CLIENT`: reports the calling thread as the only client.
fn get_client(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    /// The overflow user ID.
    const NOBODY: usize = 65_534;

    let index: &mut [i32; 2] = args(data);
    if index[0] != 0 {
        return Err(Errno::INVAL);
    }
    index[1] = primary(call)?.is_authenticated().into();
    let thread = call.caller.thread() as usize;
    // The magic number and the ioctl count are always zero.
    for (word, value) in [thread, NOBODY, 0, 0].into_iter().enumerate() {
        put(data, 8 + word * size_of::<usize>(), &value.to_ne_bytes());
    }
    Ok(())
}

/// Answers `DRM_IOCTL_GET_STATS`: reports no statistics.
fn get_stats(_: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let known = data.len().min(248);
    data[..known].fill(0);
    Ok(())
}

/// Answers `DRM_IOCTL_SET_VERSION`.
fn set_version(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_set_version = args(data);
    let (driver_major, driver_minor) = call.file.config().version();
    let driver_minor = driver_minor as i32;
    let asked = *args;
    *args = sys::drm_set_version {
        drm_di_major: INTERFACE.0,
        drm_di_minor: INTERFACE.1,
        drm_dd_major: driver_major,
        drm_dd_minor: driver_minor,
    };
    if asked.drm_di_major != -1 {
        let known = 0..=INTERFACE.1;
        if asked.drm_di_major != INTERFACE.0 || !known.contains(&asked.drm_di_minor) {
            return Err(Errno::INVAL);
        }
        if asked.drm_di_minor >= 1 {
            lock(&primary(call)?.state).master.tells_unique.store(true, Ordering::Release);
        }
    }
    let known = 0..=driver_minor;
    let wrong = asked.drm_dd_major != driver_major || !known.contains(&asked.drm_dd_minor);
    if asked.drm_dd_major != -1 && wrong { Err(Errno::INVAL) } else { Ok(()) }
}

/// Checks that the caller may become or stop being master: the process was master with this file
/// before, or it has `CAP_SYS_ADMIN`.
fn permit_mastery(call: &Call<'_>, state: &State) -> Result<()> {
    let was_master = state.is_master && state.process == call.caller.process();
    let permitted = was_master || call.capabilities().administrator;
    if permitted { Ok(()) } else { Err(Errno::ACCES) }
}

/// Answers `DRM_IOCTL_SET_MASTER`.
fn set_master(call: &Call<'_>, _: &mut [u8]) -> Result<()> {
    let primary = primary(call)?;
    let mut current = lock(&call.file.device_inner().masters.current);
    let mut state = lock(&primary.state);
    permit_mastery(call, &state)?;
    if state.is_current(current.as_ref()) {
        return Ok(());
    }
    if current.is_some() {
        return Err(Errno::BUSY);
    }
    if !state.is_master {
        state.master = Arc::default();
        state.is_master = true;
        state.process = call.caller.process();
        primary.authenticated.store(true, Ordering::Release);
    }
    *current = Some(state.master.clone());
    Ok(())
}

/// Answers `DRM_IOCTL_DROP_MASTER`.
fn drop_master(call: &Call<'_>, _: &mut [u8]) -> Result<()> {
    let mut current = lock(&call.file.device_inner().masters.current);
    let state = lock(&primary(call)?.state);
    permit_mastery(call, &state)?;
    if !state.is_current(current.as_ref()) {
        return Err(Errno::INVAL);
    }
    *current = None;
    Ok(())
}
