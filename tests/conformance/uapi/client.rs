//! A client that writes down what it asks and what is answered.

use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt::{self, Write as _};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::unistd::{Pid, gettid};

use super::kernel::{Kernel, Mapped, Memory, Node, Trouble};
use super::memory::{Bad, UserMemory};
use super::show::{self, Show};
use super::wire::{self, Value, Wire};

/// A client of a kernel, with an open file to begin with.
pub struct Client<'a> {
    kernel: &'a dyn Kernel,
    files: Vec<Option<Arc<dyn Node>>>,
    current: usize,
    pub memory: UserMemory,
    show: Show,
    text: String,
    /// Nothing is written down.
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

    /// What was written down; all files are closed.
    pub fn finish(mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// What was written down so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many calls there were.
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

    /// Has the next job of a queue end badly where nothing does by itself.
    pub fn arrange(&mut self, group: u32, queue: u32, trouble: Trouble) {
        self.node().arrange(group, queue, trouble);
    }

    // Calls

    /// Issues a request with its structure.
    pub fn call<T: Wire>(&mut self, request: u32, arg: &mut T) -> i32 {
        self.calls += 1;
        let before = arg.fields();
        // SAFETY: the structure is writable, and the cases put nothing behind its pointers that they
        // do not expect to be written.
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

    /// Issues a request whose argument is at a bad address.
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

    /// Takes the next mmap offsets for new ones: a kernel uses those of BOs that are gone again, if it likes.
    pub fn forget_offsets(&mut self) {
        self.show.forget_offsets();
    }

    /// Tells a descriptor of the client's own by its order, as those that calls give away.
    pub fn know(&mut self, fd: i32) {
        let told = self.show.returned(Value::Fd(fd.into()));
        self.note(format_args!("descriptor {told}"));
    }

    /// Takes a descriptor that a call gave away.
    pub fn own(&mut self, fd: i32) -> OwnedFd {
        assert!(fd >= 0, "no descriptor: {fd}\n{}", self.text);
        // SAFETY: it was just made for the client, and nobody else closes it.
        unsafe { OwnedFd::from_raw_fd(fd) }
    }

    /// What a descriptor is called that no ioctl on the node gave away.
    pub fn introduce(&mut self, fd: i32) -> String {
        self.show.returned(Value::Fd(fd.into()))
    }

    /// What a descriptor is called.
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
        mapped.map(|memory| CpuMap { memory, len: len as usize })
    }

    // Mappings of VMs

    /// Writes down what all VMs have mapped, with objects numbered as they appear. It is left out where
    /// the kernel does not tell.
    pub fn mappings(&mut self) {
        let Some(spaces) = self.spaces(None, Duration::ZERO) else { return };
        for line in lines(&spaces) {
            self.note(line);
        }
    }

    /// What all VMs have mapped, with objects numbered as they appear.
    ///
    /// What is being destroyed goes when the kernel gets to it: there is so much time for what is
    /// wanted to come about.
    pub fn spaces(&self, wanted: Option<&Spaces>, patience: Duration) -> Option<Spaces> {
        let start = Instant::now();
        loop {
            let mut spaces = self.kernel.address_spaces()?;
            number_objects(&mut spaces);
            if wanted.is_none_or(|wanted| *wanted == spaces) || start.elapsed() > patience {
                return Some(spaces);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// The number of mappings of all VMs, if the kernel tells.
    pub fn mapping_count(&self) -> Option<usize> {
        self.kernel.address_spaces().map(|spaces| spaces.iter().map(Vec::len).sum())
    }

    /// The number of VMs that are there, if the kernel tells.
    pub fn vm_count(&self) -> Option<usize> {
        self.kernel.address_spaces().map(|spaces| spaces.len())
    }

    /// Waits until the VMs of files that were closed are gone, which takes the kernel a moment.
    pub fn until_no_vm_is_left(&mut self) {
        self.until_vms_are_left(0);
    }

    /// Waits until there are no more VMs than that: the driver frees them a moment after their last
    /// operation.
    pub fn until_vms_are_left(&mut self, count: usize) {
        self.until("VMs stay", |spaces| spaces.len() <= count);
    }

    /// Waits until all VMs together have no more mappings than that: those of groups go a moment after them.
    pub fn until_mappings_are_left(&mut self, count: usize) {
        self.until("mappings stay", |spaces| spaces.iter().map(Vec::len).sum::<usize>() <= count);
    }

    /// Waits until what VMs have mapped is as it should be, where the kernel tells.
    fn until(&mut self, trouble: &str, done: impl Fn(&[Vec<Mapped>]) -> bool) {
        let patience = Instant::now() + Duration::from_secs(10);
        while self.kernel.address_spaces().is_some_and(|spaces| !done(&spaces)) {
            assert!(Instant::now() < patience, "{trouble}\n{}", self.text);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Whether a thread of this program sleeps, or has ended.
fn is_asleep(thread: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    // The state comes after the name, which is in parentheses.
    stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S')))
}

/// What VMs have mapped.
pub type Spaces = Vec<Vec<Mapped>>;

fn number_objects(spaces: &mut Spaces) {
    let mut objects = HashMap::new();
    for mapped in spaces.iter_mut().flatten() {
        let next = objects.len() as u64;
        mapped.object = *objects.entry(mapped.object).or_insert(next);
    }
}

/// A line for each VM and each mapping.
pub fn lines(spaces: &Spaces) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, space) in spaces.iter().enumerate() {
        lines.push(format!("VM {number}: {} mappings", space.len()));
        for Mapped { va, size, object, offset } in space {
            lines.push(format!("  {va:#x} +{size:#x} object {object} @{offset:#x}"));
        }
    }
    lines
}

fn hex(bytes: &[u8]) -> String {
    let shown = bytes.iter().take(64).map(|byte| format!("{byte:02x}"));
    let more = if bytes.len() > 64 { "…" } else { "" };
    shown.collect::<String>() + more
}

/// Memory of a node that the CPU sees.
pub struct CpuMap {
    memory: Box<dyn Memory>,
    len: usize,
}

impl CpuMap {
    fn at(&self, offset: u64) -> *mut u32 {
        assert!(offset % 4 == 0 && offset as usize + 4 <= self.len, "beyond the mapping");
        self.memory.start().wrapping_add(offset as usize).cast()
    }

    pub fn load(&self, offset: u64) -> u32 {
        // SAFETY: in the mapping and aligned; volatile, as others may write there.
        unsafe { self.at(offset).read_volatile() }
    }

    pub fn store(&self, offset: u64, value: u32) {
        // SAFETY: as above; the cases store to what they have mapped for writing.
        unsafe { self.at(offset).write_volatile(value) }
    }
}
