//! The files around the nodes in the hands of a hostile program: it reads nothing of the host, and
//! changes nothing.

#![cfg(feature = "cli")]

mod loopback_client;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use loopback_client::compile;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::geteuid;

/// The exit status of a helper that cannot do here what it is for.
const UNAVAILABLE: i32 = 77;

/// A directory that any user can reach, with the programs of the tests.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = nix::unistd::mkdtemp(&std::env::temp_dir().join("panthor-hostile-XXXXXX"));
        let scratch = Self(path.unwrap());
        let permit = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        permit(&scratch.0, 0o755);
        fs::write(scratch.0.join("secret"), "secret\n").unwrap();
        for (name, mode) in [("jail", 0o777), ("temporary", 0o1777)] {
            fs::create_dir(scratch.0.join(name)).unwrap();
            permit(&scratch.0.join(name), mode);
        }
        let name = |name: &str| format!("{name}-{}", scratch.0.display()).replace('/', "-");
        for (name, program) in [
            ("confined", compile("confined.c", &name("confined"), &[])),
            ("hostile", compile("hostile.c", &name("hostile"), &[])),
            ("panthor-fake", env!("CARGO_BIN_EXE_panthor-fake").into()),
        ] {
            fs::copy(program, scratch.0.join(name)).unwrap();
            permit(&scratch.0.join(name), 0o755);
        }
        scratch
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Returns a command that runs the loopback for a user, with or without the right to mount.
    fn run(&self, user: &str, mounts: &str) -> Command {
        let mut command = Command::new(self.path("confined"));
        let when = if mounts == "mounted" { "always" } else { "never" };
        let server = self.path("panthor-fake");
        command.args([user, mounts, &server, "run", "--mounts", when, "--"]);
        command.env("TMPDIR", self.path("temporary")).stdin(Stdio::null());
        command
    }

    fn left_behind(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.join("temporary")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the users that this process can become.
fn users() -> &'static [&'static str] {
    if geteuid().is_root() { &["-", "65534"] } else { &["-"] }
}

/// Runs a command that must end in time.
fn output(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{command:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn walk(jail: &str) {
    let scratch = Scratch::new();
    for user in users() {
        let mut trees = vec![("all", "detached"), ("no-mounts", "directory")];
        // Without a jail the tree is the program's own there, and the host's directories are above
        // it.
        if *user == "-" && geteuid().is_root() && matches!(jail, "chroot" | "pivot") {
            trees.push(("mounted", "mounted"));
        }
        for (mounts, tree) in trees {
            let mut command = scratch.run(user, mounts);
            command.args([&scratch.path("hostile"), jail, tree, &scratch.path("")]);
            let output = output(command);
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            if matches!(output.status.code(), Some(UNAVAILABLE | 125)) {
                eprintln!("not tested as user {user}, {tree}: {message}");
                continue;
            }
            assert!(output.status.success(), "user {user}, {tree}: {}: {message}", output.status);
            assert_eq!(fs::read_to_string(scratch.0.join("secret")).unwrap(), "secret\n");
            let left = scratch.left_behind();
            if tree != "directory" {
                assert!(left.is_empty(), "user {user}: {left:?}");
            }
            for path in left {
                // A hostile program has changed it.
                assert!(message.contains(path.to_str().unwrap()), "{message}");
                fs::remove_dir_all(path).unwrap();
            }
        }
    }
}

#[test]
fn chroot_leads_nowhere() {
    walk("chroot");
}

#[test]
fn mount_namespace_without_the_old_root_leads_nowhere() {
    walk("pivot");
}

#[test]
fn user_namespace_changes_nothing() {
    walk("user");
}

#[test]
fn plain_program_changes_nothing() {
    walk("none");
}

#[test]
fn temporary_directories_of_others_stay() {
    let scratch = Scratch::new();
    let notes = scratch.0.join("temporary/panthor-fake-loopback-my-notes");
    fs::create_dir(&notes).unwrap();
    fs::write(notes.join("thesis.tex"), "text").unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    nest(&notes);
    fs::File::open(&notes).unwrap().set_modified(long_ago).unwrap();
    for user in users() {
        for mounts in ["all", "no-mounts"] {
            let mut command = scratch.run(user, mounts);
            command.args(["ls", "/dev/dri"]);
            let output = output(command);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(text, "by-path\ncard0\nrenderD128\n", "user {user}, {mounts}");
            assert_eq!(fs::read_to_string(notes.join("thesis.tex")).unwrap(), "text");
            assert_eq!(
                scratch.left_behind(),
                std::slice::from_ref(&notes),
                "user {user}, {mounts}"
            );
        }
    }
    unnest(&notes);
}

/// Makes a directory as deep as no sweep by recursion survives it.
fn nest(directory: &Path) {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
    let mut deep = open(directory, flags, Mode::empty()).unwrap();
    for _ in 0..15_000 {
        mkdirat(&deep, "d", Mode::S_IRWXU).unwrap();
        deep = openat(&deep, "d", flags, Mode::empty()).unwrap();
    }
}

/// Removes that directory, without recursion either.
fn unnest(directory: &Path) {
    let (first, next) = (directory.join("d"), directory.join("next"));
    while fs::rename(first.join("d"), &next).is_ok() {
        fs::remove_dir(&first).unwrap();
        fs::rename(&next, &first).unwrap();
    }
    fs::remove_dir(&first).unwrap();
}

#[test]
fn fifo_of_a_program_stops_nothing() {
    let scratch = Scratch::new();
    for user in users() {
        for mounts in ["all", "no-mounts"] {
            // Through a descriptor, for which the kernel needs no help of the server.
            let script = "exec 3</dev/dri; mkfifo /proc/self/fd/3/fifo 2>/dev/null
                rm -f /proc/self/fd/3/card0 2>/dev/null; mkfifo /proc/self/fd/3/card0 2>/dev/null
                pids=; for i in 1 2 3 4 5 6 7 8; do
                    cat /dev/dri/fifo /dev/dri/card0 >/dev/null 2>&1 & pids=\"$pids $!\"
                done; sleep 0.2; kill -9 $pids 2>/dev/null; wait; exit 3";
            let mut command = scratch.run(user, mounts);
            command.args(["sh", "-c", script]).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            let deadline = Instant::now() + Duration::from_secs(20);
            let status = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
                if Instant::now() > deadline {
                    child.kill().unwrap();
                    panic!("user {user}, {mounts}: the run does not end");
                }
                std::thread::sleep(Duration::from_millis(5));
            };
            assert_eq!(status.code(), Some(3), "user {user}, {mounts}");
            for path in scratch.left_behind() {
                fs::remove_dir_all(path).unwrap();
            }
        }
    }
}
