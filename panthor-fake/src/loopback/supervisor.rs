//! The threads that answer notifications.
//!
//! One at a time receives. When it is about to sleep for a program, it starts another that goes on in its place,
//! and ends when the program has its answer: so a blocking wait blocks its caller only. Whoever takes long without
//! sleeping by intent, because the memory of a program is slow or there is much of it, has another started by a watch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::libc;

use super::calls::answer;
use super::error::Error;
use super::listener::{Answer, Listener};
use super::turns::Turns;
use super::world::World;
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

    /// Waits a moment for those that are about to end.
    pub(super) fn settle(&self) {
        for _ in 0..100 {
            if lock(&self.0).iter().all(JoinHandle::is_finished) {
                return self.join();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
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

/// Lets another thread receive, once.
pub(super) struct HandOver<'a> {
    supervisor: &'a Arc<Supervisor>,
    turn: u64,
}

impl Supervisor {
    /// Starts to serve. It ends with the last thread that has the filter.
    pub(super) fn start(
        world: Arc<World>,
        listener: Listener,
        threads: Threads,
    ) -> std::result::Result<(), Error> {
        let supervisor = Arc::new(Self { world, listener, threads, turns: Turns::default() });
        let watch = supervisor.clone();
        let thread = std::thread::Builder::new().name("panthor-watch".into());
        thread
            .spawn(move || watch.turns.watch(|| watch.spawn()))
            .and_then(|watch| {
                let started = supervisor.spawn();
                if started.is_err() {
                    supervisor.turns.end_all();
                }
                supervisor.threads.add(watch);
                started
            })
            .map_err(|error| Error::new("start the supervisor's thread", "").because(error))
    }

    fn spawn(self: &Arc<Self>) -> std::io::Result<()> {
        let supervisor = self.clone();
        let thread = std::thread::Builder::new().name("panthor-serve".into());
        self.threads.add(thread.spawn(move || supervisor.serve())?);
        Ok(())
    }

    fn serve(self: Arc<Self>) {
        loop {
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
            let _ = catch_unwind(AssertUnwindSafe(|| self.world.reclaim_if_much()));
            if !self.turns.end(turn) {
                return;
            }
        }
    }
}

impl HandOver<'_> {
    /// To be called before the thread sleeps.
    ///
    /// # Errors
    /// `ENOMEM` if there can be no other thread.
    pub(super) fn now(&self) -> Result<()> {
        let supervisor = self.supervisor;
        supervisor.turns.hand_over(self.turn, || supervisor.spawn()).map_err(|_| Errno::NOMEM)
    }
}
