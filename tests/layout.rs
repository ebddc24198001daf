//! Compares Rust's layouts with those of a C compiler for the same headers, on x86-64 and on
//! aarch64. Every struct, field, constant and ioctl number becomes a static assertion in C, with
//! Rust's number in it.
//!
//! Needs `cc` and the cross compiler for the other architecture; a missing one is a failure.

#[path = "layout/c_source.rs"]
mod c_source;
#[path = "layout/header.rs"]
mod header;
#[path = "layout/inventory.rs"]
mod inventory;

use std::io::Write;
use std::mem::offset_of;
use std::process::{Command, Stdio};

use c_source::CSource;
use panthor_sys as sys;

const COMMITTED: &str = include_str!("../panthor-sys/src/bindings.rs");

/// Compiles the program, and gives what the compiler says against it.
fn compile(compiler: &str, source: &CSource) -> Result<(), String> {
    let mut command = Command::new(compiler);
    command.args(["-std=gnu11", "-Wall", "-Werror", "-fsyntax-only", "-xc", "-"]);
    command.arg("-I").arg(header::dir());
    if let Some(parent) = header::dir().parent() {
        if parent.join("linux/sync_file.h").exists() {
            command.arg("-I").arg(parent);
        }
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{compiler}: {e}; this test needs it"));
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(source.text().as_bytes()).expect("the compiler reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("the compiler ends");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Asserts everything that the crate declares by hand.
fn by_hand(source: &mut CSource) {
    macro_rules! structure {
        ($name:ident { $($field:ident),* }) => {
            source.structure(stringify!($name), size_of::<sys::$name>(), align_of::<sys::$name>());
            $(source.same(
                concat!("OFFSET(", stringify!($name), ", ", stringify!($field), ")"),
                offset_of!(sys::$name, $field) as u64,
            );)*
        };
    }
    structure!(drm_version {
        version_major,
        version_minor,
        version_patchlevel,
        name_len,
        name,
        date_len,
        date,
        desc_len,
        desc
    });
    structure!(drm_unique { unique_len, unique });

    macro_rules! constants {
        ($($name:ident),*) => { $(source.same(stringify!($name), u64::from(sys::$name));)* };
    }
    constants!(
        DRM_IOCTL_VERSION,
        DRM_IOCTL_GET_UNIQUE,
        DRM_IOCTL_BASE,
        DMA_BUF_BASE,
        SYNC_IOC_MAGIC,
        DRM_PANTHOR_USER_MMIO_OFFSET,
        DRM_PANTHOR_USER_FLUSH_ID_MMIO_OFFSET
    );

    type Decode = (&'static str, fn(u32) -> u32);
    const FIELDS: [Decode; 14] = [
        ("DRM_PANTHOR_ARCH_MAJOR", sys::drm_panthor_arch_major),
        ("DRM_PANTHOR_ARCH_MINOR", sys::drm_panthor_arch_minor),
        ("DRM_PANTHOR_ARCH_REV", sys::drm_panthor_arch_rev),
        ("DRM_PANTHOR_PRODUCT_MAJOR", sys::drm_panthor_product_major),
        ("DRM_PANTHOR_VERSION_MAJOR", sys::drm_panthor_version_major),
        ("DRM_PANTHOR_VERSION_MINOR", sys::drm_panthor_version_minor),
        ("DRM_PANTHOR_VERSION_STATUS", sys::drm_panthor_version_status),
        ("DRM_PANTHOR_CSHW_MAJOR", sys::drm_panthor_cshw_major),
        ("DRM_PANTHOR_CSHW_MINOR", sys::drm_panthor_cshw_minor),
        ("DRM_PANTHOR_CSHW_REV", sys::drm_panthor_cshw_rev),
        ("DRM_PANTHOR_MCU_MAJOR", sys::drm_panthor_mcu_major),
        ("DRM_PANTHOR_MCU_MINOR", sys::drm_panthor_mcu_minor),
        ("DRM_PANTHOR_MCU_REV", sys::drm_panthor_mcu_rev),
        ("DRM_PANTHOR_MMU_VA_BITS", sys::drm_panthor_mmu_va_bits),
    ];
    for (name, decode) in FIELDS {
        for register in (0..32).map(|bit| 1 << bit).chain([0, u32::MAX, 0xa867_0000, 0x1234_5678]) {
            source.same(&format!("{name}({register}u)"), decode(register).into());
        }
    }
    for (dir, nr, size) in [(0, 0, 0), (1, 0x43, 8), (2, 0xcf, 48), (3, 0xff, 0x3fff)] {
        let c = format!("(unsigned int)_IOC({dir}u, 'd', {nr}, {size})");
        source.same(&c, sys::ioc(dir, b'd', nr, size).into());
    }
}

fn check(compiler: &str, arch_macro: &str) {
    let mut source = CSource::new(arch_macro, header::is_pinned());
    source.inventory(&inventory::read(COMMITTED));
    by_hand(&mut source);
    if let Err(errors) = compile(compiler, &source) {
        panic!("{compiler} disagrees with the bindings:\n{errors}");
    }
}

/// Returns the compiler for an architecture: the host's own, or Debian's name of the cross
/// compiler.
fn compiler(arch: &str) -> String {
    if arch == std::env::consts::ARCH { "cc".to_owned() } else { format!("{arch}-linux-gnu-gcc") }
}

#[test]
fn x86_64() {
    check(&compiler("x86_64"), "__x86_64__");
}

#[test]
fn aarch64() {
    check(&compiler("aarch64"), "__aarch64__");
}

/// The assertions do assert: every kind of number, off by one, is an error.
#[test]
fn wrong_numbers_are_caught() {
    let compiler = compiler(std::env::consts::ARCH);
    let arch_macro = format!("__{}__", std::env::consts::ARCH);
    let right = inventory::read(COMMITTED);
    for name in [
        "DRM_PANTHOR_SYNC_OP_SIGNAL",
        "DRM_IOCTL_PANTHOR_VM_BIND",
        "drm_panthor_gpu_info",
        "drm_panthor_dev_query.type_",
        "drm_panthor_queue_create.pad",
        "drm_syncobj_wait.timeout_nsec",
    ] {
        let mut wrong = right.clone();
        match wrong.get_mut(name).expect("the bindings have it") {
            inventory::Item::Constant { value, .. } => *value += 1,
            inventory::Item::Struct { size, .. } => *size += 1,
            inventory::Item::Field { offset, .. } => *offset += 1,
            inventory::Item::Alias { .. } => panic!("aliases have no number"),
        }
        let mut source = CSource::new(&arch_macro, true);
        source.inventory(&wrong);
        let errors = compile(&compiler, &source).expect_err("the compiler must refuse this");
        assert!(
            errors.contains(name.trim_end_matches('_').rsplit('.').next().unwrap()),
            "{errors}"
        );
    }
}
