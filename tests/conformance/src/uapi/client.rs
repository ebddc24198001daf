//! A client that writes down what it asks and what is answered.

use std::ffi::c_void;
use std::fmt::{self, Write as _};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{Pid, gettid};

use super::kernel::{Capability, Kernel, Node, Trouble};
use super::memory::{Bad, CpuMap, UserMemory};
use super::show::{self, Show};
use super::wire::{self, Value, Wire};

/// A client of a kernel, with an open file to begin with.
pub struct Client<'a> {
    pub(super) kernel: &'a dyn Kernel,
    files: Vec<Option<Arc<dyn Node>>>,
    current: usize,
    pub memory: UserMemory,
    show: Show,
    text: String,
    /// Set to record nothing.
    quiet: bool,
    calls: u64,
}

impl<'a> Client<'a> {
    /// `any_model` leaves out what depends on the model of the GPU.
    pub fn new(kernel: &'a dyn Kernel, any_model: bool) -> Self {
        let file = kernel.open().expect("a render node that can be opened");
        Self {
            kernel,
            files: vec![Some(file.into())],
            current: 0,
            memory: UserMemory::new(),
            show: Show::new(any_model),
            text: String::new(),
            quiet: false,
            calls: 0,
        }
    }

    /// Closes all files and returns the recorded text.
    pub fn finish(mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Returns the text recorded so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the number of calls.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Writes a line of the case's own.
    pub fn note(&mut self, line: impl fmt::Display) {
        if !self.quiet {
            writeln!(self.text, "{line}").unwrap();
        }
    }

    /// Does something without writing it down.
    pub fn quietly<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.quiet, true);
        let result = work(self);
        self.quiet = before;
        result
    }

    /// Does something without a capability.
    pub fn without<T>(&mut self, capability: Capability, work: impl FnOnce(&mut Self) -> T) -> T {
        let name = capability.name();
        self.kernel.allow(capability, false).expect("to drop a capability");
        self.note(format_args!("without {name}"));
        let result = work(self);
        self.kernel.allow(capability, true).expect("to take a capability back");
        self.note(format_args!("with {name}"));
        result
    }

    // Files

    /// Opens the render node once more; calls go there from now on.
    pub fn open(&mut self) -> usize {
        self.add(self.kernel.open().expect("a render node that can be opened"), "open")
    }

    /// Opens the primary node; calls go there from now on.
    pub fn open_primary(&mut self) -> usize {
        self.add(
            self.kernel.open_primary().expect("a primary node that can be opened"),
            "open primary",
        )
    }

    fn add(&mut self, node: Box<dyn Node>, what: &str) -> usize {
        self.files.push(Some(node.into()));
        self.current = self.files.len() - 1;
        let file = self.current;
        self.note(format_args!("{what}: file {file}"));
        file
    }

    /// Calls go to this file from now on. The first is 0.
    pub fn on(&mut self, file: usize) {
        self.current = file;
        self.note(format_args!("on file {file}"));
    }

    /// Closes a file.
    pub fn close_file(&mut self, file: usize) {
        self.files[file] = None;
        self.note(format_args!("close file {file}"));
    }

    pub fn node(&self) -> &dyn Node {
        self.files[self.current].as_deref().expect("a file that is open")
    }

    /// Makes the next job of a queue fail, on devices where jobs do not fail by themselves.
    pub fn arrange(&mut self, group: u32, queue: u32, trouble: Trouble) {
        self.node().arrange(group, queue, trouble);
    }

    // Calls

    /// Issues a request with its structure.
    pub fn call<T: Wire>(&mut self, request: u32, arg: &mut T) -> i32 {
        self.calls += 1;
        let before = arg.fields();
        // SAFETY: the structure is writable, and the pointers of the cases lead only to memory that
        // the kernel may write.
        let result = unsafe { self.node().ioctl(request, (&raw mut *arg).cast()) };
        self.record(request, &before, result, &arg.fields());
        result
    }

    /// Issues a request that blocks, and does `work` while it does. It is written down after that.
    pub fn call_during<T: Wire + Send>(
        &mut self,
        request: u32,
        arg: &mut T,
        work: impl FnOnce(&mut Self),
    ) -> i32 {
        self.calls += 1;
        let before = arg.fields();
        let node = self.files[self.current].clone().expect("a file that is open");
        let result = std::thread::scope(|scope| {
            let (begin, begun) = std::sync::mpsc::channel();
            let argument = &mut *arg;
            let blocked = scope.spawn(move || {
                let _ = begin.send(gettid());
                // SAFETY: as in `call`.
                unsafe { node.ioctl(request, (&raw mut *argument).cast()) }
            });
            let thread = begun.recv().expect("a thread that begins");
            while !is_asleep(thread) {
                std::thread::sleep(Duration::from_millis(1));
            }
            work(self);
            blocked.join().expect("a call")
        });
        self.record(request, &before, result, &arg.fields());
        result
    }

    /// Issues a request that must succeed.
    #[track_caller]
    pub fn must<T: Wire>(&mut self, request: u32, mut arg: T) -> T {
        let result = self.call(request, &mut arg);
        let name = wire::name(request);
        assert!(result >= 0, "{name} failed: {}\n{}", show::result(result), self.text);
        arg
    }

    /// Issues a request on a descriptor that came from the file.
    pub fn descriptor_call<T: Wire>(&mut self, fd: i32, request: u32, arg: &mut T) -> i32 {
        self.calls += 1;
        let before = arg.fields();
        // SAFETY: as in `call`.
        let result = unsafe { self.node().descriptor_ioctl(fd, request, (&raw mut *arg).cast()) };
        self.record(request, &before, result, &arg.fields());
        result
    }

    /// Issues a request on a descriptor with its argument at a bad address.
    pub fn descriptor_at(&mut self, fd: i32, request: u32, bad: Bad) -> i32 {
        self.calls += 1;
        let address = self.memory.address(bad) as usize as *mut c_void;
        // SAFETY: as in `at`.
        let result = unsafe { self.node().descriptor_ioctl(fd, request, address) };
        self.note(format_args!("{} at {bad:?} = {}", wire::name(request), show::result(result)));
        result
    }

    fn record(
        &mut self,
        request: u32,
        before: &[(String, Value)],
        result: i32,
        after: &[(String, Value)],
    ) {
        let (name, given) = (wire::name(request), show::fields(&mut self.show, before));
        let changes = show::changes(&mut self.show, before, after);
        self.note(format_args!("{name}{given} = {}{changes}", show::result(result)));
    }

    /// Issues a request with an argument of any bytes.
    pub fn bytes(&mut self, request: u32, arg: &mut [u8]) -> i32 {
        self.calls += 1;
        let before = arg.to_vec();
        // SAFETY: as in `call`; the argument is as long as its callers' requests say.
        let result = unsafe { self.node().ioctl(request, arg.as_mut_ptr().cast()) };
        let name = wire::name(request);
        let changes = if *arg == before { String::new() } else { format!(" -> {}", hex(arg)) };
        self.note(format_args!("{name} {} = {}{changes}", hex(&before), show::result(result)));
        result
    }

    /// Issues a request with the argument at a bad address.
    pub fn at(&mut self, request: u32, bad: Bad) -> i32 {
        self.calls += 1;
        let address = self.memory.address(bad) as usize as *mut c_void;
        // SAFETY: nothing of the program's is there but the memory that is for this.
        let result = unsafe { self.node().ioctl(request, address) };
        self.note(format_args!("{} at {bad:?} = {}", wire::name(request), show::result(result)));
        result
    }

    /// Writes down structures that a call filled in, or is about to read.
    pub fn show<T: Wire>(&mut self, what: &str, items: &[T]) {
        for item in items {
            let fields = show::fields(&mut self.show, &item.fields());
            self.note(format_args!("  {what}{fields}"));
        }
    }

    /// Numbers the next mmap offsets as new ones: a kernel may reuse the offsets of closed BOs.
    pub fn forget_offsets(&mut self) {
        self.show.forget_offsets();
    }

    /// Records a descriptor of the client's own and numbers it like the descriptors that calls
    /// return.
    pub fn know(&mut self, fd: i32) {
        let told = self.show.returned(Value::Fd(fd.into()));
        self.note(format_args!("descriptor {told}"));
    }

    /// Takes a descriptor that a call gave away.
    pub fn own(&mut self, fd: i32) -> OwnedFd {
        assert!(fd >= 0, "no descriptor: {fd}\n{}", self.text);
        // SAFETY: the kernel just made the descriptor for the client, and it has no other owner.
        unsafe { OwnedFd::from_raw_fd(fd) }
    }

    /// Returns the name of a descriptor that no ioctl on the node returned.
    pub fn introduce(&mut self, fd: i32) -> String {
        self.show.returned(Value::Fd(fd.into()))
    }

    /// Returns the name of a descriptor.
    pub fn called(&mut self, fd: i32) -> String {
        self.show.given(Value::Fd(fd.into()))
    }

    /// Memory that another driver shares.
    pub fn foreign_dma_buf(&mut self, size: u64) -> OwnedFd {
        let fd = self.kernel.foreign_dma_buf(size).expect("foreign memory");
        let name = self.introduce(fd.as_raw_fd());
        self.note(format_args!("foreign dma-buf of {size:#x} bytes: {name}"));
        fd
    }

    /// Maps the node; a positive error number if it cannot.
    pub fn map_node(&mut self, len: u64, writable: bool, offset: u64) -> Result<CpuMap, i32> {
        self.calls += 1;
        let mapped = self.node().map(len as usize, writable, offset);
        let (access, at) =
            (if writable { "rw" } else { "r" }, self.show.given(Value::Offset(offset)));
        let result = mapped.as_ref().map_or_else(|&errno| show::result(-errno), |_| "ok".into());
        self.note(format_args!("mmap {access} {len:#x} at {at} = {result}"));
        mapped.map(|memory| CpuMap::new(memory, len as usize))
    }
}

/// Returns whether a thread of this program sleeps or has ended.
fn is_asleep(thread: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    // The state comes after the name, which is in parentheses.
    stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S')))
}

fn hex(bytes: &[u8]) -> String {
    let shown = bytes.iter().take(64).map(|byte| format!("{byte:02x}"));
    let more = if bytes.len() > 64 { "…" } else { "" };
    shown.collect::<String>() + more
}
