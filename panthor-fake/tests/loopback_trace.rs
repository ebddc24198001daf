//! Trace of a program by `panthor-fake run --trace`, and its counts by `panthor-fake summary`.

#![cfg(feature = "cli")]

mod loopback_client;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use loopback_client::compile;

const COMMAND: &str = env!("CARGO_BIN_EXE_panthor-fake");

fn panthor_fake(arguments: &[&str]) -> Output {
    Command::new(COMMAND).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a case of the client; returns the file of the trace.
fn traced(case: &str, file: &str, options: &[&str]) -> PathBuf {
    static CLIENT: LazyLock<PathBuf> =
        LazyLock::new(|| compile("client.c", "traced-client", &["-pthread"]));

    let trace = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    let mut command = Command::new(COMMAND);
    command.args(["run", "--trace"]).arg(&trace).args(options).arg(&*CLIENT).arg(case);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    trace
}

#[test]
fn text_has_a_line_for_every_call() {
    let trace = std::fs::read_to_string(traced("binds", "trace.txt", &[])).unwrap();
    let lines: Vec<_> = trace.lines().collect();
    let expected = [
        " open(renderD128:",
        "DRM_IOCTL_PANTHOR_VM_CREATE, {",
        "DRM_IOCTL_PANTHOR_BO_CREATE, {size=4096, ",
        "ops=[MAP 0x400000..0x6800000 noexec sparse]}) = 0 ",
        "ops=[MAP bo=1 @0x0 0x800000..0x801000 noexec]}) = 0 ",
        "ops=[UNMAP 0x400000..0x6800000]}) = 0 ",
        "release(renderD128:",
    ];
    assert_eq!(lines.len(), expected.len(), "{trace}");
    for (line, part) in lines.iter().zip(expected) {
        assert!(line.contains(part), "{part} is not in\n{line}");
    }
    // It is the program's descriptor, not one of the supervisor's.
    assert!(lines[1].contains(" ioctl(3<renderD128:"), "{trace}");
}

#[test]
fn cpu_mappings_are_in_the_trace() {
    let trace = std::fs::read_to_string(traced("threads", "trace-mmap.txt", &[])).unwrap();
    let opens: Vec<_> = trace.lines().filter(|line| line.contains(" open(renderD128:")).collect();
    let mmaps: Vec<_> = trace.lines().filter(|line| line.contains(" mmap(")).collect();
    // 8 threads open a node, and each maps 500 BOs.
    assert_eq!((opens.len(), mmaps.len()), (8, 4000));
    for mmap in mmaps {
        let shown = ["<renderD128:", ">, {len=0x1000, prot=READ|WRITE, offset=0x", "}) = 0 <"];
        assert!(shown.iter().all(|part| mmap.contains(part)), "{mmap}");
    }
    // Each by the thread that made the call.
    let thread = |line: &str| line.split(' ').next().map(str::to_owned);
    let threads: std::collections::HashSet<_> = opens.into_iter().map(thread).collect();
    assert_eq!(threads.len(), 8);
}

#[test]
fn a_failure_on_demand_is_in_the_trace() {
    let trace = traced("binds", "trace-failed.txt", &["--fail", "VM_BIND:2:ENOMEM"]);
    let trace = std::fs::read_to_string(trace).unwrap();
    let binds: Vec<_> = trace.lines().filter(|line| line.contains("VM_BIND")).collect();
    let failed = binds.iter().map(|line| line.contains("= -1 ENOMEM")).collect::<Vec<_>>();
    assert_eq!(failed, [false, true, false], "{trace}");
}

#[test]
fn an_unplug_on_demand_is_in_the_trace() {
    let trace = traced("binds", "trace-unplugged.txt", &["--at", "VM_BIND:2:unplug"]);
    let trace = std::fs::read_to_string(trace).unwrap();
    let binds: Vec<_> = trace.lines().filter(|line| line.contains("VM_BIND")).collect();
    let failed = binds.iter().map(|line| line.contains("= -1 ENODEV")).collect::<Vec<_>>();
    assert_eq!(failed, [false, true, true], "{trace}");
}

#[test]
fn json_is_counted() {
    let trace =
        traced("binds", "trace.json", &["--trace-format", "json", "--fail", "VM_BIND:2:ENOMEM"]);
    let lines = std::fs::read_to_string(&trace).unwrap();
    assert!(lines.lines().all(|line| line.starts_with(r#"{"v":1,"#)), "{lines}");
    let output = panthor_fake(&["summary", trace.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let summary = text(&output.stdout);
    let words: Vec<Vec<_>> =
        summary.lines().map(|line| line.split_whitespace().collect()).collect();
    let is_there = |start: &[&str], end: &[&str]| {
        words.iter().any(|words| words.starts_with(start) && words.ends_with(end))
    };
    assert!(is_there(&["3", "1"], &["PANTHOR_VM_BIND", "(1", "ENOMEM)"]), "{summary}");
    assert!(is_there(&["1", "104857600"], &["MAP", "sparse"]), "{summary}");
    assert!(is_there(&["1", "104857600"], &["UNMAP"]), "{summary}");
    assert!(is_there(&["6"], &["all"]), "{summary}");
}

#[test]
fn what_is_no_trace_is_refused() {
    for (arguments, message) in [
        (&["summary", "/nonexistent/trace"][..], "/nonexistent/trace"),
        (&["summary", "/etc/passwd"], "line 1 is none of a trace in JSON"),
        (&["summary"], "summary needs"),
        (&["summary", "a", "b"], "\"b\""),
        (&["run", "--trace", "/nonexistent/trace", "true"], "trace /nonexistent/trace: No such"),
    ] {
        let output = panthor_fake(arguments);
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
        let told = text(&output.stderr);
        assert!(told.contains(message), "{arguments:?}: {told}");
    }
}

#[test]
fn a_trace_of_text_is_not_counted_and_it_is_said_why() {
    let trace = traced("binds", "trace-not-json.txt", &[]);
    let output = Command::new(COMMAND).arg("summary").arg(&trace).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    let message = text(&output.stderr);
    assert!(message.contains("line 1 is of a trace of text"), "{message}");
    assert!(message.contains("--trace-format json"), "{message}");
}
