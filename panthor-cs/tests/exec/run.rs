//! RUN instructions: staging registers, outcomes, resources.

use panthor_cs::exec::*;
use panthor_cs::instruction::*;
use panthor_cs::*;

use crate::support::*;

/// Returns the staging registers of `instruction` where each register n holds 0x1000 + n.
fn staging(arch: Arch, instruction: impl Into<Instruction>) -> Run {
    let mut machine = Machine::new(arch);
    (0..96).for_each(|number| machine.set_reg(number, word(number)));
    machine.run_to_end(&[instruction.into()]);
    let [run] = machine.hooks.runs[..] else { panic!("{:?}", machine.hooks.runs) };
    assert_eq!((run.queue, run.ip, run.heap), (0, BASE, 0));
    run
}

fn word(number: u8) -> u32 {
    0x1000 + u32::from(number)
}

fn wide(number: u8) -> u64 {
    u64::from(word(number)) | u64::from(word(number + 1)) << 32
}

#[test]
fn compute_reads_its_staging_registers() {
    for arch in Arch::ALL {
        let indirect = RunComputeIndirect { workgroups: 4, tsd: 3, ..Default::default() };
        let run = staging(arch, indirect);
        assert_eq!(run.instruction, indirect.into());
        assert_eq!(staging(arch, RunCompute::default()).staging, run.staging);
        let Staging::Compute(state) = run.staging else { panic!("{run:?}") };
        assert_eq!(state.srt, [0, 2, 4, 6].map(wide));
        assert_eq!(state.fau, [8, 10, 12, 14].map(wide));
        assert_eq!(state.spd, [16, 18, 20, 22].map(wide));
        assert_eq!(state.tsd, [24, 26, 28, 30].map(wide));
        assert_eq!(state.attribute_offset, word(32));
        // r33 = 0x1021: x 0x21, y 4.
        assert_eq!((state.workgroup_size, state.allow_merging), ([0x22, 5, 1], false));
        assert_eq!(state.job_offset, [34, 35, 36].map(word));
        assert_eq!(state.workgroups, [37, 38, 39].map(word));
        assert_eq!(state.trace, if arch == Arch::V10 { [0; 2] } else { [62, 63].map(word) });
    }
}

#[test]
fn workgroup_size_has_three_fields_and_a_flag() {
    let mut machine = Machine::new(Arch::V10);
    machine.set_reg(33, 1 << 31 | 63 << 20 | 7 << 10 | 1023);
    machine.run_to_end(code![RunCompute::default()]);
    let Staging::Compute(state) = machine.hooks.runs[0].staging else { panic!() };
    assert_eq!((state.workgroup_size, state.allow_merging), ([1024, 8, 64], true));
}

#[test]
fn idvs_reads_its_staging_registers() {
    for arch in [Arch::V10, Arch::V11] {
        let draw = RunIdvs { draw_id_register: true, draw_id: reg(70), ..Default::default() };
        let run = staging(arch, draw);
        let Staging::Idvs(state) = run.staging else { panic!("{run:?}") };
        assert_eq!(state.srt, [0, 2, 4, 6].map(wide));
        assert_eq!(state.fau, [8, 10, 12, 14].map(wide));
        assert_eq!(state.spd, [16, 18, 20, 22].map(wide));
        assert_eq!(state.tsd, [24, 26, 28, 30].map(wide));
        let counts = [state.attribute_offset, state.index_count, state.instance_count];
        assert_eq!(counts, [32, 33, 34].map(word));
        let offsets = [state.index_offset, state.vertex_offset, state.instance_offset];
        assert_eq!(offsets, [35, 36, 37].map(word));
        assert_eq!(state.dcd_flags, [57, 58, 38].map(word));
        assert_eq!(state.index_buffer_size, word(39));
        assert_eq!([state.tiler_context, state.scissor, state.occlusion], [40, 42, 46].map(wide));
        assert_eq!(state.depth_clamp, [44, 45].map(word));
        assert_eq!(state.varying_size, word(48));
        assert_eq!([state.blend, state.depth_stencil, state.index_buffer], [50, 52, 54].map(wide));
        assert_eq!(state.primitive_flags, word(56));
        let old = arch == Arch::V10;
        assert_eq!(state.primitive_size, if old { wide(60) } else { word(60).into() });
        assert_eq!(state.primitive_flags2, if old { 0 } else { word(61) });
        assert_eq!(state.draw_id, Some(word(70)));
    }
    let run = staging(Arch::V10, RunIdvs { draw_id: reg(70), ..Default::default() });
    assert!(matches!(run.staging, Staging::Idvs(IdvsState { draw_id: None, .. })));
    assert!(matches!(staging(Arch::V10, RunTiling::default()).staging, Staging::Idvs(_)));
}

#[test]
fn idvs2_reads_its_staging_registers() {
    for arch in [Arch::V12, Arch::V13, Arch::V14, Arch::V15] {
        let draw = RunIdvs2 { draw_id_register: true, draw_id: reg(70), ..Default::default() };
        let run = staging(arch, draw);
        let Staging::Idvs2(state) = run.staging else { panic!("{run:?}") };
        let tables = [state.srt, state.fau, state.spd, state.tsd];
        assert_eq!(tables, [[0, 2], [8, 10], [16, 18], [24, 26]].map(|pair| pair.map(wide)));
        let counts = [state.attribute_offset, state.index_count, state.instance_count];
        assert_eq!(counts, [32, 33, 34].map(word));
        let offsets = [state.index_offset, state.vertex_offset, state.instance_offset];
        assert_eq!(offsets, [35, 36, 37].map(word));
        assert_eq!([state.tiler_context, state.scissor], [40, 42].map(wide));
        assert_eq!([state.viewport, state.depth], [[44, 45], [46, 47]].map(|pair| pair.map(word)));
        assert_eq!(state.index_buffer, wide(48));
        assert_eq!([state.index_buffer_size, state.varying_size], [50, 51].map(word));
        assert_eq!([state.depth_stencil, state.blend, state.occlusion], [52, 54, 64].map(wide));
        assert_eq!(state.primitive_flags, [56, 61].map(word));
        assert_eq!(state.dcd_flags, [57, 58, 59].map(word));
        assert_eq!((state.primitive_size, state.draw_id), (word(60), Some(word(70))));
        assert_eq!(state.trace, [62, 63].map(word));
    }
}

#[test]
fn fragment_reads_its_staging_registers() {
    for arch in [Arch::V10, Arch::V11, Arch::V12, Arch::V13] {
        let mut machine = Machine::new(arch);
        machine.set_pair(40, 0x7f_0000_1041);
        machine.set_reg(42, 2 << 16 | 1);
        machine.set_reg(43, 599 << 16 | 799);
        machine.set_pair(44, 0x55_0000);
        machine.set_reg(46, 64);
        machine.run_to_end(code![RunFragment::default()]);
        let Staging::Fragment(state) = machine.hooks.runs[0].staging else { panic!() };
        assert_eq!(state.framebuffer, 0x7f_0000_1041);
        assert_eq!(state.bounds, Bounds { min_x: 1, min_y: 2, max_x: 799, max_y: 599 });
        assert_eq!((state.tile_enable_map, state.tile_enable_stride), (0x55_0000, 64));
    }
}

#[test]
fn fragment2_reads_from_its_base() {
    for arch in [Arch::V14, Arch::V15] {
        let run = staging(arch, RunFragment2 { base: reg(8), ..Default::default() });
        let Staging::Fragment2(state) = run.staging else { panic!("{run:?}") };
        let at = |number: u8| word(8 + number);
        let pair = |number: u8| wide(8 + number);
        assert_eq!(state.trace, [0, 1].map(at));
        assert_eq!((state.tile_enable_map, state.tile_enable_stride), (pair(2), at(4)));
        assert_eq!(state.flags, [32, 33, 34, 5].map(at));
        let ird: Vec<u64> = (0..11).map(|i| pair(6 + 2 * i)).collect();
        assert_eq!(state.ird[..], ird);
        let bounds =
            [state.bounds.min_x, state.bounds.min_y, state.bounds.max_x, state.bounds.max_y];
        assert_eq!(bounds, [at(28) as u16, 0, at(29) as u16, 0]);
        assert_eq!(state.size, [at(30) + 1, 1]);
        assert_eq!((state.depth_clear, state.tiler_context), (at(35), pair(36)));
        assert_eq!([state.render_targets, state.zs_crc, state.argument], [38, 40, 42].map(pair));
        assert_eq!([state.sample_positions, state.frame_shaders], [44, 46].map(pair));
        assert_eq!([state.vrs_image, state.framebuffer], [48, 54].map(pair));

        let short = staging(arch, RunFragment2 { base: reg(90), count: 6, ..Default::default() });
        let Staging::Fragment2(state) = short.staging else { panic!("{short:?}") };
        assert_eq!((state.tile_enable_map, state.flags), (wide(92), [0, 0, 0, word(95)]));
        let mut big = Machine::with(arch, 1, |config| config.registers = 256);
        let stop = big.run(code![RunFragment2 { base: reg(250), ..Default::default() }]);
        assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
        for base in [41, 250] {
            let stop = Machine::new(arch)
                .run(code![RunFragment2 { base: reg(base), ..Default::default() }]);
            assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION);
        }
    }
}

#[test]
fn fullscreen_reads_its_staging_registers() {
    for arch in Arch::ALL {
        let run = staging(arch, RunFullscreen { dcd: pair::<80>(), ..Default::default() });
        let Staging::Fullscreen(state) = run.staging else { panic!("{run:?}") };
        assert_eq!([state.tiler_context, state.scissor, state.dcd], [40, 42, 80].map(wide));
        let flags2 = if arch == Arch::V10 { 0 } else { word(61) };
        assert_eq!(state.primitive_flags, [word(56), flags2]);
        let late = arch >= Arch::V13;
        assert_eq!(state.dcd_flags, if late { [57, 58, 59].map(word) } else { [0; 3] });
    }
    let run = staging(Arch::V11, RunFullscreen { flags2: false, ..Default::default() });
    assert!(matches!(
        run.staging,
        Staging::Fullscreen(FullscreenState { primitive_flags: [_, 0], .. })
    ));
}

#[test]
fn finish_tiling_has_no_staging_registers() {
    assert_eq!(staging(Arch::V10, FinishTiling::default()).staging, Staging::None);
}

#[test]
fn unassigned_modes_are_refused() {
    let refused = |arch, instruction: Instruction| {
        let stop = Machine::new(arch).run(&[instruction]);
        assert_eq!(exception(stop), Exception::INVALID_INSTRUCTION, "{instruction}");
    };
    refused(Arch::V10, RunCompute { axis: TaskAxis::from_bits(3), ..Default::default() }.into());
    refused(Arch::V12, RunCompute { stage: Stage::from_bits(9), ..Default::default() }.into());
    refused(
        Arch::V12,
        RunComputeIndirect { stage: Stage::from_bits(9), ..Default::default() }.into(),
    );
    refused(Arch::V12, RunIdvs2 { mode: ShadingMode::from_bits(2), ..Default::default() }.into());
    refused(Arch::V10, RunFragment { order: TileOrder::from_bits(3), ..Default::default() }.into());
    refused(
        Arch::V14,
        RunFragment2 { order: TileOrder::from_bits(3), ..Default::default() }.into(),
    );
}

#[test]
fn missing_resources_are_reported() {
    let all =
        ReqResource { compute: true, fragment: true, tiler: true, idvs: true, ray_tracing: false };
    let cases: [(Arch, Instruction, Resources, Feature); 8] = [
        (Arch::V10, RunCompute::default().into(), Resources::COMPUTE, Feature::RunCompute),
        (
            Arch::V10,
            RunComputeIndirect::default().into(),
            Resources::COMPUTE,
            Feature::RunComputeIndirect,
        ),
        (Arch::V10, RunTiling::default().into(), Resources::TILER, Feature::RunTiling),
        (
            Arch::V10,
            RunIdvs::default().into(),
            Resources::IDVS.union(Resources::TILER),
            Feature::RunIdvs,
        ),
        (
            Arch::V12,
            RunIdvs2::default().into(),
            Resources::IDVS.union(Resources::TILER),
            Feature::RunIdvs2,
        ),
        (Arch::V10, RunFragment::default().into(), Resources::FRAGMENT, Feature::RunFragment),
        (Arch::V14, RunFragment2::default().into(), Resources::FRAGMENT, Feature::RunFragment2),
        (Arch::V10, RunFullscreen::default().into(), Resources::TILER, Feature::RunFullscreen),
    ];
    for (arch, instruction, needed, feature) in cases {
        let mut machine = Machine::new(arch);
        machine.run_to_end(&[instruction]);
        let missing = HazardKind::MissingResource { needed, requested: Resources::NONE };
        assert_eq!(machine.hooks.hazards, [missing], "{instruction}");
        assert_eq!(machine.queue().fidelity().count(feature), 1);
        assert_eq!(machine.queue().fidelity().count(Feature::MissingResource), 1);

        let mut machine = Machine::new(arch);
        machine.run_to_end(&[all.into(), instruction]);
        assert_eq!(machine.hooks.hazards, []);
        let counts: Vec<_> = machine.queue().fidelity().iter().collect();
        assert_eq!(counts, [(feature, 1)]);
    }
}

#[test]
fn work_that_a_hook_does_is_no_gap() {
    let mut machine = Machine::new(Arch::V10);
    machine.hooks.outcomes.push_back(RunOutcome::Done);
    machine.run_to_end(code![
        ReqResource { compute: true, ..Default::default() },
        RunCompute::default()
    ]);
    assert!(machine.queue().fidelity().is_exact());
}

#[test]
fn work_is_dropped_in_the_error_state() {
    let mut machine = Machine::new(Arch::V10);
    let fault = RunOutcome::Fault { exception: Exception::TILE_RANGE, info: 0 };
    machine.hooks.outcomes.push_back(fault);
    assert_eq!(exception(machine.run(code![RunCompute::default()])), Exception::TILE_RANGE);
    let wait = Wait { mask: SbMask::first(8), ..Wait::default() };
    machine.run_to_end(code![RunCompute::default(), FinishTiling::default(), wait]);
    assert_eq!(machine.hooks.runs.len(), 1);
    assert_eq!(machine.queue().fidelity().count(Feature::DroppedInError), 2);
    machine.run_to_end(code![ErrorBarrier {}, RunCompute::default()]);
    assert_eq!(machine.hooks.runs.len(), 2);
}

#[test]
fn held_work_may_fail() {
    let mut machine = Machine::new(Arch::V10);
    machine.hooks.outcomes.push_back(RunOutcome::Hold);
    machine.run_to_end(code![RunCompute::default(), Nop::default()]);
    let id = machine.hooks.runs[0].id;
    assert!(machine.queue().finish(id, RunOutcome::Hold), "held on");
    let fault = RunOutcome::Fault { exception: Exception::ENDPOINT_FAULT, info: 9 };
    assert!(machine.queue().finish(id, fault));
    assert!(!machine.queue().finish(id, RunOutcome::Done));
    let wanted = Fault { exception: Exception::ENDPOINT_FAULT, ip: BASE, info: 9 };
    assert_eq!(machine.step(0, 100), Stop::Fault(wanted));
    assert_eq!(machine.step(0, 100), Stop::Idle);
    assert!(machine.queue().is_quiescent());
}

#[test]
fn held_work_may_meet_the_mmu_or_lack_memory() {
    let held = || {
        let mut machine = Machine::new(Arch::V10);
        machine.hooks.outcomes.push_back(RunOutcome::Hold);
        machine.run_to_end(code![RunIdvs::default(), Nop::default()]);
        let id = machine.hooks.runs[0].id;
        (machine, id)
    };
    let (mut machine, id) = held();
    let (fault, access) = (MemoryFault::Translation { level: 2 }, Access::Read);
    assert!(machine.queue().finish(id, RunOutcome::Mmu { fault, va: 0x40, access }));
    let wanted = Stop::Mmu(MmuFault { fault, va: 0x40, access, ip: BASE });
    assert_eq!(machine.step(0, 100), wanted);

    let (mut machine, id) = held();
    assert!(machine.queue().finish(id, RunOutcome::OutOfMemory));
    assert!(matches!(machine.step(0, 100), Stop::TilerOutOfMemory(HeapEvent { queue: 0, .. })));
    assert!(!machine.queue().finish(id, RunOutcome::Done), "starved, not held");
    machine.group.grant_memory(0, 0x4000);
    assert_eq!(machine.step(0, 100), Stop::Idle);
    assert_eq!(machine.hooks.granted, [(id, 0x4000)]);
    assert!(machine.queue().is_quiescent());
}

#[test]
fn mmu_fault_of_work_halts_the_queue() {
    let mut machine = Machine::new(Arch::V10);
    let fault = MemoryFault::Permission { level: 3 };
    machine.hooks.outcomes.push_back(RunOutcome::Mmu { fault, va: 0x1234, access: Access::Write });
    let stop = machine.run(code![RunCompute::default()]);
    assert_eq!(stop, Stop::Mmu(MmuFault { fault, va: 0x1234, access: Access::Write, ip: BASE }));
    assert_eq!(machine.queue().extract(), 0);
}

/// Adds 1 to the word at FAU 0, and at the granted chunk.
struct Increment {
    outcome: Option<RunOutcome>,
}

impl Increment {
    fn add(&mut self, memory: &mut dyn Memory, va: u64) -> RunOutcome {
        match memory.add64(va, 1) {
            Ok(_) => self.outcome.take().unwrap_or(RunOutcome::Done),
            Err(fault) => RunOutcome::Mmu { fault, va, access: Access::Atomic },
        }
    }
}

impl Hooks for Increment {
    fn run(&mut self, run: &Run, memory: &mut dyn Memory) -> RunOutcome {
        let Staging::Compute(state) = run.staging else { panic!("{run:?}") };
        self.add(memory, state.fau[0])
    }
    fn memory_granted(&mut self, _: RunId, chunk: u64, memory: &mut dyn Memory) -> RunOutcome {
        self.add(memory, chunk)
    }
}

#[test]
fn hook_accesses_the_memory_of_the_group() {
    let mut words = [0; 16];
    words[0] = Move48 { dst: pair::<8>(), imm: BASE + 64 }.encode(Arch::V10).unwrap();
    words[1] = RunCompute::default().encode(Arch::V10).unwrap();
    words[2] = Move48 { dst: pair::<8>(), imm: BASE + 128 }.encode(Arch::V10).unwrap();
    words[3] = words[1];
    let mut queue = Queue::new(QueueConfig::new(Arch::V10, 0));
    queue.set_ring(RingBuffer { base: BASE, size: 64 });
    queue.set_insert(32);
    let (memory, group) = (&mut SliceMemory::new(BASE, &mut words), &mut Group::new());
    let hooks = &mut Increment { outcome: Some(RunOutcome::OutOfMemory) };
    let mut context = Context { memory, gpu: &mut SimulatedGpu::new(), hooks, group };
    assert!(matches!(queue.run(100, &mut context), Stop::TilerOutOfMemory(_)));
    assert!(context.group.grant_memory(0, BASE + 72));
    let fault = MemoryFault::Translation { level: 3 };
    let refused = MmuFault { fault, va: BASE + 128, access: Access::Atomic, ip: BASE + 24 };
    assert_eq!(queue.run(100, &mut context), Stop::Mmu(refused));
    assert_eq!(words[8..10], [1, 1]);
}
