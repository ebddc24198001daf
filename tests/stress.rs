//! Stress test: eight threads make random calls on all objects, on one device file and on files of
//! their own.
//!
//! A plain run makes a fixed number of steps; `PANTHOR_STRESS_SECONDS` sets a duration instead. The
//! calls follow from the printed seed and from the timing of the threads; `PANTHOR_STRESS_SEED`
//! sets the seed. It runs on the fake, or on the node that `PANTHOR_TEST_DEVICE` names.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use panthor::fake::{self, Config};
use panthor::{
    BindBuffer, Bo, BoOptions, BoSync, CacheOp, Device, Group, GroupOptions, MapAccess, MapFlags,
    QueueOptions, Result, SyncObj, SyncPoint, TilerHeap, TilerHeapOptions, Timeline, Vm, VmState,
    WaitFor,
};

const THREADS: usize = 8;
/// Steps of each thread in a plain run.
const STEPS: u64 = 1500;
/// A step that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same steps for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Objects that all threads use.
struct Pool<T>(Mutex<Vec<Arc<T>>>);

impl<T> Pool<T> {
    fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Adds one, in place of another if there are many.
    fn put(&self, random: &mut Random, one: T) {
        let replaced = {
            let mut all = self.0.lock().unwrap();
            if all.len() < 6 {
                all.push(Arc::new(one));
                return;
            }
            let at = random.below(all.len() as u64) as usize;
            std::mem::replace(&mut all[at], Arc::new(one))
        };
        drop(replaced);
    }

    fn any(&self, random: &mut Random) -> Option<Arc<T>> {
        let all = self.0.lock().unwrap();
        (!all.is_empty()).then(|| all[random.below(all.len() as u64) as usize].clone())
    }
}

struct World {
    device: Device,
    vms: Pool<Vm>,
    bos: Pool<Bo>,
    syncobjs: Pool<SyncObj>,
    timelines: Pool<Timeline>,
    groups: Pool<Group>,
    heaps: Pool<TilerHeap>,
}

/// Current step of a thread, to debug a thread that hangs.
#[derive(Default)]
struct Progress {
    steps: AtomicU64,
    kind: AtomicU64,
}

/// Ignores errors that other threads cause: full tables, a VM that another thread broke, missing
/// fences.
fn tolerate<T>(result: Result<T>) -> Option<T> {
    use panthor::ErrorKind::{DeviceLost, InvalidArgument, OutOfMemory};
    match result {
        Ok(value) => Some(value),
        Err(error) if [OutOfMemory, InvalidArgument, DeviceLost].contains(&error.kind()) => None,
        Err(error) => panic!("{error}"),
    }
}

const KINDS: u64 = 24;

fn step(world: &World, own: &Device, random: &mut Random, buffer: &mut BindBuffer, kind: u64) {
    let short = Duration::from_micros(random.below(300));
    let page = random.below(64) << 12;
    let point = |random: &mut Random| (random.below(1000) + 1).try_into().expect("not zero");
    let vm = world.vms.any(random);
    let bo = world.bos.any(random);
    let syncobj = world.syncobjs.any(random);
    let timeline = world.timelines.any(random);
    match (kind, vm, bo, syncobj, timeline) {
        (0, ..) => {
            if let Some(vm) = tolerate(world.device.create_vm(Default::default())) {
                world.vms.put(random, vm);
            }
        }
        (1, ..) => {
            let options = BoOptions::new((random.below(64) + 1) << 12);
            let options = if random.below(2) == 0 { options.wb_mmap() } else { options };
            world.bos.put(random, world.device.create_bo(options).unwrap());
        }
        (2, ..) => world.syncobjs.put(random, world.device.create_syncobj().unwrap()),
        (3, ..) => world.timelines.put(random, world.device.create_timeline().unwrap()),
        (4, Some(vm), ..) => {
            let options = GroupOptions::new().queue(QueueOptions::new(4096));
            if let Some(group) = tolerate(vm.create_group(options)) {
                world.groups.put(random, group);
            }
        }
        (5, Some(vm), ..) => {
            let options = TilerHeapOptions::new().chunk_size(128 << 10).initial_chunks(1);
            if let Some(heap) = tolerate(vm.create_tiler_heap(options)) {
                assert!(heap.context_va() >= vm.user_va_range());
                world.heaps.put(random, heap);
            }
        }
        (6, Some(vm), Some(bo), ..) => {
            let flags = MapFlags::NOEXEC;
            tolerate(
                vm.bind().map(&bo, ..4096, page, flags).map_sparse(page + 4096..64 << 20).submit(),
            );
        }
        (7, Some(vm), ..) => drop(vm.bind().unmap(page..page + (1 << 20)).submit().unwrap()),
        (8, Some(vm), Some(bo), Some(syncobj), Some(timeline)) => {
            let mut batch = vm.bind_async_with(buffer);
            batch.map(&bo, ..4096, page, MapFlags::NOEXEC).signal(&*syncobj);
            tolerate(batch.signal(timeline.at(point(random))).submit());
        }
        (9, Some(vm), _, Some(syncobj), Some(timeline)) => {
            let waited = timeline.at(point(random));
            let mut batch = vm.bind_async();
            batch.unmap(page..page + 8192).wait(&*syncobj).wait(waited);
            tolerate(batch.submit());
        }
        (10, _, _, Some(syncobj), _) => match random.below(3) {
            0 => syncobj.signal().unwrap(),
            1 => syncobj.reset().unwrap(),
            _ => drop(syncobj.wait(short).unwrap()),
        },
        (11, _, _, _, Some(timeline)) => match random.below(3) {
            0 => timeline.signal(point(random)).unwrap(),
            1 => drop(timeline.wait(point(random), short).unwrap()),
            _ => assert!(timeline.value().unwrap() <= 1000),
        },
        (12, _, _, Some(syncobj), Some(timeline)) => {
            let points = [SyncPoint::from(&*syncobj), timeline.at(point(random))];
            world.device.wait_any(&points, WaitFor::Available, short).unwrap();
            tolerate(points[1].transfer_to(points[0]));
        }
        (13, _, _, Some(syncobj), _) => {
            if let Some(sync_file) = tolerate(syncobj.export_sync_file()) {
                let other = own.create_syncobj().unwrap();
                other.import_sync_file(sync_file).unwrap();
            }
        }
        (14, _, _, Some(syncobj), _) => {
            let same = own.import_syncobj(syncobj.export().unwrap()).unwrap();
            same.signal().unwrap();
        }
        (15, _, Some(bo), ..) => {
            let dma_buf = bo.export().unwrap();
            let same = world.device.import_bo(&dma_buf).unwrap();
            assert!(same.is_same_object(&bo));
            assert_eq!(own.import_bo(&dma_buf).unwrap().size(), bo.size());
            if random.below(2) == 0 {
                world.bos.put(random, same);
            }
        }
        (16, _, Some(bo), ..) => {
            let map = bo.map_range(..4096, MapAccess::ReadWrite).unwrap();
            map.store(8 * random.below(512) as usize, 1u64).unwrap();
            assert!(map.load::<u64>(8).unwrap() <= 1);
        }
        (17, _, Some(bo), ..) => {
            bo.set_label("shared").unwrap();
            world.device.sync_bos(&[BoSync::new(&bo, .., CacheOp::Flush)]).unwrap();
            assert!(!bo.info().unwrap().imported);
        }
        (18, ..) => {
            if let (Some(group), Some(syncobj)) =
                (world.groups.any(random), world.syncobjs.any(random))
            {
                tolerate(group.submit().queue(0).signal(&*syncobj).submit());
            }
        }
        (19, ..) => {
            if let Some(group) = world.groups.any(random) {
                group.state().unwrap();
            }
        }
        (20, Some(vm), ..) => match vm.state().unwrap() {
            VmState::Usable => {}
            state => panic!("{state:?}: nothing here breaks a VM"),
        },
        (21, ..) => {
            // A life of its own, from the beginning to the end.
            let vm = own.create_vm(Default::default()).unwrap();
            let bo = own.create_bo(BoOptions::new(8192).exclusive_to(&vm)).unwrap();
            vm.bind().map(&bo, .., page, MapFlags::NOEXEC).submit().unwrap();
            let done = own.create_syncobj().unwrap();
            vm.bind_async().unmap(page..page + 4096).signal(&done).submit().unwrap();
            assert!(done.wait(PATIENCE).unwrap().is_ready());
            bo.destroy().unwrap();
            vm.destroy().unwrap();
        }
        (22, ..) => {
            own.flush_id().unwrap();
            own.usage().unwrap();
            world.device.gpu_info().unwrap();
        }
        (23, ..) => match random.below(4) {
            0 => drop(world.heaps.0.lock().unwrap().pop()),
            1 => drop(world.groups.0.lock().unwrap().pop()),
            2 => drop(world.vms.0.lock().unwrap().pop()),
            _ => drop(world.timelines.0.lock().unwrap().pop()),
        },
        // What it takes is not there yet.
        _ => {}
    }
}

/// Ends the program if a thread does not go on, and says where.
fn watch(progress: &[Progress], over: &AtomicBool) {
    let mut seen: Vec<(u64, Instant)> = vec![(0, Instant::now()); progress.len()];
    while !over.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
        for (index, (thread, seen)) in progress.iter().zip(&mut seen).enumerate() {
            let steps = thread.steps.load(Relaxed);
            if steps != seen.0 {
                *seen = (steps, Instant::now());
            } else if seen.1.elapsed() > PATIENCE && steps != u64::MAX {
                let kind = thread.kind.load(Relaxed);
                eprintln!("thread {index} hangs in step {steps}, of kind {kind}");
                std::process::abort();
            }
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect(variable))
}

#[test]
fn eight_threads_do_anything_to_everything() {
    let seconds = number("PANTHOR_STRESS_SECONDS").map(Duration::from_secs);
    let seed = number("PANTHOR_STRESS_SEED").unwrap_or(0x9e37_79b9);
    println!("PANTHOR_STRESS_SEED={seed}");
    let node = std::env::var("PANTHOR_TEST_DEVICE").ok().filter(|name| name != "fake");
    let fake = fake::Device::new(Config::default()).unwrap();
    let open = || match &node {
        Some(path) => Device::open(path).unwrap(),
        None => Device::from_fake(fake.open()).unwrap(),
    };
    let world = World {
        device: open(),
        vms: Pool::new(),
        bos: Pool::new(),
        syncobjs: Pool::new(),
        timelines: Pool::new(),
        groups: Pool::new(),
        heaps: Pool::new(),
    };
    let progress: Vec<Progress> = (0..THREADS).map(|_| Progress::default()).collect();
    let over = AtomicBool::new(false);
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| watch(&progress, &over));
        let threads: Vec<_> = (0..THREADS)
            .map(|index| {
                let (world, thread, own) = (&world, &progress[index], open());
                scope.spawn(move || {
                    let mut random =
                        Random((seed + index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
                    let mut buffer = BindBuffer::new();
                    let mut steps = 0;
                    while seconds.map_or(steps < STEPS, |seconds| start.elapsed() < seconds) {
                        let kind = random.below(KINDS);
                        thread.kind.store(kind, Relaxed);
                        step(world, &own, &mut random, &mut buffer, kind);
                        steps += 1;
                        thread.steps.store(steps, Relaxed);
                    }
                    thread.steps.store(u64::MAX, Relaxed);
                    steps
                })
            })
            .collect();
        let steps: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        over.store(true, Relaxed);
        let steps: u64 = steps.into_iter().map(|steps| steps.expect("a thread")).sum();
        println!("{steps} steps in {:.1?}, {} ioctls", start.elapsed(), fake.stats().ioctls());
    });
    drop(world);
    // Jobs that wait for an abandoned fence go with the last file.
    fake.assert_released();
}
