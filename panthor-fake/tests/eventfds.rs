//! Signals of eventfds never wait for a program.

mod common;

use std::os::fd::AsRawFd;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::*;
use nix::sys::eventfd::EventFd;
use panthor_fake::File;
use panthor_sys::*;

fn notify(file: &File, handle: u32, eventfd: &EventFd) {
    let args = drm_syncobj_eventfd { handle, fd: eventfd.as_raw_fd(), ..zeroed() };
    ok(file, DRM_IOCTL_SYNCOBJ_EVENTFD, args);
}

fn signal(file: &File, handle: u32) {
    let handles = [handle];
    let handles = handles.as_ptr() as u64;
    ok(file, DRM_IOCTL_SYNCOBJ_SIGNAL, drm_syncobj_array { handles, count_handles: 1, pad: 0 });
}

/// The counter of a blocking eventfd is full at the moment of the signal, and is not read before
/// the signal returns.
#[test]
fn a_counter_that_another_thread_fills_blocks_no_signal() {
    const ROUNDS: u64 = 20_000;

    let device = device();
    let file = device.open();
    let eventfd = EventFd::new().unwrap();
    let (meet, round) = (Barrier::new(2), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while round.load(Ordering::Relaxed) < ROUNDS {
                std::thread::sleep(Duration::from_millis(10));
                if start.elapsed() > Duration::from_secs(60) {
                    eprintln!("a signal hangs in round {}", round.load(Ordering::Relaxed));
                    std::process::abort();
                }
            }
        });
        scope.spawn(|| {
            for delay in 0..ROUNDS {
                meet.wait();
                (0..(delay * 7) % 2048).for_each(|_| std::hint::spin_loop());
                // Waits for the main thread to read if the signal came first.
                eventfd.write(u64::MAX - 1).unwrap();
                meet.wait();
            }
        });
        for done in 1..=ROUNDS {
            let syncobj = syncobj(&file);
            notify(&file, syncobj, &eventfd);
            meet.wait();
            signal(&file, syncobj);
            if eventfd.read().unwrap() == 1 {
                assert_eq!(eventfd.read(), Ok(u64::MAX - 1));
            }
            meet.wait();
            close_syncobj(&file, syncobj);
            round.store(done, Ordering::Relaxed);
        }
    });
}

fn close_syncobj(file: &File, handle: u32) {
    ok(file, DRM_IOCTL_SYNCOBJ_DESTROY, drm_syncobj_destroy { handle, pad: 0 });
}
