//! Speedup by a second CPU: two threads on two VMs of one file, beside two processes that do the
//! same and share nothing.
//!
//! The processes are the control. The machine causes their loss: other guests of its host, a cache
//! or a core that the two CPUs have in common. The fake's locks and counters cause any further loss
//! of the threads.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::window::{Window, ascending};
use crate::{Effort, device};

/// Argument that makes this program a process of the control.
pub(crate) const WORKER: &str = "--worker";

/// Speedup of two at once over one: twice the time of one, divided by the time of two.
pub(crate) struct Scaling {
    /// Threads on two VMs of one file.
    pub(crate) threads: f64,
    /// Processes with a device each.
    pub(crate) processes: f64,
}

/// Runs of one, of two threads and of two processes take turns; each is compared with those of
/// its own round and the middle of all rounds counts, so a slow second of the machine hits both.
///
/// `None` where one CPU is all there is.
pub(crate) fn measure(effort: Effort) -> Option<Scaling> {
    if cpus().len() < 2 {
        return None;
    }
    // Short ones and many: the machine's speed changes from one tenth of a second to the next.
    let rounds = 16 * effort.rounds + 1;
    let mut all: Vec<Scaling> = (0..rounds).map(|_| round(effort)).collect();
    let mut middle = |of: fn(&Scaling) -> f64| {
        all.sort_by(|a, b| of(a).total_cmp(&of(b)));
        of(&all[rounds / 2])
    };
    Some(Scaling { threads: middle(|s| s.threads), processes: middle(|s| s.processes) })
}

fn round(effort: Effort) -> Scaling {
    let [one, two] = [1, 2].map(|threads| together(effort, threads).as_secs_f64());
    let [single, pair] = [1, 2].map(|processes| apart(effort, processes).as_secs_f64());
    Scaling { threads: 2.0 * one / two, processes: 2.0 * single / pair }
}

/// Returns the time of threads with a VM each on one file.
fn together(effort: Effort, threads: usize) -> Duration {
    let file = device().open();
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let run = |cpu| {
            let mut window = Window::new(&file, ascending);
            let barrier = &barrier;
            scope.spawn(move || {
                stay_on(cpu);
                window.fill(effort.sizes[0]);
                barrier.wait();
                timed(&mut window, effort)
            })
        };
        let threads: Vec<_> = cpus().into_iter().take(threads).map(run).collect();
        let times = threads.into_iter().map(|thread| thread.join().expect("a thread"));
        times.max().expect("at least one thread")
    })
}

/// Returns the CPUs that this thread may use.
fn cpus() -> Vec<usize> {
    let set = sched_getaffinity(None).expect("the CPUs of this thread");
    (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
}

/// Keeps the calling thread on one CPU: left alone, the kernel lets two threads that were woken
/// together share one for some milliseconds before it moves one of them.
fn stay_on(cpu: usize) {
    let mut one = CpuSet::new();
    one.set(cpu);
    sched_setaffinity(None, &one).expect("a CPU that this thread may use");
}

fn timed(window: &mut Window, effort: Effort) -> Duration {
    let start = Instant::now();
    window.round(effort.batches);
    start.elapsed()
}

/// Returns the time of processes with a device each.
fn apart(effort: Effort, processes: usize) -> Duration {
    let mut workers: Vec<Child> =
        cpus().into_iter().take(processes).map(|cpu| worker(effort, cpu)).collect();
    let mut outputs: Vec<_> = workers
        .iter_mut()
        .map(|worker| BufReader::new(worker.stdout.take().expect("its output")))
        .collect();
    for output in &mut outputs {
        output.read_line(&mut String::new()).expect("a worker that is ready");
    }
    for worker in &mut workers {
        // Closing its input is the sign to start.
        drop(worker.stdin.take());
    }
    let nanoseconds = outputs.iter_mut().map(|output| {
        let mut line = String::new();
        output.read_line(&mut line).expect("a worker's time");
        line.trim().parse().expect("nanoseconds")
    });
    let slowest = Duration::from_nanos(nanoseconds.max().expect("at least one process"));
    for mut worker in workers {
        assert!(worker.wait().expect("the end of a worker").success());
    }
    slowest
}

fn worker(effort: Effort, cpu: usize) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command
        .arg(WORKER)
        .arg(cpu.to_string())
        .args(effort.flag)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command.spawn().expect("this program once more")
}

/// Runs a process of the control: prepares, reports readiness, waits for the end of its input,
/// prints its time in nanoseconds.
pub(crate) fn work(effort: Effort, cpu: usize) {
    stay_on(cpu);
    let mut window = Window::new(&device().open(), ascending);
    window.fill(effort.sizes[0]);
    let mut stdout = std::io::stdout();
    writeln!(stdout, "ready").expect("standard output");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("standard input");
    let time = timed(&mut window, effort);
    writeln!(stdout, "{}", time.as_nanos()).expect("standard output");
}
