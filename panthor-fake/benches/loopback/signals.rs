//! Counts calls that a signal interrupts under the loopback but not natively, with a shell and with
//! Python.

use std::error::Error;
use std::io;
use std::process::Command;

use panthor_fake::Device;
use panthor_fake::loopback::Loopback;

/// Number of runs of each program.
const RUNS: usize = 4;

/// 1000 children end while the shell looks 3000 times for a file.
const SHELL: &str = "i=0; n=0
while [ $i -lt 3000 ]; do
    i=$((i+1)); [ $((i%3)) = 0 ] && /bin/true &
    [ -e /etc/passwd ] || n=$((n+1))
done
wait; echo $n";

/// A timer of 1 ms rings while Python looks 44,004 times.
const PYTHON: &str = "import os, signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.siginterrupt(signal.SIGALRM, True)
signal.setitimer(signal.ITIMER_REAL, .001, .001)
n = sum(not os.path.exists('/etc/passwd') for _ in range(44004))
signal.setitimer(signal.ITIMER_REAL, 0)
print(n)";

/// Prints how many looks say that a file is missing which is there.
pub(super) fn measure(device: &Device, loopback: &Loopback) -> Result<(), Box<dyn Error>> {
    println!("\n{:<44} wrong, run by run", "looks for a file among signals");
    let mounted = Loopback::with_mounts(device);
    for (name, program, script, looks) in
        [("sh", "sh", SHELL, 3000), ("Python", "python3", PYTHON, 44_004)]
    {
        let row = |how: &str, loopback: Option<&Loopback>| -> io::Result<()> {
            let runs: io::Result<Vec<_>> =
                (0..RUNS).map(|_| run(program, script, loopback)).collect();
            println!("{:<44} {}", format!("{name}, {looks} looks, {how}"), runs?.join(" "));
            Ok(())
        };
        let rows = || {
            row("alone", None)?;
            row("under the loopback", Some(loopback))?;
            mounted.as_ref().map_or(Ok(()), |mounted| row("with mounts", Some(mounted)))
        };
        match rows() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                println!("{program} is not here");
            }
            result => result?,
        }
    }
    match mounted {
        Ok(mounted) => mounted.finish(),
        Err(error) => println!("with mounts: {error}"),
    }
    Ok(())
}

fn run(program: &str, script: &str, loopback: Option<&Loopback>) -> io::Result<String> {
    let start = || Command::new(program).args(["-c", script]).output();
    let output = match loopback {
        Some(loopback) => loopback.run(start)?,
        None => start(),
    }?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
