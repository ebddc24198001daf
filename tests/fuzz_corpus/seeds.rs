//! Sensible programs, from which the fuzzer starts: together they make every ioctl succeed.

use panthor_sys::*;

use crate::machine::layouts::LAYOUTS;

/// Requests that always fail on a driver without displays.
pub const ALWAYS_FAIL: [u32; 1] = [DRM_IOCTL_SET_CLIENT_CAP];

/// The files that every program begins with.
const RENDER: u8 = 0;
const PRIMARY: u8 = 1;
const OTHER: u8 = 2;

const MAP: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP;
const UNMAP: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP;
const SYNC_ONLY: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY;
const SPARSE: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
const TIMELINE: u32 = DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ;
const SIGNAL: u32 = DRM_PANTHOR_SYNC_OP_SIGNAL;
const CLOEXEC: u32 = 0o200_0000;

const PAGE: u64 = 4096;
const HUGE: u64 = 2 << 20;

/// A program in the form of an input: the other side of `machine::input`.
struct Program(Vec<u8>);

impl Program {
    /// Starts a program on driver 1.`minor`.
    fn new(minor: u8) -> Self {
        // An administrator may use high priorities.
        Self(vec![9 - minor, 0x30, 2])
    }

    fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    fn word(&mut self, value: u32) -> &mut Self {
        if value < 0x80 {
            return self.byte(value as u8);
        }
        if value.is_power_of_two() {
            return self.byte(0x80 | value.trailing_zeros() as u8);
        }
        self.byte(0xe0).0.extend(value.to_le_bytes());
        self
    }

    fn words(&mut self, values: &[u32]) -> &mut Self {
        values.iter().fold(self, |program, &value| program.word(value))
    }

    fn quad(&mut self, value: u64) -> &mut Self {
        if value < 0x40 {
            return self.byte(value as u8);
        }
        if value.is_power_of_two() {
            return self.byte(0x80 | value.trailing_zeros() as u8);
        }
        self.byte(0xf8).0.extend(value.to_le_bytes());
        self
    }

    fn quads(&mut self, values: &[u64]) -> &mut Self {
        values.iter().fold(self, |program, &value| program.quad(value))
    }

    fn text(&mut self, text: &[u8]) -> &mut Self {
        self.byte(text.len() as u8).0.extend(text);
        self
    }

    /// Adds a call. The fields of its argument follow.
    fn call(&mut self, file: u8, request: u32) -> &mut Self {
        let index = LAYOUTS.iter().position(|layout| layout.request == request);
        self.byte(file).byte(index.expect("a known request") as u8)
    }

    /// Adds a step other than a call, with its detail.
    fn step(&mut self, kind: u8, detail: u8) -> &mut Self {
        self.byte(kind << 4 | detail)
    }

    fn gpu(&mut self, detail: u8, vm: u32) -> &mut Self {
        self.step(0xd, detail).byte(RENDER).word(vm)
    }

    fn group(&mut self, detail: u8, group: u32, queue: u32) -> &mut Self {
        self.step(0xe, detail).byte(RENDER).words(&[group, queue])
    }

    fn vm(&mut self, file: u8) -> &mut Self {
        self.call(file, DRM_IOCTL_PANTHOR_VM_CREATE).words(&[0, 0]).quad(0)
    }

    fn bo(&mut self, file: u8, size: u64) -> &mut Self {
        self.call(file, DRM_IOCTL_PANTHOR_BO_CREATE).quad(size).words(&[0, 0, 0, 0])
    }

    /// VM 1; operations follow.
    fn bind(&mut self, flags: u32, count: u8) -> &mut Self {
        self.call(RENDER, DRM_IOCTL_PANTHOR_VM_BIND).words(&[1, flags]).byte(count)
    }

    /// Adds an operation. Its syncs follow.
    fn op(&mut self, flags: u32, bo: u32, va: u64, size: u64, syncs: u8) -> &mut Self {
        self.words(&[flags, bo]).quads(&[0, va, size]).byte(syncs)
    }

    fn sync(&mut self, flags: u32, handle: u32, point: u64) -> &mut Self {
        self.words(&[flags, handle]).quad(point)
    }

    fn syncobj(&mut self, signalled: u32) -> &mut Self {
        self.call(RENDER, DRM_IOCTL_SYNCOBJ_CREATE).words(&[0, signalled])
    }
}

/// Writes a program.
type Write = fn(&mut Program);

/// Returns every program for the newest and the oldest driver, with its file name.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let programs: [(&str, Write); 7] = [
        ("bind", bind),
        ("async", bind_async),
        ("group", group),
        ("share", share),
        ("sync", sync),
        ("query", query),
        ("trouble", trouble),
    ];
    let mut all = Vec::new();
    for (name, write) in programs {
        for minor in [9, 0] {
            let mut program = Program::new(minor);
            write(&mut program);
            all.push((format!("seed-{name}-1.{minor}"), program.0));
        }
    }
    all
}

fn bind(program: &mut Program) {
    program.vm(RENDER).bo(RENDER, 4 * PAGE);
    program.bind(0, 2).op(MAP | SPARSE, 0, HUGE, 1 << 30, 0).op(MAP, 1, 4 * HUGE, 4 * PAGE, 0);
    program.bind(0, 2).op(UNMAP, 0, 4 * HUGE + PAGE, PAGE, 0).op(UNMAP, 0, 8 * HUGE, HUGE, 0);
    program.gpu(1, 1).quad(4 * HUGE).word(64).byte(7);
    program.gpu(0, 1).quad(4 * HUGE - 8).word(64).byte(0);
    program.step(0xc, RENDER).word(1).quad(4 * PAGE).byte(3);
    program.step(0xc, 8 | RENDER).byte(0).byte(9);
    program.call(RENDER, DRM_IOCTL_PANTHOR_VM_GET_STATE).words(&[1, 0]);
    program.step(0xc, 12 | RENDER).byte(0);
    program.call(RENDER, DRM_IOCTL_GEM_CLOSE).words(&[1, 0]);
    program.call(RENDER, DRM_IOCTL_PANTHOR_VM_DESTROY).words(&[1, 0]);
}

fn bind_async(program: &mut Program) {
    let is_async = DRM_PANTHOR_VM_BIND_ASYNC;
    program.vm(RENDER).bo(RENDER, HUGE).syncobj(0).syncobj(0);
    program.gpu(3, 1);
    program.bind(is_async, 2);
    program.op(MAP, 1, HUGE, HUGE, 1).sync(SIGNAL | TIMELINE, 1, 1);
    program.op(UNMAP, 0, HUGE, PAGE, 2).sync(TIMELINE, 1, 1).sync(SIGNAL, 2, 0);
    program.gpu(5, 1).gpu(10, 1).gpu(7, 1).gpu(11, 1);
    program.bind(is_async, 1).op(SYNC_ONLY, 0, 0, 0, 1).sync(SIGNAL | TIMELINE, 1, 3);
    program.gpu(9, 1).byte(11);
    program.bind(is_async, 1).op(UNMAP, 0, 0, 1 << 40, 0);
    program.call(RENDER, DRM_IOCTL_PANTHOR_VM_DESTROY).words(&[1, 0]);
}

fn group(program: &mut Program) {
    program.vm(RENDER).syncobj(0).syncobj(1);
    program.call(RENDER, DRM_IOCTL_PANTHOR_GROUP_CREATE).byte(2);
    program.words(&[0, 4096, 1, 1 << 16]).words(&[0, 0]).quads(&[0, 0, 0]).words(&[1, 0]);
    program.group(0, 1, 0);
    program.call(RENDER, DRM_IOCTL_PANTHOR_GROUP_SUBMIT).words(&[1, 0]).byte(3);
    program.words(&[0, 64]).quad(1 << 30).words(&[0, 0]).byte(1).sync(SIGNAL | TIMELINE, 1, 1);
    program.words(&[1, 64]).quad(1 << 30).words(&[0, 0]).byte(1).sync(TIMELINE, 1, 1);
    program.words(&[1, 0]).quad(0).words(&[0, 0]).byte(1).sync(SIGNAL, 2, 0);
    program.group(3, 1, 0).group(15, 1, 1).group(6, 1, 0).group(11, 1, 0);
    program.call(RENDER, DRM_IOCTL_PANTHOR_GROUP_SUBMIT).words(&[1, 0]).byte(1);
    program.words(&[0, 64]).quad(1 << 30).words(&[0, 0]).byte(0);
    program.call(RENDER, DRM_IOCTL_PANTHOR_GROUP_GET_STATE).words(&[1, 0, 0, 0]);
    program.call(RENDER, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE);
    program.words(&[1, 2, 128 << 10, 5, 5, 0]).quads(&[0, 0]);
    program.call(RENDER, DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY).words(&[1 << 16, 0]);
    program.call(RENDER, DRM_IOCTL_PANTHOR_GROUP_DESTROY).words(&[1, 0]);
}

fn share(program: &mut Program) {
    program.bo(RENDER, PAGE);
    program.call(RENDER, DRM_IOCTL_PRIME_HANDLE_TO_FD).words(&[1, CLOEXEC, 0]);
    program.call(PRIMARY, DRM_IOCTL_PRIME_FD_TO_HANDLE).words(&[0, 0, 0]);
    program.step(0xf, 2).byte(0).quad(HUGE / 2);
    program.vm(RENDER).call(RENDER, DRM_IOCTL_PRIME_FD_TO_HANDLE).words(&[0, 0, 1]);
    program.bind(0, 1).op(MAP, 2, HUGE, HUGE / 2, 0);
    program.step(0xc, RENDER).word(2).quad(PAGE).byte(3).step(0xc, 8).byte(0).byte(5);
    program.step(0xf, 6).byte(1);
    program.call(PRIMARY, DRM_IOCTL_GEM_FLINK).words(&[1, 0]);
    program.step(0xb, 2).byte(3);
    program.step(0xb, 4).byte(OTHER);
    program.call(OTHER, DRM_IOCTL_GET_MAGIC).word(0);
    program.call(PRIMARY, DRM_IOCTL_AUTH_MAGIC).word(1);
    program.call(OTHER, DRM_IOCTL_GEM_OPEN).words(&[1, 0]).quad(0);
    program.call(PRIMARY, DRM_IOCTL_SET_VERSION).words(&[1, 4, u32::MAX, u32::MAX]);
    program.call(PRIMARY, DRM_IOCTL_GET_UNIQUE).quad(12).text(b"        bus");
    program.call(PRIMARY, DRM_IOCTL_DROP_MASTER);
    program.call(PRIMARY, DRM_IOCTL_SET_MASTER);
    program.call(PRIMARY, 0xc028_6405).words(&[0, 0]).quads(&[0, 0, 0, 0]);
    program.call(PRIMARY, 0x80f8_6406);
}

fn sync(program: &mut Program) {
    program.syncobj(0).syncobj(1);
    program.step(0xf, 4).byte(0);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_EVENTFD).words(&[1, 0]).quad(2).words(&[0, 0]);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL).byte(1).word(1).byte(1).quad(3).word(0);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_QUERY).byte(1).word(1).byte(1).quad(0).word(0);
    let any = program.call(RENDER, DRM_IOCTL_SYNCOBJ_WAIT).byte(2).words(&[2, 1]);
    any.quad(1 << 40).words(&[0, 0, 0]).quad(0);
    let all = program.call(RENDER, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT).byte(2).words(&[1, 2]);
    all.byte(2).quads(&[3, 0]).quad(0).words(&[1, 0, 0]).quad(0);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_TRANSFER).words(&[1, 2]).quads(&[3, 5]).words(&[2, 0]);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD).words(&[1, 0, 0, 0]).quad(0);
    program.call(PRIMARY, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE).words(&[0, 0, 1, 0]).quad(0);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD).words(&[2, 1, 0, 0]).quad(0);
    program.step(0xf, 9).byte(2);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_RESET).byte(2).words(&[1, 2]).word(0);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE).words(&[1, 1, 2, 0]).quad(0);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_SIGNAL).byte(1).word(2).word(0);
    program.call(RENDER, DRM_IOCTL_SYNCOBJ_DESTROY).words(&[1, 0]);
}

fn query(program: &mut Program) {
    for query in 0..=4 {
        program.call(RENDER, DRM_IOCTL_PANTHOR_DEV_QUERY).words(&[query, 64]).text(&[]);
    }
    program.call(RENDER, DRM_IOCTL_VERSION).words(&[0, 0, 0, 0]);
    program.quad(8).text(b"name").quad(8).text(b"date").quad(8).text(b"desc");
    program.call(RENDER, DRM_IOCTL_GET_CAP).quads(&[DRM_CAP_SYNCOBJ_TIMELINE, 0]);
    program.call(RENDER, DRM_IOCTL_SET_CLIENT_NAME).quad(4).text(b"name");
    program.bo(RENDER, PAGE);
    program.call(RENDER, DRM_IOCTL_PANTHOR_BO_SET_LABEL).words(&[1, 0]).text(b"label");
    program.step(0xf, 13).byte(RENDER).word(1);
    program.call(RENDER, DRM_IOCTL_PANTHOR_BO_SYNC).byte(1).words(&[1, 0]).quads(&[0, PAGE]);
    program.call(RENDER, DRM_IOCTL_PANTHOR_BO_QUERY_INFO).words(&[1, 0, 0, 0]);
    let mmio = DRM_PANTHOR_USER_MMIO_OFFSET_32BIT;
    program.call(RENDER, DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET).quad(mmio);
    program.step(0xc, 4 | RENDER).quad(mmio).quad(PAGE).byte(1).step(0xc, 8).byte(0).byte(0);
    program.step(0xf, 14).byte(RENDER).step(0xf, 15).byte(0);
}

fn trouble(program: &mut Program) {
    program.vm(RENDER).bo(RENDER, HUGE);
    program.step(0xf, 12).byte(RENDER).byte(1).byte(3);
    program.bind(0, 2).op(MAP, 1, HUGE, HUGE, 0).op(UNMAP, 0, HUGE, HUGE, 0);
    program.step(0xf, 10).byte(RENDER).byte(0x44).byte(11);
    program.call(RENDER, DRM_IOCTL_PANTHOR_VM_GET_STATE).words(&[1, 0]);
    // Any number; another size, another direction and odd arrays.
    program.step(9, RENDER).byte(0x40).byte(0x64).byte(0x30).byte(0xc0).text(&[0; 24]);
    program.step(0, 12 | RENDER).byte(14).byte(3).word(0x20).byte(1).words(&[1, 0]).byte(1);
    program.words(&[49, 1]).op(MAP, 1, 0, PAGE, 0).words(&[16, 0]);
    program.step(0xa, 0).word(128).text(b"anything");
    program.step(0xf, 0).byte(0);
    program.step(0xf, 1).byte(0xdd);
    program.vm(RENDER);
    program.step(0xb, 10).byte(RENDER);
}
