//! The commands that are not tests: on the driver of this machine, or without any comparison.

use std::fs;
use std::process::ExitCode;

use nix::libc;
use panthor_sys::{DRM_IOCTL_VERSION, drm_version};

use crate::arguments::{Command, Device, HELP};
use crate::case::{Answers, Case};
use crate::cases;
use crate::random::{self, Amount};
use crate::recorded;
use crate::transcript::{difference, heading, section};
use crate::uapi::fake::Fake;
use crate::uapi::kernel::{Capability, Kernel, Linux, Mapped, Node};
use crate::uapi::ops::zeroed;
use crate::uapi::real::Real;

pub fn run(command: &Command) -> ExitCode {
    if matches!(
        command,
        Command::Help | Command::List(_) | Command::Show(..) | Command::Recorded(..)
    ) {
        end_when_nobody_reads();
    }
    let done = match command {
        Command::Help => {
            print!("{HELP}");
            Ok(())
        }
        Command::List(filter) => list(filter),
        Command::Record(device) => record(device),
        Command::Check(device, linux) => check(device, *linux),
        Command::Random(device, linux, amount) => random(device, *linux, *amount),
        Command::RecordRandom(device) => record_random(device),
        Command::Show(linux, filter) => show(*linux, filter),
        Command::Compare(files) => recorded::compare(files),
        Command::Merge(files) => recorded::merge(files),
        Command::Recorded(linux, filter) => recorded::print(*linux, filter),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("conformance: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Ends the program silently when its output is closed, as other commands do. On a driver the
/// program runs on: there each begun case must finish.
fn end_when_nobody_reads() {
    // SAFETY: it installs no handler, and no other thread is there yet.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Returns the cases with this text in their names, or an error if there are none.
fn chosen(filter: &str) -> Result<Vec<Case>, String> {
    let mut cases = cases::all();
    cases.retain(|case| case.name.contains(filter));
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    match cases.len() {
        0 => Err(format!("there is no case whose name contains {filter:?}")),
        _ => Ok(cases),
    }
}

/// Returns the cases of [`chosen`] for a kernel.
fn chosen_for(linux: Linux, filter: &str) -> Result<Vec<Case>, String> {
    let mut cases = chosen(filter)?;
    cases.retain(|case| case.is_for(linux));
    match cases.len() {
        0 => Err(format!("no case whose name contains {filter:?} is for Linux {linux}")),
        _ => Ok(cases),
    }
}

fn list(filter: &str) -> Result<(), String> {
    for case in chosen(filter)? {
        println!("{}", case.name);
        for (linux, reason) in case.left_out() {
            println!("    not on Linux {linux}: {reason}");
        }
    }
    Ok(())
}

fn show(linux: Linux, filter: &str) -> Result<(), String> {
    for case in chosen_for(linux, filter)? {
        let transcript = case.transcript(&Fake::new(linux), false);
        print!("{}", section(&case.name, &transcript.text));
    }
    Ok(())
}

/// The driver of a node, and the kernel that it belongs to.
struct Driver {
    node: Real,
    version: (i32, i32, i32),
    linux: Linux,
}

impl Driver {
    fn open(device: &Device) -> Result<Self, String> {
        let named = |error| format!("{}: {error}", device.node.display());
        let node = Real::new(&device.node, device.jobs, device.held_jobs).map_err(named)?;
        let (name, version) = identity(node.open().map_err(named)?.as_ref())?;
        if name != "panthor" {
            return Err(format!("{} is driven by {name}, not by panthor", device.node.display()));
        }
        let linux = u32::try_from(version.1).ok().and_then(Linux::from_driver_minor);
        let unknown = || format!("there is no recording of driver {}.{}", version.0, version.1);
        Ok(Self { node, version, linux: linux.ok_or_else(unknown)? })
    }
}

/// Name and version of the driver of a node.
fn identity(node: &dyn Node) -> Result<(String, (i32, i32, i32)), String> {
    let mut name = [0_u8; 32];
    let mut args = drm_version { name_len: name.len(), name: name.as_mut_ptr().cast(), ..zeroed() };
    // SAFETY: it writes to the structure, and as many bytes as that says to `name`.
    let result = unsafe { node.ioctl(DRM_IOCTL_VERSION, (&raw mut args).cast()) };
    if result != 0 {
        return Err(String::from("the node does not tell its driver"));
    }
    let len = args.name_len.min(name.len());
    let name = String::from_utf8_lossy(&name[..len]).into_owned();
    Ok((name, (args.version_major, args.version_minor, args.version_patchlevel)))
}

/// Prints where a recording is from.
fn print_heading(version: (i32, i32, i32)) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let (major, minor, patch) = version;
    print!("{}", heading(&format!("Linux {}, Panthor {major}.{minor}.{patch}", release.trim())));
}

fn record(device: &Device) -> Result<(), String> {
    let Driver { node, version, linux } = Driver::open(device)?;
    print_heading(version);
    must_tell_mappings(&node)?;
    let mut count = 0;
    for case in chosen_for(linux, &device.filter)? {
        if !case.can_run(&node) {
            let needs = "jobs that are done, or held, or foreign memory";
            return Err(format!("{} needs {needs}: see --held-jobs and /dev/udmabuf", case.name));
        }
        // Where it got to, if the kernel does not come back.
        eprintln!("{}", case.name);
        print!("{}", section(&case.name, &case.transcript(&node, false).text));
        count += 1;
    }
    eprintln!("conformance: {count} cases recorded");
    Ok(())
}

/// Fake that hides its mappings, as a driver does from a process without root privileges.
struct Blind(Fake);

impl Kernel for Blind {
    fn open(&self) -> std::io::Result<Box<dyn Node>> {
        self.0.open()
    }

    fn open_primary(&self) -> std::io::Result<Box<dyn Node>> {
        self.0.open_primary()
    }

    fn address_spaces(&self) -> Option<Vec<Vec<Mapped>>> {
        None
    }

    fn foreign_dma_buf(&self, size: u64) -> std::io::Result<std::os::fd::OwnedFd> {
        self.0.foreign_dma_buf(size)
    }

    fn allow(&self, capability: Capability, allowed: bool) -> std::io::Result<()> {
        self.0.allow(capability, allowed)
    }

    fn jobs_run(&self) -> bool {
        self.0.jobs_run()
    }

    fn jobs_can_be_held(&self) -> bool {
        self.0.jobs_can_be_held()
    }
}

fn check(device: &Device, linux: Option<Linux>) -> Result<(), String> {
    let driver = Driver::open(device)?;
    let linux = linux.unwrap_or(driver.linux);
    let told = driver.node.address_spaces().is_some();
    if !told {
        eprintln!("conformance: without root and debugfs the mappings are not compared");
    }
    let (mut runs, mut calls, mut differences, mut left_out) = (0, 0, 0, 0);
    for case in chosen_for(linux, &device.filter)? {
        if !case.can_run(&driver.node) {
            left_out += 1;
            continue;
        }
        let real = case.transcript(&driver.node, true);
        let fake = on_fake(&case, linux, told);
        runs += 1;
        calls += real.calls;
        let found = difference(&real.text, &fake.text);
        if let Some(found) = found {
            differences += 1;
            println!("{}: the driver (-) and the fake (+):\n{found}", case.name);
        }
    }
    println!(
        "conformance: {runs} cases on the driver and on the fake: {calls} calls, {differences} differences, \
         {left_out} cases left out that need jobs or foreign memory"
    );
    match (runs, differences) {
        (0, _) => {
            Err(String::from("nothing was compared: see --jobs, --held-jobs and /dev/udmabuf"))
        }
        (_, 0) => Ok(()),
        _ => Err(format!("{differences} cases differ")),
    }
}

fn random(device: &Device, linux: Option<Linux>, amount: Amount) -> Result<(), String> {
    let driver = Driver::open(device)?;
    let linux = linux.unwrap_or(driver.linux);
    must_tell_mappings(&driver.node)?;
    random::compare(&driver.node, linux, amount, &mut |text| println!("{text}"))
}

fn record_random(device: &Device) -> Result<(), String> {
    let Driver { node, version, linux } = Driver::open(device)?;
    must_tell_mappings(&node)?;
    print_heading(version);
    random::recorded::record(&node, linux);
    Ok(())
}

fn must_tell_mappings(node: &Real) -> Result<(), String> {
    match node.address_spaces() {
        Some(_) => Ok(()),
        None => Err(String::from("the mappings cannot be told: root and debugfs are needed")),
    }
}

fn on_fake(case: &Case, linux: Linux, told: bool) -> Answers {
    let fake = Fake::new(linux);
    if told { case.transcript(&fake, true) } else { case.transcript(&Blind(fake), true) }
}
