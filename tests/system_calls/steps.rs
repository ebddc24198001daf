//! Every call of the safe layer that makes a system call, in steps. Each step compares its results
//! with those of an undisturbed system.

use std::fmt::{self, Debug};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::event::EventfdFlags;

use panthor::{
    BoOptions, CacheOp, Device, DmaBufAccess, Error, ErrorKind, FenceStatus, FlushId, MapAccess,
    MapFlags, Node, NodeNumbers, Profiling, SyncPoint, Timeout, Version, Vm, Wait, WaitFor, point,
};

use crate::common;

/// A difference from a system without trouble.
#[derive(Debug)]
pub enum Wrong {
    /// A call that failed, with its error.
    Failed(&'static str, Error),
    /// A call that succeeded, with another result.
    Result(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(what, error) => write!(f, "{what}: {error:?}"),
            Self::Result(text) => f.write_str(text),
        }
    }
}

pub type Outcome = Result<(), Wrong>;
/// A step by its name.
pub type Step = (&'static str, fn(&World) -> Outcome);

/// A device, and what it answers without signals.
pub struct World {
    device: Device,
    vm: Vm,
    path: Option<PathBuf>,
    nodes: Vec<Node>,
    numbers: NodeNumbers,
    client: Option<u64>,
    profiling: Result<Profiling, ErrorKind>,
    flush_id: FlushId,
    eventfd: OwnedFd,
}

impl World {
    pub fn new() -> Self {
        let device = common::device();
        let nodes = panthor::list().expect("a list");
        let path = device.fake().is_none().then(|| {
            let named = std::env::var_os("PANTHOR_TEST_DEVICE").map(PathBuf::from);
            named.unwrap_or_else(|| nodes.first().expect("the node").path.clone())
        });
        if let Some(path) = &path {
            assert!(nodes.iter().any(|node| node.path == *path), "{nodes:?}");
        }
        let vm = device.create_vm(Default::default()).expect("a VM");
        Self {
            numbers: device.node_numbers().expect("numbers"),
            client: device.usage().expect("usage").client_id,
            profiling: device.profiling().map_err(|error| error.kind()),
            flush_id: device.flush_id().expect("a flush ID"),
            eventfd: rustix::event::eventfd(0, EventfdFlags::NONBLOCK).expect("an eventfd"),
            device,
            vm,
            path,
            nodes,
        }
    }

    /// Opens the device once more.
    fn open(&self) -> Result<Device, Wrong> {
        match (&self.path, self.device.fake()) {
            (Some(path), _) => ok("open", Device::open(path)),
            (None, Some(file)) => ok("open", Device::from_fake(file.device().open())),
            (None, None) => unreachable!("a node has a path"),
        }
    }
}

pub const ALL: &[Step] = &[
    ("list", list),
    ("open", open),
    ("open_any", open_any),
    ("open_fake", open_fake),
    ("node_numbers", node_numbers),
    ("usage", usage),
    ("profiling", profiling),
    ("queries", queries),
    ("map", map),
    ("map_range", map_range),
    ("map_placed", map_placed),
    ("cache maintenance", cache_maintenance),
    ("export and import", export_and_import),
    ("name_dma_buf", name_dma_buf),
    ("implicit fences", implicit_fences),
    ("sync files", sync_files),
    ("syncobjs", syncobjs),
    ("timelines", timelines),
    ("eventfd", eventfd),
    ("binds", binds),
    ("queued binds", queued_binds),
];

/// Returns the value of a call that must succeed.
fn ok<T>(what: &'static str, result: Result<T, impl Into<Error>>) -> Result<T, Wrong> {
    result.map_err(|error| Wrong::Failed(what, error.into()))
}

fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Wrong::Result(format!("{what}: {found:?}, not {expected:?}")))
}

fn list(world: &World) -> Outcome {
    same("list", &ok("list", panthor::list())?, &world.nodes)
}

fn open(world: &World) -> Outcome {
    let device = world.open()?;
    same("version", device.version(), world.device.version())?;
    // The first one of a device maps the page.
    same("flush ID", ok("flush_id", device.flush_id())?, world.flush_id)
}

fn open_any(world: &World) -> Outcome {
    match (Device::open_any(), world.nodes.first()) {
        (Ok(device), Some(first)) => same("version", device.version(), first.version),
        (Err(none), None) if none.kind() == ErrorKind::NotFound => Ok(()),
        (Err(error), _) => Err(Wrong::Failed("open_any", error)),
        (Ok(device), None) => Err(Wrong::Result(format!("open_any: {device:?} of none"))),
    }
}

fn open_fake(_: &World) -> Outcome {
    let device = ok("open_fake", Device::open_fake())?;
    let bo = ok("create_bo", device.create_bo(BoOptions::new(4096)))?;
    ok("map", bo.map()).map(drop)
}

fn node_numbers(world: &World) -> Outcome {
    same("node_numbers", ok("node_numbers", world.device.node_numbers())?, world.numbers)
}

fn usage(world: &World) -> Outcome {
    same("client", ok("usage", world.device.usage())?.client_id, world.client)
}

fn profiling(world: &World) -> Outcome {
    let profiling = match (world.device.profiling(), world.profiling) {
        // What the device cannot do it refuses each time alike.
        (Err(error), Err(kind)) if error.kind() == kind => return Ok(()),
        (answer, _) => ok("profiling", answer)?,
    };
    same("profiling", Ok(profiling), world.profiling)?;
    match world.device.set_profiling(profiling) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        answer => ok("set_profiling", answer),
    }
}

fn queries(world: &World) -> Outcome {
    let device = &world.device;
    ok("gpu_info", device.gpu_info())?;
    ok("csif_info", device.csif_info())?;
    ok("page_sizes", device.page_sizes())?;
    same("is_lost", ok("is_lost", device.is_lost())?, false)
}

fn map(world: &World) -> Outcome {
    let bo = ok("create_bo", world.device.create_bo(BoOptions::new(64 << 10)))?;
    let map = ok("map", bo.map())?;
    ok("store", map.store(60 << 10, 7u32))?;
    same("load", ok("load", map.load::<u32>(60 << 10))?, 7)?;
    drop(map);
    ok("destroy", bo.destroy())
}

fn map_range(world: &World) -> Outcome {
    let page = world.device.cpu_page_size();
    let bo = ok("create_bo", world.device.create_bo(BoOptions::new(4 * page)))?;
    let map = ok("map_range", bo.map_range(page..3 * page, MapAccess::Read))?;
    same("load", ok("load", map.load::<u64>(0))?, 0)
}

fn map_placed(world: &World) -> Outcome {
    let bo = ok("create_bo", world.device.create_bo(BoOptions::new(64 << 10)))?;
    let map = ok("map", bo.map())?;
    let address = map.as_ptr();
    ok("unmap_reserve", map.unmap_reserve())?;
    // SAFETY: the addresses are those that were just reserved.
    let map = ok("map_placed", unsafe { bo.map_placed(address, .., MapAccess::ReadWrite) })?;
    same("address", map.as_ptr(), address)?;
    ok("store", map.store(0, 1u32))
}

fn cache_maintenance(world: &World) -> Outcome {
    if world.device.version() < Version::new(1, 7) {
        return Ok(());
    }
    let options = BoOptions::new(4096).wb_mmap();
    let bo = ok("create_bo", world.device.create_bo(options))?;
    ok("sync", bo.sync(.., CacheOp::FlushAndInvalidate))
}

fn export_and_import(world: &World) -> Outcome {
    let bo = ok("create_bo", world.device.create_bo(BoOptions::new(64 << 10)))?;
    let dma_buf = ok("export", bo.export())?;
    let again = ok("import_bo", world.device.import_bo(&dma_buf))?;
    same("object", again.is_same_object(&bo), true)?;
    same("size", again.size(), 64 << 10)?;
    let elsewhere = world.open()?;
    let there = ok("import_bo elsewhere", elsewhere.import_bo(&dma_buf))?;
    same("size elsewhere", there.size(), 64 << 10)
}

fn name_dma_buf(world: &World) -> Outcome {
    let bo = ok("create_bo", world.device.create_bo(BoOptions::new(4096)))?;
    ok("name_dma_buf", world.device.name_dma_buf(ok("export", bo.export())?, "storm"))
}

fn implicit_fences(world: &World) -> Outcome {
    let bo = ok("create_bo", world.device.create_bo(BoOptions::new(4096)))?;
    let done = ok("create", world.device.create_signaled_syncobj())?;
    let fence = ok("export_sync_file", done.export_sync_file())?;
    let write = DmaBufAccess::Write;
    ok("import_implicit_fence", bo.import_implicit_fence(write, fence))?;
    let fences = ok("export_implicit_fences", bo.export_implicit_fences(write))?;
    signaled(world, fences)
}

/// Checks that a sync_file with a signaled fence is read back as signaled.
fn signaled(world: &World, sync_file: OwnedFd) -> Outcome {
    let device = &world.device;
    if device.version() >= Version::new(1, 7) {
        let status = ok("sync_file_status", device.sync_file_status(&sync_file))?;
        same("status", status, FenceStatus::Signaled)?;
    }
    let there = ok("create_syncobj", device.create_syncobj())?;
    ok("import_sync_file", there.import_sync_file(sync_file))?;
    same("wait", ok("wait", there.wait(Timeout::NONE))?, Wait::Ready)
}

fn sync_files(world: &World) -> Outcome {
    let device = &world.device;
    let first = ok("create", device.create_signaled_syncobj())?;
    let second = ok("create", device.create_timeline())?;
    ok("signal", second.signal(point::<5>()))?;
    let both = ok(
        "merge_sync_files",
        device.merge_sync_files(
            ok("export_sync_file", first.export_sync_file())?,
            ok("export_sync_file", second.at(point::<5>()).export_sync_file())?,
        ),
    )?;
    signaled(world, both)
}

fn syncobjs(world: &World) -> Outcome {
    let syncobj = ok("create_syncobj", world.device.create_syncobj())?;
    let fd = ok("export", syncobj.export())?;
    let same_object = ok("import_syncobj", world.device.import_syncobj(fd))?;
    ok("signal", same_object.signal())?;
    same("wait", ok("wait", syncobj.wait(Timeout::FOREVER))?, Wait::Ready)?;
    ok("reset", syncobj.reset())?;
    ok("destroy", syncobj.destroy())
}

fn timelines(world: &World) -> Outcome {
    let device = &world.device;
    let timeline = ok("create_timeline", device.create_timeline())?;
    let fd = ok("export", timeline.export())?;
    let there = ok("import_timeline", device.import_timeline(fd))?;
    ok("signal", there.signal(point::<3>()))?;
    same("value", ok("value", timeline.value())?, 3)?;
    let done = ok("create", device.create_signaled_syncobj())?;
    ok("transfer_to", SyncPoint::from(&done).transfer_to(timeline.at(point::<8>())))?;
    let points = [SyncPoint::from(&done), timeline.at(point::<8>())];
    let wait = device.wait_all(&points, WaitFor::Signaled, Timeout::FOREVER);
    same("wait_all", ok("wait_all", wait)?, Wait::Ready)
}

fn eventfd(world: &World) -> Outcome {
    let done = ok("create", world.device.create_signaled_syncobj())?;
    ok("notify", SyncPoint::from(&done).notify(&world.eventfd))
}

fn binds(world: &World) -> Outcome {
    let bo = ok("create_bo", world.device.create_bo(BoOptions::new(64 << 10)))?;
    let va = 1 << 30;
    ok("map", world.vm.bind().map(&bo, .., va, MapFlags::NOEXEC).submit())?;
    ok("unmap", world.vm.bind().unmap(va..va + (64 << 10)).submit()).map(drop)
}

fn queued_binds(world: &World) -> Outcome {
    let done = ok("create_syncobj", world.device.create_syncobj())?;
    let bo = ok("create_bo", world.device.create_bo(BoOptions::new(64 << 10)))?;
    let va = 1 << 31;
    ok("map", world.vm.bind_async().map(&bo, .., va, MapFlags::NOEXEC).submit())?;
    let unmap = va..va + (64 << 10);
    ok("unmap", world.vm.bind_async().unmap(unmap).signal(&done).submit())?;
    same("wait", ok("wait", done.wait(Timeout::FOREVER))?, Wait::Ready)
}
