//! Events as lines of JSON.

use std::fmt::Write;

use super::errno_names;
use super::event::{Call, Event};
use super::value::{Fields, Flags, List, Text, Value};

/// The version of the schema.
pub(super) const VERSION: u64 = 1;

impl Event {
    /// Returns the event as a line of JSON without a line end. The module documents the schema.
    pub fn to_json(&self) -> String {
        let mut line = Object::new(String::with_capacity(512));
        line.raw("v", VERSION);
        line.raw("time_ns", self.time.as_nanos());
        if let Some(who) = self.who {
            line.raw("pid", who.pid);
            line.raw("tid", who.tid);
            if let Some(fd) = who.fd {
                line.raw("fd", fd);
            }
        }
        line.text("on", self.on.name());
        if let Some(file) = self.on.file() {
            line.raw("file", file);
        }
        line.text("call", &self.call_name());
        if self.call == Call::Release {
            return line.end();
        }
        if let Call::Ioctl { request, arg } = self.call {
            line.raw("request", request);
            line.raw("arg", arg);
        }
        line.optional("args", self.args.as_ref());
        line.raw("result", self.result);
        if self.result < 0 {
            let errno = self.result.wrapping_neg();
            let name = errno_names::name(errno).unwrap_or_else(|| errno.to_string());
            line.text("errno", &name);
        }
        line.optional("out", self.out.as_ref());
        line.raw("took_ns", self.took.as_nanos());
        line.end()
    }
}

/// A JSON object being written.
struct Object {
    text: String,
    separator: char,
}

impl Object {
    fn new(text: String) -> Self {
        Self { text, separator: '{' }
    }

    fn key(&mut self, key: &str) {
        self.text.push(self.separator);
        self.separator = ',';
        string(key, &mut self.text);
        self.text.push(':');
    }

    /// Writes a number.
    fn raw(&mut self, key: &str, number: impl std::fmt::Display) {
        self.key(key);
        let _ = write!(self.text, "{number}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        string(value, &mut self.text);
    }

    fn optional(&mut self, key: &str, fields: Option<&Fields>) {
        self.key(key);
        match fields {
            Some(fields) => fields.write(&mut self.text),
            None => self.text.push_str("null"),
        }
    }

    fn end(mut self) -> String {
        if self.separator == '{' {
            self.text.push('{');
        }
        self.text.push('}');
        self.text
    }
}

fn string(value: &str, to: &mut String) {
    to.push_str(&serde_json::Value::from(value).to_string());
}

impl Fields {
    fn write(&self, to: &mut String) {
        let mut object = Object::new(std::mem::take(to));
        for (name, value) in self.iter() {
            object.key(name);
            value.write(&mut object.text);
            match value {
                Value::List(list) => list.write_rest(name, &mut object),
                Value::Text(text) => text.write_rest(name, &mut object),
                _ => {}
            }
        }
        *to = object.end();
    }
}

impl Value {
    fn write(&self, to: &mut String) {
        match self {
            Self::Number(number) | Self::Hex(number) => {
                let _ = write!(to, "{number}");
            }
            Self::Signed(number) => {
                let _ = write!(to, "{number}");
            }
            Self::Name(name) => string(name, to),
            Self::Flags(flags) => flags.write(to),
            Self::Text(text) => text.write(to),
            Self::List(list) => array(&list.items, to, Value::write),
            Self::Fields(fields) => fields.write(to),
        }
    }
}

fn array<T>(items: &[T], to: &mut String, write: impl Fn(&T, &mut String)) {
    to.push('[');
    for (index, item) in items.iter().enumerate() {
        if index != 0 {
            to.push(',');
        }
        write(item, to);
    }
    to.push(']');
}

impl Flags {
    fn write(&self, to: &mut String) {
        let mut names: Vec<_> = self.names.iter().map(|name| name.to_string()).collect();
        if self.unknown != 0 {
            names.push(format!("{:#x}", self.unknown));
        }
        array(&names, to, |name, to| string(name, to));
    }
}

impl Text {
    fn write(&self, to: &mut String) {
        if self.null || (self.bytes.is_empty() && self.fault.is_some()) {
            to.push_str("null");
        } else {
            string(&String::from_utf8_lossy(&self.bytes), to);
        }
    }

    fn write_rest(&self, name: &str, object: &mut Object) {
        if self.cut {
            object.raw(&format!("{name}_cut"), true);
        }
        if let Some(fault) = self.fault {
            object.raw(&format!("{name}_fault"), fault);
        }
    }
}

impl List {
    fn write_rest(&self, name: &str, object: &mut Object) {
        if self.count != self.items.len() as u64 {
            object.raw(&format!("{name}_count"), self.count);
        }
        if let Some(fault) = self.fault {
            object.raw(&format!("{name}_fault"), fault);
        }
        if let Some(stride) = self.stride {
            object.raw(&format!("{name}_stride"), stride);
        }
    }
}
