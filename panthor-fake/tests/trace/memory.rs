//! Bad pointers and structures of other sizes: the trace shows only memory that exists.

use panthor_fake::trace::TraceOptions;
use panthor_fake::{Arena, Config, Device};
use panthor_sys::*;

use crate::common::*;
use crate::recorder::Recorder;

const BASE: u64 = 0x10_0000;
const SIZE: usize = 1 << 16;
const END: u64 = BASE + SIZE as u64;

struct Traced {
    file: panthor_fake::File,
    arena: Arena,
    trace: Recorder,
}

impl Traced {
    fn new(options: TraceOptions) -> Self {
        let device = Device::new(Config::default()).unwrap();
        let file = device.open();
        let trace = Recorder::with(&device, options);
        Self { file, arena: Arena::new(BASE, SIZE), trace }
    }

    fn put<T: bytemuck::Pod>(&self, at: u64, value: &T) {
        assert!(self.arena.write(at, bytemuck::bytes_of(value)));
    }

    fn call<T: bytemuck::Pod>(&self, request: u32, args: &T) -> i32 {
        self.put(BASE, args);
        self.file.ioctl_in(request, BASE, &self.arena)
    }
}

#[test]
fn an_argument_that_cannot_be_read_is_an_address() {
    let it = Traced::new(TraceOptions::text());
    assert_eq!(it.file.ioctl_in(DRM_IOCTL_PANTHOR_VM_CREATE, END - 8, &it.arena), -14);
    it.trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_CREATE, 0x10fff8) = -1 EFAULT (Bad address)",
    );
    assert_eq!(it.file.ioctl_in(DRM_IOCTL_PANTHOR_VM_CREATE, 0, &it.arena), -14);
    it.trace
        .expect("ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_CREATE, NULL) = -1 EFAULT (Bad address)");
    // With pointers of this process, too.
    assert_eq!(ioctl_at(&it.file, DRM_IOCTL_PANTHOR_VM_BIND, 0x10), -14);
    it.trace.expect("ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_BIND, 0x10) = -1 EFAULT (Bad address)");
}

#[test]
fn arrays_are_shown_as_far_as_they_can_be_read() {
    let it = Traced::new(TraceOptions::text());
    let vm = {
        assert_eq!(it.call(DRM_IOCTL_PANTHOR_VM_CREATE, &zeroed::<drm_panthor_vm_create>()), 0);
        it.trace.skip();
        1
    };
    let bind = |count, array, stride| drm_panthor_vm_bind {
        vm_id: vm,
        flags: 0,
        ops: drm_panthor_obj_array { stride, count, array },
    };
    assert_eq!(it.call(DRM_IOCTL_PANTHOR_VM_BIND, &bind(5, 0xdead_0000, 48)), -14);
    it.trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=0, \
         ops=[... 5 more at 0xdead0000 (EFAULT)]}) = -1 EFAULT (Bad address)",
    );
    it.put(END - 48, &unmap_op(0x1000, 0x1000));
    assert_eq!(it.call(DRM_IOCTL_PANTHOR_VM_BIND, &bind(3, END - 48, 48)), -14);
    it.trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=0, \
         ops=[UNMAP 0x1000..0x2000, ... 2 more at 0x110000 (EFAULT)]}) = -1 EFAULT (Bad address)",
    );
    // Absurd numbers cost nothing, whatever is shown.
    it.call(DRM_IOCTL_PANTHOR_VM_BIND, &bind(u32::MAX, END - 48, 48));
    assert!(it.trace.last().contains("... 4294967294 more at 0x110000 (EFAULT)"));
    it.call(DRM_IOCTL_PANTHOR_VM_BIND, &bind(2, END - 48, 0));
    it.trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=0, \
         ops=[... 2 more] /* stride 0 */}) = -1 EINVAL (Invalid argument)",
    );
    // Elements of another size, and syncs that cannot be read.
    let syncs = drm_panthor_obj_array { stride: 16, count: 2, array: 0x99 };
    it.put(BASE + 0x100, &drm_panthor_vm_bind_op { syncs, ..unmap_op(0x3000, 0x1000) });
    it.put(BASE + 0x100 + 56, &unmap_op(0x5000, 0x1000));
    it.call(DRM_IOCTL_PANTHOR_VM_BIND, &bind(2, BASE + 0x100, 56));
    it.trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=0, \
         ops=[UNMAP 0x3000..0x4000 syncs=[... 2 more at 0x99 (EFAULT)], UNMAP 0x5000..0x6000] \
         /* stride 56 */}) = -1 EINVAL (Invalid argument) => {ops_count=0}",
    );
}

#[test]
fn long_things_are_shortened_if_they_may_be() {
    for (options, shown) in [
        (TraceOptions::text(), 32),
        (TraceOptions::text().elements(2), 2),
        (TraceOptions::text().all(), 100),
    ] {
        let it = Traced::new(options);
        let args = drm_syncobj_array { handles: BASE + 0x100, count_handles: 100, pad: 0 };
        it.put(BASE + 0x100, &[7_u32; 128]);
        it.call(DRM_IOCTL_SYNCOBJ_RESET, &args);
        let sevens = vec!["7"; shown].join(", ");
        let more = if shown < 100 { format!(", ... {} more", 100 - shown) } else { String::new() };
        it.trace.expect(&format!(
            "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_RESET, {{handles=[{sevens}{more}]}}) \
             = -1 ENOENT (No such file or directory)"
        ));
        // A label of 100 bytes, and one that has no end.
        it.put(BASE + 0x100, &[b'x'; 64]);
        it.put(BASE + 0x100 + 64, &[b'x'; 64]);
        it.put(BASE + 0x100 + 100, &0_u8);
        let label = |label| drm_panthor_bo_set_label { handle: 1, pad: 0, label };
        it.call(DRM_IOCTL_PANTHOR_BO_SET_LABEL, &label(BASE + 0x100));
        let (length, more) = if shown == 100 { (100, "") } else { (80, "...") };
        assert!(it.trace.last().contains(&format!("label=\"{}\"{more}}}", "x".repeat(length))),);
        it.put(END - 4, b"text");
        it.call(DRM_IOCTL_PANTHOR_BO_SET_LABEL, &label(END - 4));
        it.trace.skip();
        it.call(DRM_IOCTL_PANTHOR_BO_SET_LABEL, &label(0x99));
        it.trace.expect(
            "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_SET_LABEL, {handle=1, label=0x99 (EFAULT)}) \
             = -1 ENOENT (No such file or directory)",
        );
    }
}

#[test]
fn callers_with_other_structures_have_other_fields() {
    let it = Traced::new(TraceOptions::text());
    // Before the deadline was added.
    let request = ioc(3, b'd', 0xc3, 32);
    it.put(BASE + 0x100, &1_u32);
    let args =
        drm_syncobj_wait { handles: BASE + 0x100, count_handles: 1, deadline_nsec: 77, ..zeroed() };
    it.call(request, &args);
    it.trace.expect(
        "ioctl(renderD128, DRM_IOCTL_SYNCOBJ_WAIT /* 0xc02064c3, 32 bytes */, {handles=[1], \
         timeout_nsec=0, flags=0}) = -1 ENOENT (No such file or directory)",
    );
    // A request that says that nothing is read or written.
    it.call(ioc(0, b'd', 0x41, 16), &drm_panthor_vm_create { flags: 5, id: 0, user_va_range: 7 });
    it.trace
        .expect("ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_CREATE /* 0x106441, 16 bytes */, {}) = 0");
    // And one that only reads: its answer is lost.
    it.call(ioc(1, b'd', 0x41, 16), &drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 });
    it.trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_CREATE /* 0x40106441, 16 bytes */, \
         {flags=0, user_va_range=0x0}) = 0",
    );
}
