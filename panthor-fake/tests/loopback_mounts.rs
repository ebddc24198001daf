//! The loopback with its files mounted where programs look for them.

#![cfg(feature = "cli")]

mod loopback_client;

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use loopback_client::*;
use nix::libc;
use panthor_fake::loopback::Loopback;
use panthor_fake::{Config, Device};

/// Runs a test on a device with mounted files, where the system permits mounts.
fn with_mounts<T: Send>(test: impl FnOnce() -> T + Send) -> Option<T> {
    let device = Device::new(Config::default()).unwrap();
    let loopback = match Loopback::with_mounts(&device) {
        Ok(loopback) => loopback,
        Err(error) => {
            eprintln!("not tested: {error}");
            return None;
        }
    };
    let result = loopback.run(test).unwrap();
    loopback.finish();
    device.assert_released();
    Some(result)
}

#[test]
fn node_is_the_same_by_every_way_to_look() {
    with_mounts(|| {
        for (path, minor) in [(RENDER, 128), (CARD, 0)] {
            let file = open(path);
            assert_eq!(version(&file).0, "panthor");
            let (by_fd, by_path) = (file.metadata().unwrap(), fs::metadata(path).unwrap());
            for metadata in [&by_fd, &by_path] {
                assert!(metadata.file_type().is_char_device());
                assert_eq!(metadata.rdev(), libc::makedev(226, minor));
                assert_eq!(metadata.mode() & 0o7777, 0o666);
                assert_eq!((metadata.dev(), metadata.ino()), (by_fd.dev(), by_fd.ino()));
            }
            let link = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
            assert_eq!(link.to_str(), Some(path));
            // What monitors do: from the directory of the descriptors on.
            let directory = File::open("/proc/self/fd").unwrap();
            let name = file.as_raw_fd().to_string();
            let flags = nix::fcntl::AtFlags::empty();
            let stat = nix::sys::stat::fstatat(&directory, name.as_str(), flags).unwrap();
            assert_eq!(stat.st_rdev, libc::makedev(226, minor));
        }
    });
}

#[test]
fn directory_of_the_nodes_is_one_like_others() {
    with_mounts(|| {
        let script = "cd /dev/dri && pwd && ls && cd .. && test -c null && cd /sys/class/drm/card0/device && pwd -P";
        let output = Command::new("sh").args(["-c", script]).output().unwrap();
        let expected = "/dev/dri\nby-path\ncard0\nrenderD128\n/sys/devices/platform/fb000000.gpu\n";
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
        let refused = fs::write("/dev/dri/new", "").unwrap_err().raw_os_error();
        assert_eq!(refused, Some(libc::EACCES));
        assert_eq!(fs::read_to_string("/sys/dev/char/226:0/dev").unwrap(), "226:0\n");
    });
}

#[test]
fn files_of_the_host_stay_at_their_paths() {
    let names = |directory: &str| {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let directories = ["/dev", "/sys/class", "/sys/dev/char", "/sys/devices/platform"];
    let host = directories.map(names);
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts();
    let seen = with_mounts(|| {
        fs::write("/dev/null", "x").unwrap();
        File::open("/dev/zero").unwrap();
        directories.map(names)
    });
    assert_eq!(mounts(), before);
    for (host, seen) in host.iter().zip(seen.iter().flatten()) {
        let missing: Vec<_> = host.iter().filter(|name| !seen.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

#[test]
fn programs_find_nodes_by_any_call() {
    let program = compile("paths.c", "loopback-mounted-paths", &[]);
    with_mounts(|| {
        let output = Command::new(program).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
}

/// Runs a function while signals with a handler without `SA_RESTART` interrupt the calling thread.
fn under_signals<T>(function: impl FnOnce() -> T) -> T {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

    extern "C" fn handler(_: libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
    let (process, thread) = (nix::unistd::Pid::this(), nix::unistd::gettid());
    let (process, thread) = (process.as_raw(), thread.as_raw());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // SAFETY: the arguments are numbers.
                unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        let result = function();
        over.store(true, Ordering::Relaxed);
        result
    })
}

#[test]
fn signals_interrupt_no_look_at_a_path() {
    let failed = with_mounts(|| under_signals(failed_looks));
    assert!(failed.is_none_or(|failed| failed == 0), "{failed:?} calls failed");
}

/// Returns how many looks at a path fail.
fn failed_looks() -> usize {
    let paths = [c"/etc/passwd", c"/dev/dri/renderD128", c"/sys/class/drm/version"];
    let look = |round: usize| {
        let path = paths[round % 3].as_ptr();
        if round % 2 == 0 {
            // SAFETY: the path ends.
            return unsafe { libc::access(path, libc::R_OK) };
        }
        // SAFETY: the structure is made of numbers, for which zero is a value.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: the path ends, and there is room for the answer.
        unsafe { libc::stat(path, &raw mut stat) }
    };
    (0..60_000).filter(|&round| look(round) != 0).count()
}

#[test]
fn command_mounts_when_it_is_asked_to() {
    let run = |when: &str, program: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_panthor-fake"))
            .args(["run", "--mounts", when, "--"])
            .args(program)
            .output()
            .unwrap()
    };
    let is_mounted = |when: &str| {
        let output = run(when, &["grep", "-c", " /dev/dri ", "/proc/self/mountinfo"]);
        String::from_utf8_lossy(&output.stdout) == "1\n"
    };
    assert!(!is_mounted("never"));
    let possible = run("always", &["true"]);
    let message = String::from_utf8_lossy(&possible.stderr).into_owned();
    assert_eq!(is_mounted("auto"), possible.status.success(), "{message}");
    if !possible.status.success() {
        assert_eq!(possible.status.code(), Some(125));
        assert!(message.contains("mount the files around the device in a namespace"), "{message}");
    }
    let wrong = run("sometimes", &["true"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("is none of always, auto, never"));
}
