//! The threads that answer notifications.
//!
//! One at a time receives. Before it sleeps for a program, or works for long, it lets another go on in its place: so
//! a long call keeps its caller waiting and no other. A watch does the same for a call that is long unforeseen,
//! because the memory of a program is slow or a lock is taken.

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

/// What serves the threads under one filter.
#[derive(Debug)]
pub(super) struct Supervisor {
    world: Arc<World>,
    listener: Listener,
    threads: Threads,
    turns: Turns,
}

/// The threads that serve. They end by themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Threads {
    fn add(&self, thread: JoinHandle<()>) {
        let mut threads = lock(&self.0);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }

    /// Waits until all have ended, for that time at most; returns whether they have.
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

    /// Waits for all of them.
    pub(super) fn join(&self) {
        loop {
            let thread = lock(&self.0).pop();
            match thread {
                // It does not panic, but in a defect of the standard library.
                Some(thread) => drop(thread.join()),
                None => return,
            }
        }
    }
}

/// The stack of a thread. The address space may be limited.
const STACK: usize = 512 << 10;

/// Lets another thread receive, once.
pub(super) struct HandOver<'a> {
    supervisor: &'a Arc<Supervisor>,
    turn: u64,
}

impl Supervisor {
    /// Starts to serve. Serving ends with the last thread that has the filter.
    ///
    /// # Errors
    /// Why there cannot be enough threads: nothing is served then.
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
        // The first call that takes long finds a thread, whatever the limits are by then.
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

    /// Receives and answers, at first if the thread leads, and then whenever it has the lead.
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
            // The panic has printed its message. The program sees a broken device, and the others go on.
            call.answer(answered.unwrap_or(Answer::Error(Errno(libc::EIO))));
            let _ = catch_unwind(AssertUnwindSafe(|| self.reclaim_if_much(&hand_over)));
            leads = self.turns.end(turn) || self.turns.follow();
        }
    }

    /// Gives back memory of BOs that are gone, if there is much of it.
    fn reclaim_if_much(&self, hand_over: &HandOver<'_>) {
        if self.world.should_reclaim() {
            // Without another thread it is done here.
            let _ = hand_over.now();
            self.world.reclaim();
        }
    }
}

impl HandOver<'_> {
    /// Lets another thread receive, before this one sleeps or works for long.
    ///
    /// # Errors
    /// `ENOMEM` if there can be no other thread.
    pub(super) fn now(&self) -> Result<()> {
        let supervisor = self.supervisor;
        supervisor
            .turns
            .hand_over(self.turn, || supervisor.spawn_leader())
            .map_err(|_| Errno::NOMEM)
    }
}
