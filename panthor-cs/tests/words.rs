//! Instruction words that were computed by hand from the field positions.

use std::collections::BTreeSet;

use panthor_cs::instruction::*;
use panthor_cs::table::TABLE;
use panthor_cs::*;

/// The fields that were nonzero in some word.
#[derive(Default)]
struct Cases {
    fields: BTreeSet<(&'static str, &'static str)>,
}

impl Cases {
    /// Checks that `instruction` and `word` are the same on every architecture of the list.
    #[track_caller]
    fn check(
        &mut self,
        archs: &[Arch],
        instruction: impl Into<Instruction>,
        word: u64,
        text: &str,
    ) {
        let instruction = instruction.into();
        for &arch in archs {
            assert_eq!(instruction.encode(arch), Ok(word), "{text} on {arch}: {word:#018x}");
            let decoded = Instruction::decode(arch, word).expect(text);
            assert_eq!(decoded, Decoded { instruction, reserved: 0 }, "{text} on {arch}");
        }
        assert_eq!(instruction.to_string(), text);
        for operand in instruction.operands() {
            let zero = match operand.value {
                Value::Flag(flag) => !flag,
                Value::Unsigned(value) => value == 0,
                Value::Signed(value) => value == 0,
                Value::Reg(reg) => reg.number() == 0,
                Value::Pair(pair) => pair.number() == 0,
                Value::Registers(mask) => mask.bits() == 0,
                Value::Entry(entry) => entry.number() == 0,
                Value::Entries(mask) => mask.is_empty(),
                Value::Named(bits, _) => bits == 0,
                _ => unreachable!("a kind of values that this test does not know"),
            };
            if !zero {
                self.fields.insert((instruction.name(), operand.name));
            }
        }
    }
}

#[test]
fn words_are_as_computed_by_hand() {
    let mut cases = Cases::default();
    moves(&mut cases);
    waits(&mut cases);
    control_flow(&mut cases);
    scoreboard_state(&mut cases);
    resources_and_progress(&mut cases);
    loads_and_stores(&mut cases);
    synchronization(&mut cases);
    heap(&mut cases);
    compute(&mut cases);
    graphics(&mut cases);
    arithmetic_of_every_architecture(&mut cases);
    arithmetic_with_immediates(&mut cases);
    arithmetic_with_registers(&mut cases);
    deferred_operations(&mut cases);
    remaining_fields(&mut cases);
    // A field that is zero in every word has not been checked.
    let fields = TABLE.iter().flat_map(|row| row.fields.iter().map(|field| (row.name, field.name)));
    let missing: Vec<_> = fields.filter(|field| !cases.fields.contains(field)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

use Arch::*;
const ALL: &[Arch] = &Arch::ALL;
const FROM_11: &[Arch] = &[V11, V12, V13, V14, V15];
const FROM_12: &[Arch] = &[V12, V13, V14, V15];
const FROM_13: &[Arch] = &[V13, V14, V15];
const FROM_14: &[Arch] = &[V14, V15];
const UNTIL_13: &[Arch] = &[V10, V11, V12, V13];

fn moves(cases: &mut Cases) {
    cases.check(ALL, Nop::default(), 0, "NOP");
    let nop = Nop { payload: 0xabc, kind: 2 };
    cases.check(ALL, nop, 0x0002_0000_0000_0abc, "NOP payload=#0xabc, kind=#0x2");
    cases.check(
        FROM_14,
        Enop { payload: 1 << 55 },
        0x8080_0000_0000_0000,
        "ENOP payload=#0x80000000000000",
    );
    let move48 = Move48 { dst: pair::<40>(), imm: 0x1234_5678_9abc };
    cases.check(ALL, move48, 0x0128_1234_5678_9abc, "MOVE48 d40, #0x123456789abc");
    cases.check(ALL, Move32 { dst: reg(255), imm: 7 }, 0x02ff_0000_0000_0007, "MOVE32 r255, #0x7");
}

fn waits(cases: &mut Cases) {
    let mask = entry::<0>() | entry::<7>();
    let wait = Wait { mask, ..Wait::default() };
    cases.check(ALL, wait, 0x0300_0000_0081_0000, "WAIT sb{0,7}");
    cases.check(
        UNTIL_13,
        Wait { progress: true, ..wait },
        0x0300_0001_0081_0000,
        "WAIT.progress sb{0,7}",
    );
    let wait = Wait { mask: SbMask::first(16), indirect: true, progress: false };
    cases.check(FROM_11, wait, 0x0300_0002_ffff_0000, "WAIT.indirect sb{0-15}");
}

fn control_flow(cases: &mut Cases) {
    let branch = Branch { condition: Condition::NE, value: reg(5), offset: -2 };
    cases.check(ALL, branch, 0x1600_0500_3000_fffe, "BRANCH.ne r5, #-2");
    let branch = Branch { condition: Condition::ALWAYS, value: reg(0), offset: 3 };
    cases.check(ALL, branch, 0x1600_0000_6000_0003, "BRANCH.always r0, #3");
    let (address, length) = (pair::<92>(), reg(94));
    cases.check(ALL, Call { address, length }, 0x2000_5c5e_0000_0000, "CALL [d92], r94");
    cases.check(ALL, Jump { address, length }, 0x2100_5c5e_0000_0000, "JUMP [d92], r94");
    let handler = SetExceptionHandler { exception: ExceptionType::TILER_OOM, address, length };
    cases.check(ALL, handler, 0x1900_5c5e_0000_0002, "SET_EXCEPTION_HANDLER.tiler_oom [d92], r94");
    cases.check(ALL, ErrorBarrier {}, 0x2f00_0000_0000_0000, "ERROR_BARRIER");
    cases.check(ALL, ProtRegion { count: 0x102 }, 0x2900_0000_0000_0102, "PROT_REGION #0x102");
}

fn scoreboard_state(cases: &mut Cases) {
    let set = SetSbEntry { endpoint: entry::<2>(), other: entry::<1>() };
    cases.check(ALL, set, 0x1700_0000_0000_0012, "SET_SB_ENTRY sb2, sb1");
    let next = NextSbEntry { selector: SbSelector::DEFERRED, format: SbFormat::MASK, dst: reg(80) };
    cases.check(FROM_11, next, 0x1a50_0013_0000_0000, "NEXT_SB_ENTRY.deferred.mask r80");
    let set = SetState { state: State::SB_MASK_WAIT, src: reg(9) };
    cases.check(FROM_11, set, 0x1b00_0909_0000_0000, "SET_STATE.sb_mask_wait r9");
    let set = SetStateImm32 { state: State::SB_MASK_STREAM, value: 0xf8 };
    cases.check(FROM_11, set, 0x1c00_0008_0000_00f8, "SET_STATE_IMM32.sb_mask_stream #0xf8");
    let inc = SharedSbInc {
        shared: entry::<3>(),
        wait: entry::<1>().mask(),
        indirect: true,
        progress: false,
    };
    cases.check(FROM_11, inc, 0x1e13_0000_0002_0000, "SHARED_SB_INC.indirect sb3, wait=sb{1}");
    let dec = SharedSbDec { shared: entry::<3>(), progress: true };
    cases.check(&[V11, V12, V13], dec, 0x1f03_0001_0000_0000, "SHARED_SB_DEC.progress sb3");
}

fn resources_and_progress(cases: &mut Cases) {
    let all =
        ReqResource { compute: true, fragment: true, tiler: true, idvs: true, ray_tracing: false };
    cases.check(ALL, all, 0x2200_0000_0000_000f, "REQ_RESOURCE.compute.fragment.tiler.idvs");
    let ray_tracing = ReqResource { ray_tracing: true, ..ReqResource::default() };
    cases.check(FROM_11, ray_tracing, 0x2200_0000_0000_0010, "REQ_RESOURCE.ray_tracing");
    let wait = ProgressWait { queue: 31, value: pair::<6>() };
    cases.check(UNTIL_13, wait, 0x1800_0600_0000_001f, "PROGRESS_WAIT #0x1f, d6");
    cases.check(
        UNTIL_13,
        ProgressStore { src: pair::<6>() },
        0x2a00_0600_0000_0000,
        "PROGRESS_STORE d6",
    );
    cases.check(
        UNTIL_13,
        ProgressLoad { dst: pair::<6>() },
        0x2b06_0000_0000_0000,
        "PROGRESS_LOAD d6",
    );
}

fn loads_and_stores(cases: &mut Cases) {
    let (base, address) = (reg(4), pair::<40>());
    let load = LoadMultiple { base, mask: RegMask::from_bits(0b10_0111), address, offset: -16 };
    cases.check(ALL, load, 0x1404_2800_0027_fff0, "LOAD_MULTIPLE {r4-r6, r9}, [d40 - 16]");
    let store = StoreMultiple { base, mask: RegMask::from_bits(1), address, offset: 8 };
    cases.check(ALL, store, 0x1504_2800_0001_0008, "STORE_MULTIPLE {r4}, [d40 + 8]");
    let state = StoreState {
        state: StoredState::CYCLE_COUNT,
        address,
        offset: 24,
        wait: SbMask::NONE,
        signal: entry::<0>(),
        indirect: false,
    };
    cases.check(ALL, state, 0x2800_2801_0000_0018, "STORE_STATE.cycle_count [d40 + 24]");
    let deferred = StoreState { wait: SbMask::first(8), signal: entry::<5>(), ..state };
    let text = "STORE_STATE.cycle_count [d40 + 24], wait=sb{0-7}, signal=sb5";
    cases.check(ALL, deferred, 0x2805_2801_00ff_0018, text);
    let flush = FlushCache2 {
        flush_id: reg(94),
        l2: FlushMode::CLEAN_INVALIDATE,
        lsc: FlushMode::CLEAN,
        others: OtherFlushMode::INVALIDATE,
        wait: SbMask::NONE,
        signal: entry::<0>(),
        indirect: false,
    };
    cases.check(
        ALL,
        flush,
        0x2400_5e00_0000_0213,
        "FLUSH_CACHE2 r94, l2=clean_inv, lsc=clean, others=inv",
    );
    let indirect = FlushCache2 { indirect: true, ..flush };
    let text = "FLUSH_CACHE2.indirect r94, l2=clean_inv, lsc=clean, others=inv";
    cases.check(FROM_11, indirect, 0x2410_5e00_0000_0213, text);
    let trace = TracePoint { base: reg(1), count: 3, ..TracePoint::default() };
    cases.check(ALL, trace, 0x3200_0301_0000_0000, "TRACE_POINT r1, #0x3");
}

fn synchronization(cases: &mut Cases) {
    let (wait, signal) = (SbMask::from_bits(6), entry::<7>());
    let add = SyncAdd64 {
        scope: Scope::GROUP,
        propagate: true,
        address: pair::<92>(),
        data: pair::<94>(),
        wait,
        signal,
        indirect: false,
    };
    let text = "SYNC_ADD64.group.propagate [d92], d94, wait=sb{1-2}, signal=sb7";
    cases.check(ALL, add, 0x3307_5c5e_0006_0005, text);
    let set = SyncSet64 { address: pair::<92>(), data: pair::<94>(), ..SyncSet64::default() };
    cases.check(ALL, set, 0x3400_5c5e_0000_0000, "SYNC_SET64.system [d92], d94");
    let add = SyncAdd32 { address: pair::<92>(), data: reg(95), wait, ..SyncAdd32::default() };
    let text = "SYNC_ADD32.system [d92], r95, wait=sb{1-2}, signal=sb0";
    cases.check(ALL, add, 0x2500_5c5f_0006_0000, text);
    let set =
        SyncSet32 { address: pair::<92>(), data: reg(95), indirect: true, ..SyncSet32::default() };
    cases.check(FROM_11, set, 0x2610_5c5f_0000_0000, "SYNC_SET32.system.indirect [d92], r95");
    let (condition, address) = (SyncCondition::GT, pair::<92>());
    let wait = SyncWait64 { condition, reject: true, address, data: pair::<94>() };
    cases.check(ALL, wait, 0x3500_5c5e_1000_0001, "SYNC_WAIT64.gt.reject [d92], d94");
    let wait = SyncWait32 { condition, reject: false, address, data: reg(95) };
    cases.check(ALL, wait, 0x2700_5c5f_1000_0000, "SYNC_WAIT32.gt [d92], r95");
}

fn heap(cases: &mut Cases) {
    cases.check(ALL, HeapSet { address: pair::<72>() }, 0x3000_4800_0000_0000, "HEAP_SET [d72]");
    let operation =
        HeapOperation { counter: HeapCounter::VT_COMPLETED, ..HeapOperation::default() };
    cases.check(ALL, operation, 0x3100_0001_0000_0000, "HEAP_OPERATION.vt_completed");
    let finish = FinishFragment {
        count: true,
        first: pair::<10>(),
        last: pair::<12>(),
        wait: entry::<4>().mask(),
        signal: entry::<1>(),
        indirect: false,
    };
    let text = "FINISH_FRAGMENT.count d10, d12, wait=sb{4}, signal=sb1";
    cases.check(ALL, finish, 0x0b01_0a0c_0010_0001, text);
}

fn compute(cases: &mut Cases) {
    let run = RunCompute { axis: TaskAxis::Z, increment: 0x3fff, ..RunCompute::default() };
    cases.check(ALL, run, 0x0400_0000_0000_bfff, "RUN_COMPUTE.z #0x3fff");
    let selects = RunCompute { srt: 1, spd: 2, tsd: 3, fau: 1, ..run };
    let text = "RUN_COMPUTE.z #0x3fff, srt=#0x1, spd=#0x2, tsd=#0x3, fau=#0x1";
    cases.check(ALL, selects, 0x0400_7900_0000_bfff, text);
    let staged = RunCompute { endpoint_limit: 4, stage: Stage::COMPUTE, ..run };
    let text = "RUN_COMPUTE.z #0x3fff, endpoint_limit=#0x4, stage=compute";
    cases.check(FROM_12, staged, 0x0401_0000_0004_bfff, text);
    let run = RunComputeIndirect { workgroups: 0x1234, ..RunComputeIndirect::default() };
    cases.check(ALL, run, 0x2c00_0000_0000_1234, "RUN_COMPUTE_INDIRECT #0x1234");
}

fn graphics(cases: &mut Cases) {
    let run = RunTiling { flags: 0x11, fau: 2, ..RunTiling::default() };
    cases.check(&[V10], run, 0x0500_8000_0000_0011, "RUN_TILING #0x11, fau=#0x2");
    let run =
        RunIdvs { malloc: true, varying_fau: 1, fragment_tsd: 1, flags: 8, ..RunIdvs::default() };
    let text = "RUN_IDVS.malloc #0x8, varying_fau=#0x1, fragment_tsd=#0x1";
    cases.check(&[V10, V11], run, 0x0600_0092_0000_0008, text);
    let run = RunIdvs2 {
        mode: ShadingMode::DEFERRED,
        draw_id_register: true,
        draw_id: reg(67),
        stage: Stage::VERTEX,
        ..RunIdvs2::default()
    };
    let text = "RUN_IDVS2.deferred.draw_id_register #0x0, stage=vertex, draw_id=r67";
    cases.check(FROM_12, run, 0x0c02_430c_0000_0000, text);
    let order = TileOrder::VERTICAL_REVERSED;
    let run = RunFragment { order, tile_enable_map: true, progress: true };
    let text = "RUN_FRAGMENT.vertical_reversed.tile_enable_map.progress";
    cases.check(UNTIL_13, run, 0x0700_0001_0000_0061, text);
    cases.check(FROM_14, RunFragment2::default(), 0x0e00_0000_381c_0000, "RUN_FRAGMENT2.z r0");
    let run = RunFullscreen { dcd: pair::<64>(), ..RunFullscreen::default() };
    cases.check(&[V10], run, 0x0800_4000_0000_0000, "RUN_FULLSCREEN #0x0, d64");
    cases.check(FROM_11, run, 0x0880_4000_0000_0000, "RUN_FULLSCREEN #0x0, d64");
    let run = RunFullscreen { flags2: false, ..run };
    cases.check(FROM_11, run, 0x0800_4000_0000_0000, "RUN_FULLSCREEN.no_flags2 #0x0, d64");
    cases.check(ALL, FinishTiling::default(), 0x0900_0000_0000_0000, "FINISH_TILING");
}

fn arithmetic_of_every_architecture(cases: &mut Cases) {
    let add = AddImm32 { dst: reg(1), src: reg(2), imm: -1 };
    cases.check(ALL, add, 0x1001_0200_ffff_ffff, "ADD_IMM32 r1, r2, #-1");
    let add = AddImm64 { dst: pair::<2>(), src: pair::<4>(), imm: 16 };
    cases.check(ALL, add, 0x1102_0400_0000_0010, "ADD_IMM64 d2, d4, #16");
    let umin = Umin32 { dst: reg(1), src0: reg(2), src1: reg(3) };
    cases.check(ALL, umin, 0x1201_0203_0000_0000, "UMIN32 r1, r2, r3");
    let logic = LogicOp32 {
        mode: LogicOp::AND_NOT_B,
        index: true,
        dst: reg(1),
        src0: reg(2),
        src1: reg(3),
    };
    cases.check(FROM_11, logic, 0x1301_0203_0000_0012, "LOGIC_OP32.and_a_nb.index r1, r2, r3");
}

fn arithmetic_with_immediates(cases: &mut Cases) {
    let (dst, src) = (reg(1), reg(2));
    cases.check(
        FROM_13,
        LshiftImm32 { dst, src, amount: 31 },
        0x1001_0201_0000_001f,
        "LSHIFT_IMM32 r1, r2, #0x1f",
    );
    cases.check(
        FROM_13,
        RshiftImmU32 { dst, src, amount: 1 },
        0x1001_0202_0000_0001,
        "RSHIFT_IMM_U32 r1, r2, #0x1",
    );
    cases.check(
        FROM_13,
        RshiftImmS32 { dst, src, amount: 1 },
        0x1001_0203_0000_0001,
        "RSHIFT_IMM_S32 r1, r2, #0x1",
    );
    let (position, width) = (8, 4);
    cases.check(
        FROM_13,
        BfextU32 { dst, src, position, width },
        0x1001_0204_0000_0408,
        "BFEXT_U32 r1, r2, #0x8, #0x4",
    );
    cases.check(
        FROM_13,
        BfextS32 { dst, src, position, width },
        0x1001_0205_0000_0408,
        "BFEXT_S32 r1, r2, #0x8, #0x4",
    );
    let insert = BfinsImm32 { dst, src, position, width, value: 0xa };
    cases.check(FROM_13, insert, 0x1001_0206_000a_0408, "BFINS_IMM32 r1, r2, #0x8, #0x4, #0xa");
    cases.check(
        FROM_13,
        UminImm32 { dst, src, imm: 9 },
        0x1001_0207_0000_0009,
        "UMIN_IMM32 r1, r2, #0x9",
    );
    let (dst, src) = (pair::<2>(), pair::<4>());
    cases.check(
        FROM_13,
        LshiftImm64 { dst, src, amount: 63 },
        0x1102_0401_0000_003f,
        "LSHIFT_IMM64 d2, d4, #0x3f",
    );
    cases.check(
        FROM_13,
        RshiftImmU64 { dst, src, amount: 1 },
        0x1102_0402_0000_0001,
        "RSHIFT_IMM_U64 d2, d4, #0x1",
    );
    cases.check(
        FROM_13,
        RshiftImmS64 { dst, src, amount: 1 },
        0x1102_0403_0000_0001,
        "RSHIFT_IMM_S64 d2, d4, #0x1",
    );
    cases.check(
        FROM_13,
        BfextU64 { dst, src, position, width },
        0x1102_0404_0000_0408,
        "BFEXT_U64 d2, d4, #0x8, #0x4",
    );
    cases.check(
        FROM_13,
        BfextS64 { dst, src, position, width },
        0x1102_0405_0000_0408,
        "BFEXT_S64 d2, d4, #0x8, #0x4",
    );
    let insert = BfinsImm64 { dst, src, position, width, value: 0xa };
    cases.check(FROM_13, insert, 0x1102_0406_000a_0408, "BFINS_IMM64 d2, d4, #0x8, #0x4, #0xa");
    cases.check(
        FROM_13,
        UminImm64 { dst, src, imm: 9 },
        0x1102_0407_0000_0009,
        "UMIN_IMM64 d2, d4, #0x9",
    );
}

fn arithmetic_with_registers(cases: &mut Cases) {
    let (dst, src0, src1) = (reg(1), reg(2), reg(3));
    cases.check(FROM_13, Add32 { dst, src0, src1 }, 0x1201_0203_0100_0000, "ADD32 r1, r2, r3");
    cases.check(FROM_13, Sub32 { dst, src0, src1 }, 0x1201_0203_0200_0000, "SUB32 r1, r2, r3");
    cases.check(
        FROM_13,
        Lshift32 { dst, src0, src1 },
        0x1201_0203_0300_0000,
        "LSHIFT32 r1, r2, r3",
    );
    cases.check(
        FROM_13,
        RshiftU32 { dst, src0, src1 },
        0x1201_0203_0400_0000,
        "RSHIFT_U32 r1, r2, r3",
    );
    cases.check(
        FROM_13,
        RshiftS32 { dst, src0, src1 },
        0x1201_0203_0500_0000,
        "RSHIFT_S32 r1, r2, r3",
    );
    let (position, width) = (1, 2);
    let insert = Bfins32 { dst, src0, src1, position, width };
    cases.check(FROM_13, insert, 0x1201_0203_0600_0201, "BFINS32 r1, r2, r3, #0x1, #0x2");
    let (dst, src0, src1) = (pair::<2>(), pair::<4>(), pair::<6>());
    cases.check(FROM_13, Umin64 { dst, src0, src1 }, 0x3902_0406_0000_0000, "UMIN64 d2, d4, d6");
    cases.check(FROM_13, Add64 { dst, src0, src1 }, 0x3902_0406_0100_0000, "ADD64 d2, d4, d6");
    cases.check(FROM_13, Sub64 { dst, src0, src1 }, 0x3902_0406_0200_0000, "SUB64 d2, d4, d6");
    cases.check(
        FROM_13,
        Lshift64 { dst, src0, src1 },
        0x3902_0406_0300_0000,
        "LSHIFT64 d2, d4, d6",
    );
    cases.check(
        FROM_13,
        RshiftU64 { dst, src0, src1 },
        0x3902_0406_0400_0000,
        "RSHIFT_U64 d2, d4, d6",
    );
    cases.check(
        FROM_13,
        RshiftS64 { dst, src0, src1 },
        0x3902_0406_0500_0000,
        "RSHIFT_S64 d2, d4, d6",
    );
    let insert = Bfins64 { dst, src0, src1, position, width };
    cases.check(FROM_13, insert, 0x3902_0406_0600_0201, "BFINS64 d2, d4, d6, #0x1, #0x2");
}

fn deferred_operations(cases: &mut Cases) {
    let (wait, signal, indirect) = (entry::<4>().mask(), entry::<1>(), true);
    let finish = FinishFragment {
        first: pair::<10>(),
        last: pair::<12>(),
        indirect,
        ..FinishFragment::default()
    };
    cases.check(FROM_11, finish, 0x0b10_0a0c_0000_0000, "FINISH_FRAGMENT.indirect d10, d12");
    let flush = FlushCache2 { flush_id: reg(94), wait, signal, ..FlushCache2::default() };
    cases.check(ALL, flush, 0x2401_5e00_0010_0000, "FLUSH_CACHE2 r94, wait=sb{4}, signal=sb1");
    let state = StoreState { address: pair::<40>(), indirect, ..StoreState::default() };
    cases.check(FROM_11, state, 0x2810_2800_0000_0000, "STORE_STATE.timestamp.indirect [d40]");
    let counter = HeapCounter::FRAGMENT_COMPLETED;
    let operation = HeapOperation { counter, wait, signal, indirect: false };
    let text = "HEAP_OPERATION.frag_completed wait=sb{4}, signal=sb1";
    cases.check(ALL, operation, 0x3101_0003_0010_0000, text);
    let operation = HeapOperation { indirect, ..HeapOperation::default() };
    cases.check(FROM_11, operation, 0x3110_0000_0000_0000, "HEAP_OPERATION.vt_started.indirect");
    let trace = TracePoint { base: reg(1), count: 3, wait, signal, indirect: false };
    cases.check(ALL, trace, 0x3201_0301_0010_0000, "TRACE_POINT r1, #0x3, wait=sb{4}, signal=sb1");
    let trace = TracePoint { base: reg(1), count: 3, indirect, ..TracePoint::default() };
    cases.check(FROM_11, trace, 0x3210_0301_0000_0000, "TRACE_POINT.indirect r1, #0x3");

    let (address, scope, propagate) = (pair::<92>(), Scope::GROUP, true);
    let (data, indirect) = (reg(95), false);
    let add = SyncAdd32 { scope, propagate, address, data, wait, signal, indirect };
    let text = "SYNC_ADD32.group.propagate [d92], r95, wait=sb{4}, signal=sb1";
    cases.check(ALL, add, 0x2501_5c5f_0010_0005, text);
    let set = SyncSet32 { scope, propagate, address, data, wait, signal, indirect };
    let text = "SYNC_SET32.group.propagate [d92], r95, wait=sb{4}, signal=sb1";
    cases.check(ALL, set, 0x2601_5c5f_0010_0005, text);
    let data = pair::<94>();
    let set = SyncSet64 { scope, propagate, address, data, wait, signal, indirect };
    let text = "SYNC_SET64.group.propagate [d92], d94, wait=sb{4}, signal=sb1";
    cases.check(ALL, set, 0x3401_5c5e_0010_0005, text);
    let indirect = true;
    let add = SyncAdd32 { address, data: reg(95), indirect, ..SyncAdd32::default() };
    cases.check(FROM_11, add, 0x2510_5c5f_0000_0000, "SYNC_ADD32.system.indirect [d92], r95");
    let add = SyncAdd64 { address, data, indirect, ..SyncAdd64::default() };
    cases.check(FROM_11, add, 0x3310_5c5e_0000_0000, "SYNC_ADD64.system.indirect [d92], d94");
    let set = SyncSet64 { address, data, indirect, ..SyncSet64::default() };
    cases.check(FROM_11, set, 0x3410_5c5e_0000_0000, "SYNC_SET64.system.indirect [d92], d94");
}

fn remaining_fields(cases: &mut Cases) {
    let progress = true;
    let run = RunCompute { progress, ..RunCompute::default() };
    cases.check(UNTIL_13, run, 0x0400_0001_0000_0000, "RUN_COMPUTE.x.progress #0x0");
    let run = RunTiling { srt: 1, spd: 2, tsd: 3, progress, ..RunTiling::default() };
    let text = "RUN_TILING.progress #0x0, srt=#0x1, spd=#0x2, tsd=#0x3";
    cases.check(&[V10], run, 0x0500_3901_0000_0000, text);
    let run = RunIdvs {
        varying_srt: 1,
        fragment_srt: 1,
        draw_id_register: true,
        draw_id: reg(67),
        ..RunIdvs::default()
    };
    let text = "RUN_IDVS.draw_id_register #0x0, varying_srt=#0x1, fragment_srt=#0x1, draw_id=r67";
    cases.check(&[V10, V11], run, 0x0600_434c_0000_0000, text);
    let run = RunIdvs { varying_tsd: 1, progress, ..RunIdvs::default() };
    let text = "RUN_IDVS.progress #0x0, varying_tsd=#0x1";
    cases.check(&[V10, V11], run, 0x0600_0021_0000_0000, text);
    let run = RunIdvs2 { flags: 5, malloc: true, progress, ..RunIdvs2::default() };
    let text = "RUN_IDVS2.early.malloc.progress #0x5";
    cases.check(&[V12, V13], run, 0x0c00_0003_0000_0005, text);
    let run = RunFullscreen { flags: 9, dcd: pair::<64>(), progress, ..RunFullscreen::default() };
    let text = "RUN_FULLSCREEN.progress #0x9, d64";
    cases.check(&[V11, V12, V13], run, 0x0880_4001_0000_0009, text);
    cases.check(
        UNTIL_13,
        FinishTiling { progress },
        0x0900_0001_0000_0000,
        "FINISH_TILING.progress",
    );
    let (order, base) = (TileOrder::VERTICAL, reg(8));
    let run = RunFragment2 { order, tile_enable_map: true, base, ..RunFragment2::default() };
    let text = "RUN_FRAGMENT2.vertical.tile_enable_map r8";
    cases.check(FROM_14, run, 0x0e08_0000_381c_0021, text);
    let run = RunFragment2 { endpoint_offset: 1, count: 2, ..RunFragment2::default() };
    let text = "RUN_FRAGMENT2.z r0, endpoint_offset=#0x1, count=#0x2";
    cases.check(FROM_14, run, 0x0e00_0000_0201_0000, text);
    let inc = SharedSbInc { shared: entry::<3>(), progress, ..SharedSbInc::default() };
    cases.check(&[V11, V12, V13], inc, 0x1e03_0001_0000_0000, "SHARED_SB_INC.progress sb3");
    let wait =
        SyncWait32 { reject: true, address: pair::<92>(), data: reg(95), ..SyncWait32::default() };
    cases.check(ALL, wait, 0x2700_5c5f_0000_0001, "SYNC_WAIT32.le.reject [d92], r95");
    let run = RunComputeIndirect {
        workgroups: 1,
        endpoint_limit: 4,
        srt: 1,
        spd: 2,
        tsd: 3,
        fau: 1,
        stage: Stage::COMPUTE,
        ..RunComputeIndirect::default()
    };
    let text = "RUN_COMPUTE_INDIRECT #0x1, endpoint_limit=#0x4, srt=#0x1, spd=#0x2, tsd=#0x3, fau=#0x1, stage=compute";
    cases.check(FROM_12, run, 0x2c01_7900_0004_0001, text);
    let run = RunComputeIndirect { progress, ..RunComputeIndirect::default() };
    cases.check(UNTIL_13, run, 0x2c00_0001_0000_0000, "RUN_COMPUTE_INDIRECT.progress #0x0");
}
