//! The calls.

use panthor::{
    BoOptions, BoSync, CacheOp, DmaBufAccess, MapAccess, Result, SyncPoint, VaRequest, VmOptions,
};
use rustix::event::{EventfdFlags, eventfd};

use super::arguments::Random;
use super::sync_steps::{share, syncobj, timeline};
use super::world::{World, any, put, replaced, settle, take};

/// Makes a call. If what it needs is not there, it does nothing.
pub fn step(world: &mut World, random: &mut Random) -> Result<()> {
    match random.below(100) {
        0..40 => bind(world, random),
        40..52 => make(world, random),
        52..58 => unmake(world, random),
        58..72 => syncobj(world, random),
        72..80 => timeline(world, random),
        80..86 => share(world, random),
        86..91 => bo(world, random),
        91..96 => submit(world, random),
        96..98 => allocate(world, random),
        _ => query(world, random),
    }
}

fn make(world: &mut World, random: &mut Random) -> Result<()> {
    let device = world.device(random).clone();
    match random.below(12) {
        0 | 1 => {
            let range = random.of(&[0, 0, 1 << 32, 1 << 47, 1 << 48, 5, u64::MAX]);
            let vm = device.create_vm(VmOptions::new().user_va_range(range))?;
            if let Some(old) = replaced(&mut world.vms, random) {
                settle(&old);
            }
            put(&mut world.vms, vm, random);
        }
        2..5 => {
            let options = BoOptions::new(random.bo_size());
            let options = if random.one_in(4) { options.no_mmap() } else { options };
            let options = if random.one_in(4) { options.wb_mmap() } else { options };
            let vm = if random.one_in(3) { any(&world.vms, random) } else { None };
            let options = match vm {
                Some(vm) => options.exclusive_to(vm),
                None => options,
            };
            let bo = device.create_bo(options)?;
            put(&mut world.bos, bo, random);
        }
        5 => put(&mut world.syncobjs, device.create_syncobj()?, random),
        6 => put(&mut world.syncobjs, device.create_signaled_syncobj()?, random),
        7 => put(&mut world.timelines, device.create_timeline()?, random),
        8 => {
            let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
            put(&mut world.descriptors, eventfd(0, flags).expect("an eventfd"), random);
        }
        9 | 10 => {
            if let Some(vm) = any(&world.vms, random) {
                let group = vm.create_group(random.group())?;
                put(&mut world.groups, group, random);
            }
        }
        _ => {
            if let Some(vm) = any(&world.vms, random) {
                let heap = vm.create_tiler_heap(random.heap())?;
                put(&mut world.heaps, heap, random);
            }
        }
    }
    Ok(())
}

fn unmake(world: &mut World, random: &mut Random) -> Result<()> {
    macro_rules! destroy {
        ($all:ident) => {
            if let Some(one) = take(&mut world.$all, random) {
                if random.one_in(2) {
                    one.destroy()?;
                }
            }
        };
    }
    match random.below(8) {
        0 => {
            world.vms.iter().for_each(settle);
            destroy!(vms);
        }
        1 => destroy!(bos),
        2 => destroy!(syncobjs),
        3 => destroy!(timelines),
        4 => destroy!(groups),
        5 => destroy!(heaps),
        _ => drop(take(&mut world.descriptors, random)),
    }
    Ok(())
}

/// Binds at once, or with waits and signals.
fn bind(world: &mut World, random: &mut Random) -> Result<()> {
    let Some(vm) = any(&world.vms, random) else { return Ok(()) };
    let count = random.of(&[1, 1, 2, 3, 6]);
    macro_rules! operations {
        ($batch:ident) => {
            $batch.sparse_mode(random.sparse_mode());
            for _ in 0..count {
                match random.below(8) {
                    0..4 => {
                        if let Some(bo) = any(&world.bos, random) {
                            let range = random.bo_range(bo.size());
                            let (va, flags) = (random.va_range().start, random.map_flags());
                            $batch.map(bo, range, va, flags);
                        }
                    }
                    4 => {
                        $batch.map_sparse(random.va_range());
                    }
                    5 => {
                        let (range, flags) = (random.va_range(), random.map_flags());
                        $batch.map_sparse_with(range, flags);
                    }
                    _ => {
                        $batch.unmap(random.unmapped_range());
                    }
                }
            }
        };
    }
    if random.one_in(2) {
        let mut batch = vm.bind();
        operations!(batch);
        return batch.submit().map(drop);
    }
    let mut batch = vm.bind_async();
    operations!(batch);
    for _ in 0..random.below(3) {
        let syncobj = any(&world.syncobjs, random).map(SyncPoint::from);
        let point = any(&world.timelines, random).map(|timeline| timeline.at(random.point()));
        let Some(sync) = (if random.one_in(2) { syncobj } else { point }) else { continue };
        match random.below(4) {
            0 => batch.wait(sync),
            1 | 2 => batch.signal(sync),
            _ => batch.op_signal(sync),
        };
    }
    batch.submit().map(drop)
}

fn bo(world: &mut World, random: &mut Random) -> Result<()> {
    let Some(bo) = any(&world.bos, random) else { return Ok(()) };
    let range = random.bo_range(bo.size());
    match random.below(6) {
        0 => bo.set_label(random.of(&["", "a label", "with a \0 within"])),
        1 => bo.clear_label(),
        2 => bo.info().map(drop),
        3 => {
            let op = random.of(&[CacheOp::Flush, CacheOp::FlushAndInvalidate]);
            world.device(random).sync_bos(&[BoSync::new(bo, range, op)])
        }
        4 => {
            let access = random.of(&[MapAccess::ReadWrite, MapAccess::Read]);
            let map = bo.map_range(range, access)?;
            let offset = random.of(&[0, 8, 4, 4095, 1 << 20, usize::MAX]);
            map.store(offset, 0_u64)?;
            map.load::<u64>(offset).map(drop)
        }
        _ => match any(&world.descriptors, random) {
            Some(fd) => bo.import_implicit_fence(DmaBufAccess::Write, fd),
            None => Ok(()),
        },
    }
}

/// Submits jobs that do nothing but wait and signal.
fn submit(world: &mut World, random: &mut Random) -> Result<()> {
    let Some(group) = any(&world.groups, random) else { return Ok(()) };
    if random.one_in(6) {
        return group.state().map(drop);
    }
    let mut submission = group.submit();
    for _ in 0..random.of(&[1, 1, 2, 0]) {
        let index = if random.one_in(12) { random.any() as u32 } else { 0 };
        let mut job = submission.queue(index);
        for _ in 0..random.below(3) {
            let syncobj = any(&world.syncobjs, random).map(SyncPoint::from);
            let point = any(&world.timelines, random).map(|timeline| timeline.at(random.point()));
            let Some(sync) = (if random.one_in(2) { syncobj } else { point }) else { continue };
            if random.one_in(3) {
                job.wait(sync)
            } else {
                job.signal(sync)
            };
        }
    }
    submission.submit()
}

fn allocate(world: &mut World, random: &mut Random) -> Result<()> {
    if random.one_in(3) {
        let range = match take(&mut world.allocated, random) {
            Some(range) if !random.one_in(8) => range,
            // Not as it was given away, which the allocator finds out, or does not mind.
            Some(range) => range.start + 4096..range.end + 4096,
            None => random.va_range(),
        };
        return world.allocator.free(range);
    }
    let size = random.of(&[1, 4096, 5000, 2 << 20, 1 << 30, 0, u64::MAX, 1 << 33]);
    let mut request = VaRequest::new(size);
    match random.below(6) {
        0 => request = request.alignment(random.of(&[1, 4096, 65536, 3, 0, 1 << 63])),
        1 => request = request.below(random.of(&[0, 4096, 1 << 20, u64::MAX])),
        2 => request = request.at(random.va_range().start),
        _ => {}
    }
    let range = world.allocator.allocate(request)?;
    let managed = world.allocator.managed();
    assert!(managed.start <= range.start && range.end <= managed.end && !range.is_empty());
    put(&mut world.allocated, range, random);
    Ok(())
}

fn query(world: &World, random: &mut Random) -> Result<()> {
    let device = world.device(random);
    match random.below(8) {
        0 => device.gpu_info().map(drop),
        1 => device.csif_info().map(drop),
        2 => device.page_sizes().map(drop),
        3 => device.group_priorities().map(drop),
        4 => device.usage().map(drop),
        5 => device.flush_id().map(drop),
        6 => device.timestamps(Default::default()).map(drop),
        _ => device.node_numbers().map(drop),
    }
}
