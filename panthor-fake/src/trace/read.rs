//! Parsing of JSON trace lines.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::event::{Call, Event, Target, Who};
use super::json::VERSION;
use super::value::{Fields, Flags, List, Style, Text, Value};

/// The error of a line that is not part of a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseError {}

type Result<T> = std::result::Result<T, ParseError>;

fn error<T>(message: impl Into<String>) -> Result<T> {
    Err(ParseError(message.into()))
}

impl Event {
    /// Parses a line of JSON that [`Event::to_json`] wrote. Unknown keys are ignored.
    ///
    /// ```
    /// use panthor_fake::trace::Event;
    ///
    /// let line = r#"{"v":1,"time_ns":5,"pid":1,"tid":1,"on":"renderD128","file":1,
    ///     "call":"DRM_IOCTL_GEM_CLOSE","request":1074291721,"arg":65536,
    ///     "args":{"handle":3},"result":-22,"errno":"EINVAL","out":{},"took_ns":7}"#;
    /// let event = Event::from_json(line)?;
    /// assert_eq!(event.name(), Some("DRM_IOCTL_GEM_CLOSE"));
    /// assert_eq!(event.args.unwrap().get("handle").unwrap().as_number(), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The line is not JSON, lacks the keys of a trace, or has another schema version.
    pub fn from_json(line: &str) -> Result<Self> {
        let json = match serde_json::from_str(line) {
            Ok(Json::Object(map)) => map,
            Ok(_) => return error("it is no JSON object"),
            Err(problem) => return error(format!("it is no JSON: {problem}")),
        };
        match json.get("v").and_then(Json::as_u64) {
            Some(VERSION) => {}
            Some(other) => {
                return error(format!("version {other} of the schema, known is {VERSION}"));
            }
            None => return error("it has no `v`, the version of the schema"),
        }
        let time = Duration::from_nanos(unsigned(&json, "time_ns")?);
        let on = target(&json)?;
        let call = Call::of_plain_name(string(&json, "call")?);
        if call == Some(Call::Release) {
            return Ok(Self::release(time, on));
        }
        Ok(Self {
            time,
            took: Duration::from_nanos(unsigned(&json, "took_ns")?),
            who: Some(Who {
                pid: int(&json, "pid")?,
                tid: int(&json, "tid")?,
                fd: if json.contains_key("fd") { Some(int(&json, "fd")?) } else { None },
            }),
            on,
            call: match call {
                Some(call) => call,
                None => Call::Ioctl {
                    request: u32::try_from(unsigned(&json, "request")?)
                        .or_else(|_| error("`request` is too large"))?,
                    arg: unsigned(&json, "arg")?,
                },
            },
            args: struct_of(&json, "args")?,
            result: int(&json, "result")?,
            out: struct_of(&json, "out")?,
        })
    }
}

fn unsigned(json: &Map<String, Json>, key: &str) -> Result<u64> {
    let number = json.get(key).and_then(Json::as_u64);
    number.map_or_else(|| error(format!("`{key}` is missing, or no unsigned number")), Ok)
}

fn int(json: &Map<String, Json>, key: &str) -> Result<i32> {
    let number = json.get(key).and_then(Json::as_i64).and_then(|number| number.try_into().ok());
    number.map_or_else(|| error(format!("`{key}` is missing, or no 32-bit number")), Ok)
}

fn string<'a>(json: &'a Map<String, Json>, key: &str) -> Result<&'a str> {
    let string = json.get(key).and_then(Json::as_str);
    string.map_or_else(|| error(format!("`{key}` is missing, or no string")), Ok)
}

fn struct_of(json: &Map<String, Json>, key: &str) -> Result<Option<Fields>> {
    match json.get(key) {
        Some(Json::Null) => Ok(None),
        Some(Json::Object(map)) => Ok(Some(fields(map))),
        _ => error(format!("`{key}` is missing, or no object")),
    }
}

fn target(json: &Map<String, Json>) -> Result<Target> {
    Ok(match string(json, "on")? {
        "renderD128" => Target::RenderNode(unsigned(json, "file")?),
        "card0" => Target::PrimaryNode(unsigned(json, "file")?),
        "dma-buf" => Target::DmaBuf,
        "sync_file" => Target::SyncFile,
        "syncobj" => Target::Syncobj,
        other => return error(format!("`on` is `{other}`, which is unknown")),
    })
}

/// The suffixes of keys that describe an array or string.
const ABOUT: [&str; 4] = ["_count", "_fault", "_stride", "_cut"];

fn fields(map: &Map<String, Json>) -> Fields {
    let is_about = |key: &str| {
        ABOUT
            .iter()
            .filter_map(|end| key.strip_suffix(end))
            .any(|of| matches!(map.get(of), Some(Json::Array(_) | Json::String(_) | Json::Null)))
    };
    let about = |key: &str, what: &str| map.get(&format!("{key}{what}"));
    let number = |key: &str, what: &str| about(key, what).and_then(Json::as_u64);
    let mut entries = Vec::new();
    for (key, json) in map.iter().filter(|(key, _)| !is_about(key)) {
        let cut = about(key, "_cut").is_some();
        let fault = number(key, "_fault");
        let value = match json {
            Json::Null => Value::Text(Text { fault, null: fault.is_none(), ..Text::default() }),
            Json::String(text) if cut || fault.is_some() => {
                Value::Text(Text { bytes: text.clone().into(), cut, fault, null: false })
            }
            Json::Array(items) => match flags(items) {
                Some(flags) => Value::Flags(flags),
                None => Value::List(List {
                    items: items.iter().map(value).collect(),
                    count: number(key, "_count").unwrap_or(items.len() as u64),
                    fault,
                    stride: number(key, "_stride").and_then(|stride| stride.try_into().ok()),
                }),
            },
            other => value(other),
        };
        entries.push((Cow::Owned(key.clone()), value));
    }
    Fields { entries, style: Style::Plain }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::Number(number),
            (None, Some(number)) => Value::Signed(number),
            // `Event::to_json` writes no such value.
            (None, None) => Value::Name(number.to_string().into()),
        },
        Json::String(text) => Value::Name(text.clone().into()),
        Json::Object(map) => Value::Fields(fields(map)),
        Json::Array(items) => Value::List(List {
            items: items.iter().map(value).collect(),
            count: items.len() as u64,
            ..List::default()
        }),
        Json::Null => Value::Text(Text::null()),
        Json::Bool(value) => Value::Number((*value).into()),
    }
}

/// Parses an array of strings; `None` for other or empty arrays.
fn flags(items: &[Json]) -> Option<Flags> {
    let mut flags = Flags::default();
    if items.is_empty() {
        return None;
    }
    for item in items {
        let name = item.as_str()?;
        match name.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
            Some(unknown) => flags.unknown |= unknown,
            None => flags.names.push(name.to_owned().into()),
        }
    }
    Some(flags)
}
