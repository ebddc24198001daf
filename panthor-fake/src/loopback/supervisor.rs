//! Threads that answer seccomp notifications.
//!
//! One thread at a time, the leader, receives notifications. Before it sleeps for a program or
//! works for long, another thread takes the lead. So a long call delays its own caller only. A
//! watch thread replaces a leader that takes long unexpectedly, for example because the memory of a
//! program is slow or a lock is taken.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::libc;

use super::calls::answer;
use super::error::Error;
use super::listener::{Answer, Listener};
use super::turns::Turns;
use super::world::World;
use crate::call::budget;
use crate::call::errno::{Errno, Result};
use crate::lock::lock;

/// Supervisor of the threads under one filter.
#[derive(Debug)]
pub(super) struct Supervisor {
    world: Arc<World>,
    listener: Listener,
    threads: Threads,
    turns: Turns,
}

/// Threads of the supervisor. They end when no thread has the filter.
#[derive(Clone, Debug, Default)]
pub(super) struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Threads {
    fn add(&self, thread: JoinHandle<()>) {
        let mut threads = lock(&self.0);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }

    /// Waits until all threads have ended, at most for `within`; returns whether they have ended.
    pub(super) fn settle(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while !lock(&self.0).iter().all(JoinHandle::is_finished) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.join();
        true
    }

    /// Waits until all threads have ended.
    pub(super) fn join(&self) {
        loop {
            let thread = lock(&self.0).pop();
            match thread {
                // The threads catch their panics, so that the result carries no information.
                Some(thread) => drop(thread.join()),
                None => return,
            }
        }
    }
}

/// Stack size of each thread in bytes. It is small, because `RLIMIT_AS` may be low.
const STACK: usize = 512 << 10;

/// Permission of one call to make another thread the leader.
pub(super) struct HandOver<'a> {
    supervisor: &'a Arc<Supervisor>,
    turn: u64,
}

impl Supervisor {
    /// Starts the threads. They end when no thread has the filter.
    ///
    /// # Errors
    /// Returns the reason why the system refused a thread. No thread serves then.
    pub(super) fn start(
        world: Arc<World>,
        listener: Listener,
        threads: Threads,
    ) -> std::result::Result<(), Error> {
        let supervisor = Arc::new(Self { world, listener, threads, turns: Turns::default() });
        supervisor.spawn_all().map_err(|error| {
            supervisor.turns.end_all();
            let help = "raise RLIMIT_NPROC or RLIMIT_AS, or the limit of tasks of the cgroup";
            Error::new("start the supervisor's threads", help).because(error)
        })
    }

    fn spawn_all(self: &Arc<Self>) -> io::Result<()> {
        self.spawn("panthor-watch", |it| it.turns.watch(|| it.spawn_leader()))?;
        // A spare thread serves the first long call even if a limit forbids new threads later.
        self.spawn("panthor-serve", |it| it.serve(false))?;
        self.spawn_leader()
    }

    fn spawn_leader(self: &Arc<Self>) -> io::Result<()> {
        self.spawn("panthor-serve", |it| it.serve(true))
    }

    fn spawn(
        self: &Arc<Self>,
        name: &str,
        work: impl FnOnce(Arc<Self>) + Send + 'static,
    ) -> io::Result<()> {
        if !budget::has_room(STACK as u64) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let supervisor = self.clone();
        let thread = std::thread::Builder::new().name(name.into()).stack_size(STACK);
        self.threads.add(thread.spawn(move || work(supervisor))?);
        Ok(())
    }

    /// Receives and answers notifications while the thread leads; waits for the lead otherwise.
    fn serve(self: Arc<Self>, leads: bool) {
        let mut leads = leads || self.turns.follow();
        while leads {
            let call = match self.listener.receive() {
                Ok(Some(call)) => call,
                Ok(None) => return self.turns.end_all(),
                Err(error) => {
                    eprintln!("panthor-fake: cannot receive notifications any more: {error}");
                    return self.turns.end_all();
                }
            };
            let turn = self.turns.begin();
            let hand_over = HandOver { supervisor: &self, turn };
            let answered =
                catch_unwind(AssertUnwindSafe(|| answer(&self.world, &call, &hand_over)));
            // The panic message is printed already. This call fails with `EIO`, and later calls
            // work.
            call.answer(answered.unwrap_or(Answer::Error(Errno(libc::EIO))));
            let _ = catch_unwind(AssertUnwindSafe(|| self.reclaim_if_much(&hand_over)));
            leads = self.turns.end(turn) || self.turns.follow();
        }
    }

    /// Releases memory of destroyed BOs if their total is large.
    fn reclaim_if_much(&self, hand_over: &HandOver<'_>) {
        if self.world.should_reclaim() {
            // If no other thread can lead, this thread still does the work.
            let _ = hand_over.now();
            self.world.reclaim();
        }
    }
}

impl HandOver<'_> {
    /// Makes another thread the leader, before this thread sleeps or works for long.
    ///
    /// # Errors
    /// `ENOMEM` if no other thread is available.
    pub(super) fn now(&self) -> Result<()> {
        let supervisor = self.supervisor;
        supervisor
            .turns
            .hand_over(self.turn, || supervisor.spawn_leader())
            .map_err(|_| Errno::NOMEM)
    }
}
