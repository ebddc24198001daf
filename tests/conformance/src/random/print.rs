//! A program as a case, to be pasted below `cases`.

use std::fmt::Write as _;

use crate::uapi::memory::Bad;
use crate::uapi::wire::Field;

use super::program::{Arg, Array, Call, FileId, Program, Slot, Step};
use super::requests::{GROUP_CREATE, GROUP_DESTROY, SYNC_FILE_INFO, is_descriptor};
use super::settle::{is_of_burst, is_submission};
use super::values::{Values, View};

/// Returns the text of a case with that name.
pub fn case(name: &str, program: &Program) -> String {
    let mut printer = Printer { program, text: String::new(), current: 0, pending: Vec::new() };
    writeln!(printer.text, "    cases.add(\"{name}\", |c| {{").unwrap();
    for (index, step) in program.steps.iter().enumerate() {
        if !is_of_burst(step, &Values::new()) {
            printer.settle();
        }
        printer.step(index, step);
    }
    printer.settle();
    printer.text += "    });\n";
    printer.text
}

struct Printer<'a> {
    program: &'a Program,
    text: String,
    current: FileId,
    /// Calls that wait for what is done asynchronously.
    pending: Vec<(FileId, String)>,
}

impl Printer<'_> {
    fn line(&mut self, line: impl AsRef<str>) {
        writeln!(self.text, "        {}", line.as_ref()).unwrap();
    }

    fn on(&mut self, file: FileId) {
        if self.current != file {
            self.current = file;
            let file = self.number(file);
            self.line(format!("c.on({file});"));
        }
    }

    /// Returns the client's number of a file: files are numbered in the order of opening.
    fn number(&self, file: FileId) -> usize {
        let opened = self.program.steps.iter().filter_map(|step| match step {
            Step::Open(file) | Step::OpenPrimary(file) => Some(*file),
            _ => None,
        });
        1 + opened.clone().position(|known| known == file).unwrap_or(0) - usize::from(file == 0)
    }

    fn settle(&mut self) {
        for (file, call) in std::mem::take(&mut self.pending) {
            self.on(file);
            self.line(call);
        }
    }

    fn step(&mut self, index: usize, step: &Step) {
        match step {
            Step::Open(file) => {
                self.current = *file;
                self.line("c.open();");
            }
            Step::OpenPrimary(file) => {
                self.current = *file;
                self.line("c.open_primary();");
            }
            Step::CloseFile(file) => {
                let file = self.number(*file);
                self.line(format!("c.close_file({file});"));
            }
            Step::Call(call) => self.call(index, call),
            Step::Eventfd(slot) => {
                self.line(format!(
                    "let owned{slot} = eventfd(0, EventfdFlags::NONBLOCK).unwrap();"
                ));
                self.line(format!("let fd{slot} = owned{slot}.as_raw_fd();"));
                self.line(format!("c.know(fd{slot});"));
            }
            Step::ReadEventfd(slot) => {
                self.line("let mut count = [0; 8];");
                self.line(format!("let result = rustix::io::read(&owned{slot}, &mut count);"));
                self.line("c.note(format_args!(\"{result:?} {count:?}\"));");
            }
            Step::CloseFd(slot) => self.line(format!("drop(owned{slot});")),
            Step::Poll(slot) => {
                self.line(format!("owned{slot}.iter().for_each(|fd| c.readable(fd));"))
            }
            Step::SetName(step) => {
                self.on(step.file);
                let (slot, name) = (step.on, "n".repeat(step.len));
                self.line(format!("c.name_dma_buf(fd{slot}, DMA_BUF_SET_NAME_B, \"{name}\");"));
            }
            Step::Unique(file, room) => {
                self.on(*file);
                self.line(format!("c.unique({room});"));
            }
            Step::Plain(plain) => {
                self.on(plain.file);
                self.line(format!(
                    "c.bytes({:#x}, &mut [{}; {}]);",
                    plain.request, plain.byte, plain.len
                ));
            }
            Step::MapNode(map) => {
                self.on(map.file);
                let offset = self.expression(&map.offset, 8, false);
                self.line(format!(
                    "let _ = c.map_node({:#x}, {}, {offset});",
                    map.len, map.writable
                ));
            }
            Step::Look => self.line("c.mappings();"),
        }
    }

    fn call(&mut self, index: usize, call: &Call) {
        self.on(call.file);
        let request = call.request;
        let prefix = format!("{index}");
        let fields = self.fields(&prefix, &call.fields, request.layout);
        let mutable = format!("let mut args = {} {{ {fields} }};", request.ty);
        self.line(mutable);
        let issue = match call.on {
            Some(slot) => format!("c.descriptor_call(fd{slot}, {}, &mut args)", request.name),
            None => format!("c.call({}, &mut args)", request.name),
        };
        match (call.gives.filter(|&slot| self.is_used(slot)), request.gives) {
            (Some(slot), Some(field)) if is_descriptor(field) => {
                self.line(format!(
                    "let owned{slot} = ({issue} == 0).then(|| c.own(args.{field}));"
                ));
                self.line(format!(
                    "let fd{slot} = owned{slot}.as_ref().map_or(-1, |fd| fd.as_raw_fd());"
                ));
            }
            (Some(slot), Some(field)) => {
                self.line(format!("{issue};"));
                self.line(format!("let given{slot} = args.{field};"));
            }
            _ => self.line(format!("{issue};")),
        }
        if *request == SYNC_FILE_INFO {
            self.line("c.file_names(&args, &[]);");
        }
        if [&GROUP_CREATE, &GROUP_DESTROY].contains(&request) {
            self.line("c.mappings();");
        }
        self.wait_later(call);
    }

    fn wait_later(&mut self, call: &Call) {
        let none = Values::new();
        let view = View::new(&call.fields, call.request.layout, &none);
        if !is_submission(&Step::Call(call.clone()), &none) {
            return;
        }
        let of = |name| view.arg(name).cloned().unwrap_or(Arg::Number(0));
        let mut calls = Vec::new();
        if view.arg("vm_id").is_some() {
            calls.push(format!("c.settle({});", self.expression(&of("vm_id"), 4, false)));
        } else {
            let group = self.expression(&of("group_handle"), 4, false);
            for job in view.items("queue_submits") {
                calls.push(format!("c.settle_queue({group}, {});", job.number("queue_index")));
            }
        }
        for wait in calls {
            let wait = (call.file, wait);
            if !self.pending.contains(&wait) {
                self.pending.push(wait);
            }
        }
    }

    fn is_used(&self, slot: Slot) -> bool {
        let text = format!("{:?}", self.program);
        let used = ["Slot", "CloseFd", "Poll", "on: Some"].map(|by| format!("{by}({slot})"));
        used.iter().any(|used| text.contains(used)) || text.contains(&format!("on: {slot},"))
    }

    /// Returns the fields of a structure. Prints the memory behind their pointers first.
    fn fields(&mut self, prefix: &str, fields: &[(&str, Arg)], layout: &[Field]) -> String {
        let mut parts = Vec::new();
        for (name, arg) in fields {
            let &(_, _, size) =
                layout.iter().find(|(known, ..)| known == name).expect("a field of the structure");
            let variable = format!("{}_{prefix}", name.trim_end_matches('_'));
            let value = match arg {
                Arg::Array(array) => self.array(&variable, array),
                Arg::Words(words) => {
                    let all: Vec<_> =
                        words.iter().map(|arg| self.expression(arg, 4, false)).collect();
                    self.line(format!("let {variable}: [u32; _] = [{}];", all.join(", ")));
                    format!("address(&{variable})")
                }
                Arg::Longs(longs) => {
                    let all: Vec<_> =
                        longs.iter().map(|arg| self.expression(arg, 8, false)).collect();
                    self.line(format!("let {variable}: [u64; _] = [{}];", all.join(", ")));
                    format!("address(&{variable})")
                }
                Arg::Answers(count) => {
                    self.line(format!("let mut {variable} = [u64::MAX; {count}];"));
                    format!("address_mut(&mut {variable})")
                }
                Arg::Room => {
                    self.line(format!("let mut {variable} = [0_u64; 1024];"));
                    format!("address_mut(&mut {variable})")
                }
                Arg::Text(text) if size > 8 => format!("name(\"{text}\")"),
                Arg::Text(text) => {
                    self.line(format!("let {variable} = \"{text}\\0\";"));
                    format!("address({variable})")
                }
                Arg::Bad(bad) => format!("c.memory.address({})", bad_address(*bad)),
                Arg::Number(_) | Arg::Slot(_) => {
                    let signed =
                        is_descriptor(name) || *name == "timeout_nsec" || name.starts_with("drm_d");
                    self.expression(arg, size, signed)
                }
            };
            parts.push(if *name == value { value } else { format!("{name}: {value}") });
        }
        if fields.len() < layout.len() {
            parts.push("..zeroed()".into());
        }
        parts.join(", ")
    }

    fn array(&mut self, variable: &str, array: &Array) -> String {
        let natural = array.element.size as u32;
        let items: Vec<_> = array
            .items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let fields =
                    self.fields(&format!("{variable}_{index}"), item, array.element.layout);
                format!("{} {{ {fields} }}", array.element.ty)
            })
            .collect();
        let (stride, count) = (array.stride, array.items.len());
        if let Some(bad) = array.bad {
            let bad = bad_address(bad);
            return format!(
                "drm_panthor_obj_array {{ stride: {stride}, count: {count}, array: c.memory.address({bad}) }}"
            );
        }
        self.line(format!("let {variable}: [{}; _] = [{}];", array.element.ty, items.join(", ")));
        if stride == natural {
            return format!("array(&{variable})");
        }
        self.line(format!(
            "let {variable} = spread(&{variable}.each_ref().map(bytemuck::bytes_of), {stride});"
        ));
        format!(
            "drm_panthor_obj_array {{ stride: {stride}, count: {count}, array: address(&{variable}[..]) }}"
        )
    }

    /// Returns the expression of a number with this many bytes.
    fn expression(&self, arg: &Arg, size: usize, signed: bool) -> String {
        match arg {
            Arg::Slot(slot) => {
                let giver = self.program.steps.iter().find_map(|step| match step {
                    Step::Call(call) if call.gives == Some(*slot) => call.request.gives,
                    Step::Eventfd(known) if known == slot => Some("fd"),
                    _ => None,
                });
                match giver {
                    Some(field) if is_descriptor(field) => format!("fd{slot}"),
                    Some(_) => format!("given{slot}"),
                    None if signed => String::from("-1"),
                    None => String::from("0"),
                }
            }
            Arg::Number(number) => {
                let number = if size < 8 { number & ((1 << (8 * size)) - 1) } else { *number };
                match number {
                    number if signed && size == 4 => (number as i32).to_string(),
                    number if signed => (number as i64).to_string(),
                    0..10 => number.to_string(),
                    _ => format!("{number:#x}"),
                }
            }
            _ => String::from("0"),
        }
    }
}

fn bad_address(bad: Bad) -> String {
    format!("Bad::{bad:?}")
}
