//! The batches that are measured.

use std::hint::black_box;

use panthor::{
    BindBuffer, Bo, BoOptions, Device, Group, GroupOptions, MapFlags, QueueOptions, SyncObj,
    Timeline, Vm, point,
};

const VA: u64 = 0x10_0000;
const PAGE: u64 = 4096;

/// A batch.
#[derive(Clone, Copy)]
pub enum Case {
    /// This many page maps.
    Map(u32),
    /// One page map that waits for a syncobj and signals a timeline point.
    Async,
    /// A sparse map of 100e6 bytes.
    Sparse,
}

impl Case {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "async" => Some(Self::Async),
            "sparse" => Some(Self::Sparse),
            count => count.parse().ok().map(Self::Map),
        }
    }

    pub fn name(self) -> String {
        match self {
            Self::Map(count) => count.to_string(),
            Self::Async => "async".into(),
            Self::Sparse => "sparse".into(),
        }
    }

    /// Returns the name in C, where a sparse map is a map.
    pub fn name_in_c(self) -> String {
        if let Self::Sparse = self { "1".into() } else { self.name() }
    }

    pub fn title(self) -> String {
        match self {
            Self::Map(1) => "1 map".into(),
            Self::Map(count) => format!("{count} maps"),
            Self::Async => "1 map, asynchronous, 2 syncs".into(),
            Self::Sparse => "1 sparse map of 100e6 bytes".into(),
        }
    }

    pub fn operations(self) -> u32 {
        if let Self::Map(count) = self { count } else { 1 }
    }
}

/// A VM on the null driver with what a batch needs.
pub struct Bench {
    pub vm: Vm,
    pub bo: Bo,
    pub acquired: SyncObj,
    pub timeline: Timeline,
    pub group: Group,
}

impl Bench {
    pub fn new() -> Self {
        let config = panthor_fake::Config::default().null_calls(true);
        let fake = panthor_fake::Device::new(config).expect("a memfd");
        let device = Device::from_fake(fake.open()).expect("a Panthor");
        let vm = device.create_vm(Default::default()).expect("a VM");
        let bo = device.create_bo(BoOptions::new(PAGE)).expect("a BO");
        let acquired = device.create_syncobj().expect("a syncobj");
        let timeline = device.create_timeline().expect("a syncobj");
        let queues = GroupOptions::new().queue(QueueOptions::new(4096));
        let group = vm.create_group(queues).expect("a group");
        Self { vm, bo, acquired, timeline, group }
    }

    /// Maps as many pages as fit a batch without a buffer.
    #[inline]
    pub fn few_maps(&self, count: u32) {
        let (bo, start) = (black_box(&self.bo), black_box(VA));
        let mut batch = self.vm.bind();
        for i in 0..u64::from(count) {
            batch.map(bo, 0..PAGE, start + i * PAGE, MapFlags::NOEXEC);
        }
        batch.submit().expect("accepted");
    }

    #[inline]
    pub fn maps(&self, buffer: &mut BindBuffer, count: u32) {
        let (bo, start) = (black_box(&self.bo), black_box(VA));
        let mut batch = self.vm.bind_with(buffer);
        for i in 0..u64::from(count) {
            batch.map(bo, 0..PAGE, start + i * PAGE, MapFlags::NOEXEC);
        }
        batch.submit().expect("accepted");
    }

    #[inline]
    pub fn map_async(&self) {
        let (bo, va) = (black_box(&self.bo), black_box(VA));
        self.vm
            .bind_async()
            .map(bo, 0..PAGE, va, MapFlags::NOEXEC)
            .wait(&self.acquired)
            .signal(self.timeline.at(black_box(point::<7>())))
            .submit()
            .expect("accepted");
    }

    #[inline]
    pub fn sparse(&self) {
        let va = black_box(VA);
        self.vm.bind().map_sparse(va..va + 100_003_840).submit().expect("accepted");
    }

    /// Queue submits with 8 sync operations each.
    pub fn queue_submits(&self, count: u32) {
        let mut submission = self.group.submit();
        for _ in 0..count {
            let mut queue = submission.queue(0);
            for _ in 0..4 {
                queue.wait(&self.acquired).signal(self.timeline.at(black_box(point::<7>())));
            }
        }
        submission.submit().expect("accepted");
    }
}

/// Runs the calls that callgrind counts.
#[inline(never)]
fn panthor_measured(bench: &Bench, buffer: &mut BindBuffer, case: Case) {
    match case {
        Case::Map(count @ ..=16) => bench.few_maps(count),
        Case::Map(count) => bench.maps(buffer, count),
        Case::Async => bench.map_async(),
        Case::Sparse => bench.sparse(),
    }
}

pub fn run(case: Case, repeats: u32) {
    let bench = Bench::new();
    let mut buffer = BindBuffer::with_capacity(case.operations() as usize);
    for _ in 0..repeats {
        panthor_measured(black_box(&bench), &mut buffer, black_box(case));
    }
}
