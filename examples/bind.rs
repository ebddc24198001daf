//! Maps a BO, uses the mapping from the CPU and the GPU, maps asynchronously behind a timeline,
//! unmaps.
//!
//! `cargo run --example bind`

mod common;

use std::time::Duration;

use panthor::{BoOptions, MapFlags, Timeout, VmOptions, VmState, Wait, point};

fn main() -> panthor::Result<()> {
    let device = common::open()?;
    let vm = device.create_vm(VmOptions::new())?;
    println!("VM {}: {:#x} bytes of VA", vm.id(), vm.user_va_range());

    // Memory that both sides see.
    let bo = device.create_bo(BoOptions::new(1 << 20).exclusive_to(&vm))?;
    println!("BO {}: {} KiB", bo.handle(), bo.size() >> 10);
    let cpu = bo.map()?;
    cpu.write(0, b"written by the CPU")?;

    // Synchronously: done when submit returns.
    let va = 0x1000_0000;
    let report = vm.bind().map(&bo, .., va, MapFlags::NOEXEC).submit()?;
    println!("mapped at {va:#x}: {report:?}");
    if let Some(gpu) = device.fake().and_then(|file| file.gpu(vm.id())) {
        let mut seen = [0; 18];
        gpu.read(va, &mut seen).expect("it is mapped");
        println!("the GPU reads: {}", String::from_utf8_lossy(&seen));
    }

    // Asynchronous map: queued until the gate's point 1 is signaled. Point 2 of the timeline
    // signals completion. The driver refuses a wait for a point without a submitted fence. The
    // queue of another VM submits the fence here.
    let (timeline, gate) = (device.create_timeline()?, device.create_timeline()?);
    let other = device.create_vm(VmOptions::new())?;
    let held = device.fake().and_then(|file| file.gpu(other.id()));
    if let Some(queue) = &held {
        queue.hold();
    }
    other.bind_async().signal(gate.at(point::<1>())).submit()?;
    let copy = va + bo.size();
    vm.bind_async()
        .map(&bo, .., copy, MapFlags::NOEXEC | MapFlags::READONLY)
        .wait(gate.at(point::<1>()))
        .signal(timeline.at(point::<2>()))
        .submit()?;
    if let Some(queue) = &held {
        // On the fake the other queue can be held, to see that ours waits for it.
        assert_eq!(timeline.wait(point::<2>(), Timeout::NONE)?, Wait::TimedOut);
        println!("queued: the timeline is at {}", timeline.value()?);
        queue.release();
    }
    let wait = timeline.wait(point::<2>(), Duration::from_secs(5))?;
    assert_eq!(wait, Wait::Ready, "the driver did not bind within 5 s");
    println!("mapped again at {copy:#x}: the timeline is at {}", timeline.value()?);
    if let Some(gpu) = device.fake().and_then(|file| file.gpu(vm.id())) {
        let mut seen = [0; 18];
        gpu.read(copy, &mut seen).expect("it is mapped");
        assert_eq!(&seen, b"written by the CPU");
        gpu.write(copy, b"no").expect_err("it is mapped for reading");
    }
    assert_eq!(vm.state()?, VmState::Usable);

    // One unmap for both: ranges need not match mappings.
    let report = vm.bind().unmap(va..copy + bo.size()).submit()?;
    println!("unmapped {:#x}..{:#x}: {report:?}", va, copy + bo.size());
    drop(cpu);
    bo.destroy()?;
    vm.destroy()?;
    Ok(())
}
