//! Cases: the steps of a client, described once, and the conditions under which a case is skipped.

use std::time::{Duration, Instant};

use crate::uapi::client::Client;
use crate::uapi::kernel::{Kernel, Linux};

type Steps = Box<dyn Fn(&mut Client<'_>) + Send + Sync>;

/// Steps of a client.
pub struct Case {
    /// Group, a slash, and what it is about.
    pub name: String,
    steps: Steps,
    needs_jobs: bool,
    needs_held_jobs: bool,
    needs_foreign_memory: bool,
    left_out: Vec<(Linux, &'static str)>,
}

impl Case {
    /// Skips the case where jobs of groups do not complete.
    pub fn needs_jobs(&mut self) -> &mut Self {
        self.needs_jobs = true;
        self
    }

    /// Skips the case where jobs cannot be held midway.
    pub fn needs_held_jobs(&mut self) -> &mut Self {
        self.needs_held_jobs = true;
        self.needs_jobs()
    }

    /// Skips the case where no other device makes dma-bufs.
    pub fn needs_foreign_memory(&mut self) -> &mut Self {
        self.needs_foreign_memory = true;
        self
    }

    /// Skips the case on that kernel, and on the fake that simulates it.
    pub fn not_on(&mut self, linux: Linux, reason: &'static str) -> &mut Self {
        self.left_out.push((linux, reason));
        self
    }

    /// Returns whether the case applies to a kernel.
    pub fn is_for(&self, linux: Linux) -> bool {
        !self.left_out.iter().any(|&(not, _)| not == linux)
    }

    /// Returns the kernels that skip the case, with the reasons.
    pub fn left_out(&self) -> &[(Linux, &'static str)] {
        &self.left_out
    }

    /// Returns whether a kernel has all that the case needs.
    pub fn can_run(&self, kernel: &dyn Kernel) -> bool {
        (!self.needs_jobs || kernel.jobs_run())
            && (!self.needs_held_jobs || kernel.jobs_can_be_held())
            && (!self.needs_foreign_memory || kernel.foreign_dma_buf(4096).is_ok())
    }

    /// Runs it: what was asked and answered, and what is mapped in the end.
    pub fn transcript(&self, kernel: &dyn Kernel, any_model: bool) -> Answers {
        wait_for_silence(kernel);
        let mut client = Client::new(kernel, any_model);
        (self.steps)(&mut client);
        client.mappings();
        Answers { calls: client.calls(), text: client.finish() }
    }
}

/// Answers that a client recorded.
#[derive(PartialEq, Eq, Debug)]
pub struct Answers {
    pub text: String,
    /// Number of calls.
    pub calls: u64,
}

/// Waits until the VMs of those before are gone, which takes the kernel a moment.
pub fn wait_for_silence(kernel: &dyn Kernel) {
    let patience = Instant::now() + Duration::from_secs(10);
    while kernel.address_spaces().is_some_and(|spaces| !spaces.is_empty()) {
        assert!(Instant::now() < patience, "VMs of an earlier client stay");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Cases in the making.
#[derive(Default)]
pub struct Cases {
    group: &'static str,
    all: Vec<Case>,
}

impl Cases {
    /// Sets the group of the following cases.
    pub fn group(&mut self, group: &'static str) {
        self.group = group;
    }

    /// Adds a case. Its name says what is tried, in words with `_` between them.
    pub fn add(
        &mut self,
        name: impl AsRef<str>,
        steps: impl Fn(&mut Client<'_>) + Send + Sync + 'static,
    ) -> &mut Case {
        self.all.push(Case {
            name: format!("{}/{}", self.group, name.as_ref()),
            steps: Box::new(steps),
            needs_jobs: false,
            needs_held_jobs: false,
            needs_foreign_memory: false,
            left_out: Vec::new(),
        });
        self.all.last_mut().expect("the one just added")
    }

    pub fn finish(self) -> Vec<Case> {
        self.all
    }
}
