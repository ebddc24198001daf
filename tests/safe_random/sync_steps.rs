//! The calls on syncobjs and timelines, and on what is shared.

use panthor::{DmaBufAccess, Result, SyncPoint, Timeout, WaitFor};

use super::arguments::Random;
use super::world::{World, any, put};

pub fn syncobj(world: &mut World, random: &mut Random) -> Result<()> {
    let (Some(one), Some(other)) = (any(&world.syncobjs, random), any(&world.syncobjs, random))
    else {
        return Ok(());
    };
    let device = world.device(random);
    let what = random.of(&[WaitFor::Signaled, WaitFor::Available]);
    match random.below(11) {
        0 => one.signal(),
        1 => one.reset(),
        2 => one.wait(Timeout::NONE).map(drop),
        3 => one.wait_available(Timeout::NONE).map(drop),
        4 => device.signal_all(&[one.into(), other.into()]),
        5 => device.reset_all(&[one, other]),
        6 => device.wait_all(&[one.into(), other.into()], what, Timeout::NONE).map(drop),
        7 => device.wait_any(&[one.into(), other.into()], what, Timeout::NONE).map(drop),
        8 => SyncPoint::from(one).transfer_to(other),
        9 => match any(&world.timelines, random) {
            Some(timeline) => SyncPoint::from(one).transfer_to(timeline.at(random.point())),
            None => Ok(()),
        },
        _ => match any(&world.descriptors, random) {
            Some(fd) if random.one_in(2) => one.notify(fd),
            Some(fd) => one.import_sync_file(fd),
            None => Ok(()),
        },
    }
}

pub fn timeline(world: &mut World, random: &mut Random) -> Result<()> {
    let Some(timeline) = any(&world.timelines, random) else { return Ok(()) };
    let point = random.point();
    match random.below(8) {
        0 | 1 => timeline.signal(point),
        2 => timeline.value().map(drop),
        3 => timeline.last_submitted().map(drop),
        4 => timeline.wait(point, Timeout::NONE).map(drop),
        5 => timeline.wait_available(point, Timeout::NONE).map(drop),
        6 => match any(&world.syncobjs, random) {
            Some(syncobj) => timeline.at(point).transfer_to(syncobj),
            None => Ok(()),
        },
        _ => match any(&world.descriptors, random) {
            Some(fd) => timeline.at(point).import_sync_file(fd),
            None => Ok(()),
        },
    }
}

/// Exports and imports, also of what is something else.
pub fn share(world: &mut World, random: &mut Random) -> Result<()> {
    let device = world.device(random).clone();
    let exported = match random.below(9) {
        0 => any(&world.bos, random).map(|bo| bo.export()),
        1 => any(&world.syncobjs, random).map(|syncobj| syncobj.export()),
        2 => any(&world.timelines, random).map(|timeline| timeline.export()),
        3 => any(&world.syncobjs, random).map(|syncobj| syncobj.export_sync_file()),
        4 => {
            let timeline = any(&world.timelines, random);
            timeline.map(|timeline| timeline.at(random.point()).export_sync_file())
        }
        5 => any(&world.bos, random).map(|bo| bo.export_implicit_fences(DmaBufAccess::Write)),
        kind => {
            let Some(fd) = any(&world.descriptors, random) else { return Ok(()) };
            match kind {
                6 => {
                    let bo = device.import_bo(fd)?;
                    put(&mut world.bos, bo, random);
                }
                7 => {
                    let syncobj = device.import_syncobj(fd)?;
                    put(&mut world.syncobjs, syncobj, random);
                }
                _ => {
                    let timeline = device.import_timeline(fd)?;
                    put(&mut world.timelines, timeline, random);
                }
            }
            return Ok(());
        }
    };
    if let Some(exported) = exported {
        put(&mut world.descriptors, exported?, random);
    }
    Ok(())
}
