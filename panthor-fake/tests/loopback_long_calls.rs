//! Long calls over the loopback: they end with their caller.

#![cfg(feature = "cli")]

mod loopback_client;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use loopback_client::compile;
use panthor_fake::loopback::Loopback;
use panthor_fake::{Config, Device};

static CLIENT: LazyLock<PathBuf> = LazyLock::new(|| compile("long.c", "loopback-long", &[]));

/// Starts a client with one call of many seconds, and waits until the client makes the call.
fn long_call(kind: &str) -> Child {
    let mut child = Command::new(&*CLIENT).arg(kind).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "now\n");
    std::thread::sleep(Duration::from_millis(400));
    assert!(child.try_wait().unwrap().is_none(), "the call is not long");
    child
}

#[test]
fn long_call_ends_with_its_caller() {
    for kind in ["bind", "bind-async", "query"] {
        // An asynchronous bind reserves page tables for each operation before it maps anything.
        let device = Device::new(Config::default().memory(1 << 40)).unwrap();
        let loopback = Loopback::new(&device).unwrap();
        loopback
            .run(|| {
                let mut child = long_call(kind);
                child.kill().unwrap();
                child.wait().unwrap();
            })
            .unwrap();
        let start = Instant::now();
        loopback.finish();
        assert!(start.elapsed() < Duration::from_secs(1), "{kind}: {:?}", start.elapsed());
        device.assert_released();
    }
}
