//! The command line.

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;

use crate::random::Amount;
use crate::uapi::kernel::Linux;

pub const HELP: &str = "\
usage: conformance list   [FILTER]
       conformance record [--device NODE] [--jobs] [--held-jobs] [FILTER]
       conformance check  [--device NODE] [--jobs] [--held-jobs] [--linux VERSION] [FILTER]
       conformance show   --linux VERSION [FILTER]
       conformance random [--device NODE] [--jobs] [--linux VERSION] [--calls N] [--seed S] [--steps N]
       conformance record-random [--device NODE]
       conformance compare FILE...
       conformance merge   FILE...
       conformance recorded --linux VERSION [FILTER]

list      prints the names of the cases, and where some are not tried
record    runs the cases on the driver of this machine, and prints its answers
check     runs them there and on the fake that plays the same driver, and compares; the GPU may be
          any model; root is needed for all of it
show      prints what the fake answers, as record does
random    makes programs up, and runs them on the driver of this machine and on the fake that plays it;
          where they differ, it prints the smallest program that does so, as a case
record-random
          runs the recorded random programs on the driver of this machine, and prints their checksums
compare   compares the recordings of a clone with the output of record and record-random: all cases of
          one kernel
merge     writes such output, also of some cases only, into the recordings of the clone
recorded  prints the recorded answers of one kernel, as record and record-random do

--device NODE     the render node (default: /dev/dri/renderD128)
--jobs            jobs of groups are done there: command streams run
--held-jobs       also those that wait for what the CPU writes, as the played microcontroller lets them
--linux VERSION   7.3, 7.2 or 6.12 (default of check: as the driver's version says)
--calls N         how many calls random makes at least (default: 10000)
--seed S          what its programs come from (default: another each time)
--steps N         how many steps a program has at most (default: 400)
FILTER            only cases whose names contain it
";

/// Command to run.
#[derive(PartialEq, Eq, Debug)]
pub enum Command {
    Help,
    List(String),
    Record(Device),
    Check(Device, Option<Linux>),
    Show(Linux, String),
    Random(Device, Option<Linux>, Amount),
    RecordRandom(Device),
    Compare(Vec<PathBuf>),
    Merge(Vec<PathBuf>),
    Recorded(Linux, String),
}

/// Device to use, and the cases.
#[derive(PartialEq, Eq, Debug)]
pub struct Device {
    pub node: PathBuf,
    pub jobs: bool,
    pub held_jobs: bool,
    pub filter: String,
}

/// Words of a command besides its options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    None,
    Filter,
    Files,
}

/// The commands with their options and other words.
const COMMANDS: [(&str, &[&str], Words); 10] = [
    ("help", &[], Words::None),
    ("list", &[], Words::Filter),
    ("record", &["--device", "--jobs", "--held-jobs"], Words::Filter),
    ("check", &["--device", "--jobs", "--held-jobs", "--linux"], Words::Filter),
    ("show", &["--linux"], Words::Filter),
    ("random", &["--device", "--jobs", "--linux", "--calls", "--seed", "--steps"], Words::None),
    ("record-random", &["--device"], Words::None),
    ("compare", &[], Words::Files),
    ("merge", &[], Words::Files),
    ("recorded", &["--linux"], Words::Filter),
];

/// Reads the command line.
pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Command, String> {
    let name = words.next().ok_or("a command is missing: see conformance help")?;
    let known = COMMANDS.into_iter().find(|(known, ..)| *known == name);
    let (_, options, kind) =
        known.ok_or_else(|| format!("{name}: no such command: see conformance help"))?;
    let mut device = Device {
        node: "/dev/dri/renderD128".into(),
        jobs: false,
        held_jobs: false,
        filter: String::new(),
    };
    let mut linux = None;
    let any = RandomState::new().hash_one(0) >> 32;
    let mut amount = Amount { calls: 10_000, seed: any, steps: 400 };
    let mut others = Vec::new();
    while let Some(word) = words.next() {
        if word.starts_with('-') && !options.contains(&word.as_str()) {
            return Err(format!("{name} has no option {word}"));
        }
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--device" => device.node = value()?.into(),
            "--jobs" => device.jobs = true,
            "--held-jobs" => (device.jobs, device.held_jobs) = (true, true),
            "--linux" => {
                let version = value()?;
                let unknown = || format!("there is no recording of Linux {version}");
                linux = Some(Linux::from_name(&version).ok_or_else(unknown)?);
            }
            "--calls" | "--seed" | "--steps" => {
                let value = value()?;
                let number =
                    value.parse().map_err(|_| format!("{word} needs a number, not {value}"))?;
                match word.as_str() {
                    "--calls" => amount.calls = number,
                    "--seed" => amount.seed = number,
                    _ => amount.steps = number,
                }
                if number == 0 && word != "--seed" {
                    return Err(format!("{word} must be at least 1"));
                }
            }
            _ if kind == Words::None => {
                return Err(format!("{name} does not know what to do with {word}"));
            }
            _ if kind == Words::Filter && !others.is_empty() => {
                return Err(format!("one FILTER is enough, not also {word}"));
            }
            _ => others.push(word),
        }
    }
    let files = others.iter().map(PathBuf::from).collect();
    match kind {
        Words::Files if others.is_empty() => return Err(format!("{name} needs a FILE")),
        Words::Filter => device.filter = others.pop().unwrap_or_default(),
        _ => {}
    }
    Ok(match name.as_str() {
        "help" => Command::Help,
        "list" => Command::List(device.filter),
        "record" => Command::Record(device),
        "check" => Command::Check(device, linux),
        "random" => Command::Random(device, linux, amount),
        "record-random" => Command::RecordRandom(device),
        "compare" => Command::Compare(files),
        "merge" => Command::Merge(files),
        "recorded" => Command::Recorded(linux.ok_or("recorded needs --linux")?, device.filter),
        _ => Command::Show(linux.ok_or("show needs --linux")?, device.filter),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn commands_have_their_options() {
        let device =
            Device { node: "/dev/x".into(), jobs: true, held_jobs: false, filter: "vm".into() };
        let expected = Ok(Command::Check(device, Some(Linux::V7_2)));
        assert_eq!(words("check --device /dev/x --jobs --linux 7.2 vm"), expected);
        assert_eq!(words("list"), Ok(Command::List(String::new())));
        assert_eq!(words("merge a b"), Ok(Command::Merge(vec!["a".into(), "b".into()])));
        let Ok(Command::Random(_, None, amount)) = words("random --calls 5 --seed 9") else {
            panic!("it was understood otherwise")
        };
        assert_eq!((amount.calls, amount.seed), (5, 9));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(words("check --linux 5.1"), Err("there is no recording of Linux 5.1".into()));
        assert_eq!(words("record --device"), Err("--device needs a value".into()));
        assert_eq!(words("random --seed x"), Err("--seed needs a number, not x".into()));
        assert_eq!(words("record --x"), Err("record has no option --x".into()));
        assert_eq!(words("list --calls 5"), Err("list has no option --calls".into()));
        assert_eq!(words("random vm"), Err("random does not know what to do with vm".into()));
        assert_eq!(words("list vm bo"), Err("one FILTER is enough, not also bo".into()));
        assert_eq!(words("random --steps 0"), Err("--steps must be at least 1".into()));
        assert_eq!(words("random --calls 0"), Err("--calls must be at least 1".into()));
        assert_eq!(words("merge"), Err("merge needs a FILE".into()));
        assert_eq!(words("show"), Err("show needs --linux".into()));
        assert_eq!(words("bind"), Err("bind: no such command: see conformance help".into()));
        assert_eq!(words(""), Err("a command is missing: see conformance help".into()));
    }
}
