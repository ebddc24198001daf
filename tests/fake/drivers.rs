//! Versions of the driver, models of the GPU, CPU page sizes.

use panthor::{
    BoOptions, Device, ErrorKind, Features, MapFlags, PageSizeSource, SparseMode, TimestampRequest,
    Version, VmOptions,
};
use panthor_fake::{Config, Gpu, PageSize};

use crate::{eyes, open};

#[test]
fn another_driver_is_refused_by_name() {
    let fake = panthor_fake::Device::new(Config::default().driver_name("panfrost")).unwrap();
    let error = Device::from_fake(fake.open()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPanthor);
    assert!(error.to_string().contains("panfrost"), "{error}");
    fake.assert_released();
}

#[test]
fn majors_too_old_and_too_new_are_refused() {
    for (major, word) in [(0, "too old"), (2, "too new")] {
        let fake = panthor_fake::Device::new(Config::default().driver_major(major)).unwrap();
        let error = Device::from_fake(fake.open()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotPanthor);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_driver_that_lacks_the_uapi_is_recognized() {
    let fake = panthor_fake::Device::new(Config::default().tyr()).unwrap();
    let error = Device::from_fake(fake.open()).unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::Unsupported, "VERSION"));
    for part in ["ARM Mali Tyr DRM driver", "panthor 1.5.0", "VM_CREATE, VM_BIND, BO_CREATE"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    fake.assert_released();
}

#[test]
fn a_refused_vm_blames_only_what_the_caller_gave() {
    let (_fake, device) = open(Config::default());
    let limit = (1 << 48) - (256 << 20);
    let refused = |options| {
        let request = panthor::sys::DRM_IOCTL_PANTHOR_VM_CREATE;
        device.fake().unwrap().fail_ioctl(request, 22);
        device.create_vm(options).unwrap_err()
    };
    for options in [VmOptions::new(), VmOptions::new().user_va_range(limit)] {
        let error = refused(options);
        assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, None), "{error}");
    }
    device.create_vm(VmOptions::new().user_va_range(limit)).unwrap();
    let error = device.create_vm(VmOptions::new().user_va_range(limit + 1)).unwrap_err();
    assert_eq!(error.argument(), Some("user_va_range"));
    let text = "VM_CREATE: user_va_range: leaves the kernel less than 256 MiB of VA (0xfffff0000001, at most 0xfffff0000000)";
    assert!(error.to_string().starts_with(text), "{error}");
}

#[test]
fn every_version_does_what_its_features_say() {
    for minor in 0..=9 {
        let (fake, device) = open(Config::default().driver_minor(minor));
        assert_eq!(device.version(), Version::new(1, minor));
        let has = |feature| device.features().contains(feature);
        let works = |result: Result<(), panthor::Error>, feature| match result {
            Ok(()) => assert!(has(feature), "1.{minor}: {feature:?}"),
            Err(error) => {
                assert!(!has(feature), "1.{minor}: {feature:?}: {error}");
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                assert_eq!(error.errno(), None, "refused before the call");
                let since = feature.since();
                assert!(error.to_string().contains(&format!("{}.{}", since.major, since.minor)));
            }
        };
        let bo = device.create_bo(BoOptions::new(4096)).unwrap();
        let vm = device.create_vm(VmOptions::new()).unwrap();
        works(device.timestamps(TimestampRequest::default()).map(drop), Features::TIMESTAMP_QUERY);
        let cycles = TimestampRequest::nothing().cycle_count();
        works(device.timestamps(cycles).map(drop), Features::TIMESTAMP_FLAGS);
        let assumed = device.group_priorities().unwrap().is_assumed();
        assert_eq!(assumed, !has(Features::GROUP_PRIORITIES));
        works(bo.set_label("label"), Features::BO_LABELS);
        works(bo.info().map(drop), Features::BO_QUERY_INFO);
        // Needed by no BO that an older driver makes.
        bo.sync(.., panthor::CacheOp::Flush).unwrap();
        works(device.create_bo(BoOptions::new(1).wb_mmap()).map(drop), Features::WB_MMAP);
        let native = vm.bind().sparse_mode(SparseMode::Native).map_sparse(0..4096).submit();
        works(native.map(drop), Features::SPARSE);
        let reported = device.page_sizes().unwrap().source() == PageSizeSource::Reported;
        assert_eq!(reported, has(Features::MMU_INFO));
        let coherency = device.gpu_info().unwrap().selected_coherency();
        assert_eq!(coherency.is_some(), has(Features::SELECTED_COHERENCY));
        drop((bo, vm, device));
        fake.assert_released();
    }
}

#[test]
fn every_model_has_its_name_and_architecture() {
    let models = [
        (Gpu::G310, "Mali-G310", 10),
        (Gpu::G510, "Mali-G510", 10),
        (Gpu::G610, "Mali-G610", 10),
        (Gpu::G710, "Mali-G710", 10),
        (Gpu::G615, "Mali-G615", 11),
        (Gpu::G715, "Mali-G715", 11),
        (Gpu::G620, "Mali-G620", 12),
        (Gpu::G720, "Mali-G720", 12),
        (Gpu::G725, "Mali-G725", 13),
    ];
    for (gpu, name, arch) in models {
        let info = open(Config::default().gpu(gpu)).1.gpu_info().unwrap();
        assert_eq!((info.model_name(), info.arch().major), (name, arch));
    }
}

#[test]
fn large_cpu_pages_round_bos_and_leave_vas_at_4_kib() {
    for (page_size, bytes) in [(PageSize::K16, 16 << 10), (PageSize::K64, 64 << 10)] {
        let (_, device) = open(Config::default().page_size(page_size));
        assert_eq!(device.cpu_page_size(), bytes);
        let bo = device.create_bo(BoOptions::new(1)).unwrap();
        assert_eq!(bo.size(), bytes);
        bo.map().unwrap().store(4096, 9u32).unwrap();
        assert!(bo.map_range(4096..8192, panthor::MapAccess::Read).is_err());
        let vm = device.create_vm(VmOptions::new()).unwrap();
        vm.bind().map(&bo, 4096..8192, 0x1000, MapFlags::NOEXEC).submit().unwrap();
        let mut seen = [0; 4];
        eyes(&vm).read(0x1000, &mut seen).unwrap();
        assert_eq!(u32::from_ne_bytes(seen), 9);
    }
}
