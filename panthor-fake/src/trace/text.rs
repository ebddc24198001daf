//! Events as lines of text.

use std::fmt::{self, Display, Formatter, Write};

use panthor_sys as sys;

use super::errno_names;
use super::event::{Call, Event, Who};
use super::requests::{self, anonymous};
use super::schema::Argument;
use super::value::{Fields, Flags, List, Style, Text, Value};

/// Prints `1234:1235 0.001234 ioctl(3<renderD128:1>, DRM_IOCTL_..., {...}) = 0 => {...}
/// <0.000012>`.
impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.who {
            Some(Who { pid, tid, .. }) if pid == tid => write!(f, "{pid}")?,
            Some(Who { pid, tid, .. }) => write!(f, "{pid}:{tid}")?,
            None => f.write_char('-')?,
        }
        write!(f, " {:.6} ", self.time.as_secs_f64())?;
        match self.call {
            Call::Release => {
                f.write_str("release(")?;
                self.target(f)?;
                return f.write_char(')');
            }
            Call::Ioctl { request, arg } => {
                f.write_str("ioctl(")?;
                self.target(f)?;
                f.write_str(", ")?;
                self.request(request, arg, f)?;
            }
            call => {
                write!(f, "{}(", call.plain_name().unwrap_or_default())?;
                self.target(f)?;
                match self.args.as_ref().filter(|args| !args.is_empty()) {
                    Some(args) => write!(f, ", {args})")?,
                    None => f.write_char(')')?,
                }
            }
        }
        result(self.result, f)?;
        match &self.out {
            Some(out) if !out.is_empty() => write!(f, " => {out}")?,
            None if self.args.is_some() => f.write_str(" => unreadable")?,
            _ => {}
        }
        write!(f, " <{:.6}>", self.took.as_secs_f64())
    }
}

impl Event {
    fn target(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let fd = self.who.and_then(|who| who.fd);
        if let Some(fd) = fd {
            write!(f, "{fd}<")?;
        }
        f.write_str(self.on.name())?;
        if let Some(file) = self.on.file() {
            write!(f, ":{file}")?;
        }
        if fd.is_some() { f.write_char('>') } else { Ok(()) }
    }

    fn request(&self, request: u32, arg: u64, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(known) = requests::find(request) else {
            return write!(f, "{}, {arg:#x})", anonymous(request));
        };
        f.write_str(known.name)?;
        if let Argument::Struct(_) = known.argument {
            if request != known.request {
                let size = sys::ioc_size(request);
                write!(f, " /* {request:#x}, {size} bytes */")?;
            }
        }
        match (&known.argument, &self.args) {
            (Argument::None, _) => f.write_char(')'),
            (Argument::Text(_), Some(args)) => match args.get("name") {
                Some(name) => write!(f, ", {name})"),
                None => write!(f, ", {arg:#x})"),
            },
            (_, Some(args)) => write!(f, ", {args})"),
            (Argument::Struct(_), None) if arg == 0 => f.write_str(", NULL)"),
            _ => write!(f, ", {arg:#x})"),
        }
    }
}

fn result(result: i32, f: &mut Formatter<'_>) -> fmt::Result {
    let errno = result.wrapping_neg();
    if result >= 0 {
        return write!(f, " = {result}");
    }
    match (errno_names::name(errno), errno_names::description(errno)) {
        (Some(name), Some(description)) => write!(f, " = -1 {name} ({description})"),
        (Some(name), None) => write!(f, " = -1 {name}"),
        _ => write!(f, " = -1 error {errno}"),
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Signed(number) => write!(f, "{number}"),
            Self::Hex(number) => write!(f, "{number:#x}"),
            Self::Name(name) => f.write_str(name),
            Self::Flags(flags) => write!(f, "{flags}"),
            Self::Text(text) => write!(f, "{text}"),
            Self::List(list) => write!(f, "{list}"),
            Self::Fields(fields) => write!(f, "{fields}"),
        }
    }
}

impl Display for Flags {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for name in &self.names {
            write!(f, "{separator}{name}")?;
            separator = "|";
        }
        if self.unknown != 0 || separator.is_empty() {
            match self.unknown {
                0 => f.write_char('0')?,
                unknown => write!(f, "{separator}{unknown:#x}")?,
            }
        }
        Ok(())
    }
}

impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.null {
            return f.write_str("NULL");
        }
        if self.bytes.is_empty() {
            if let Some(fault) = self.fault {
                return write!(f, "{fault:#x} (EFAULT)");
            }
        }
        write!(f, "\"{}\"", self.bytes.escape_ascii())?;
        match self.fault {
            Some(fault) => write!(f, "... at {fault:#x} (EFAULT)"),
            None if self.cut => f.write_str("..."),
            None => Ok(()),
        }
    }
}

impl Display for List {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        let mut separator = "";
        for item in &self.items {
            write!(f, "{separator}{item}")?;
            separator = ", ";
        }
        let more = self.count.saturating_sub(self.items.len() as u64);
        if more != 0 {
            write!(f, "{separator}... {more} more")?;
        }
        if let Some(fault) = self.fault {
            write!(f, " at {fault:#x} (EFAULT)")?;
        }
        f.write_char(']')?;
        match self.stride {
            Some(stride) => write!(f, " /* stride {stride} */"),
            None => Ok(()),
        }
    }
}

impl Display for Fields {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shown = match self.style {
            Style::Plain => None,
            Style::BindOp => bind_op(self),
            Style::SyncOp => sync_op(self),
        };
        if let Some(shown) = shown {
            return f.write_str(&shown);
        }
        f.write_char('{')?;
        let mut separator = "";
        for (name, value) in self.iter() {
            write!(f, "{separator}{name}={value}")?;
            separator = ", ";
        }
        f.write_char('}')
    }
}

/// Formats `MAP bo=3 @0x0 0x100000..0x200000 noexec`; `None` if the caller's structure is too
/// short.
fn bind_op(op: &Fields) -> Option<String> {
    let (va, size) = (op.number("va")?, op.number("size")?);
    let (bo, offset) = (op.number("bo_handle")?, op.number("bo_offset")?);
    let kind = op.get("type")?;
    let mut line = kind.to_string();
    let plain_map = kind.as_name() == Some("MAP") && !op.has_flag("flags", "SPARSE");
    if plain_map || bo != 0 || offset != 0 {
        line += &format!(" bo={bo} @{offset:#x}");
    }
    // A sync-only operation normally has no range.
    if kind.as_name() != Some("SYNC_ONLY") || va != 0 || size != 0 {
        line += &match va.checked_add(size) {
            Some(end) => format!(" {va:#x}..{end:#x}"),
            None => format!(" {va:#x}+{size:#x}"),
        };
    }
    if let Some(Value::Flags(flags)) = op.get("flags") {
        for name in &flags.names {
            line += &format!(" {}", name.to_ascii_lowercase());
        }
        if flags.unknown != 0 {
            line += &format!(" {:#x}", flags.unknown);
        }
    }
    if let Some(syncs) = op.get("syncs").and_then(Value::as_list).filter(|list| list.count != 0) {
        line += &format!(" syncs={syncs}");
    }
    Some(line)
}

/// Formats `WAIT syncobj=3` or `SIGNAL timeline=4@7`; `None` if the caller's structure is too
/// short.
fn sync_op(op: &Fields) -> Option<String> {
    let (handle, point) = (op.number("handle")?, op.number("timeline_value")?);
    let is_timeline = op.get("type")?.as_name() == Some("TIMELINE_SYNCOBJ");
    let kind = match op.get("type")? {
        Value::Name(name) if name == "SYNCOBJ" => "syncobj".to_owned(),
        Value::Name(name) if name == "TIMELINE_SYNCOBJ" => "timeline".to_owned(),
        other => other.to_string(),
    };
    let mut line = format!("{} {kind}={handle}", op.get("op")?);
    if is_timeline || point != 0 {
        line += &format!("@{point}");
    }
    if let Some(unknown) = op.number("flags") {
        line += &format!(" {unknown:#x}");
    }
    Some(line)
}
