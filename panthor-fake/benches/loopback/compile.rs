//! Compiles with the system's C compiler, alone and under the loopback. Several processes search,
//! open and inspect files outside of the loopback.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use panthor_fake::loopback::Loopback;

use super::{best, median};

const ROUNDS: usize = 21;

const SOURCE: &str = "\
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf(\"%d %s %zu\\n\", i, argv[i], strlen(argv[i]));
	return EXIT_SUCCESS;
}
";

/// Prints how long a compile takes.
pub(super) fn measure(loopback: &Loopback) -> Result<(), Box<dyn Error>> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = directory.join("loopback-compiled.c");
    std::fs::write(&source, SOURCE)?;
    let (mut alone, mut under) = (Vec::new(), Vec::new());
    // The first one fills the caches.
    compile(&source)?;
    for _ in 0..ROUNDS {
        alone.push(compile(&source)?);
        under.push(loopback.run(|| compile(&source))??);
    }
    println!("\n{:<44} {:>10} {:>10}", "a compile, cc -O1 -c", "best", "median");
    println!("{:<44} {:>7.1} ms {:>7.1} ms", "alone", best(&alone), median(&alone));
    println!("{:<44} {:>7.1} ms {:>7.1} ms", "under the loopback", best(&under), median(&under));
    println!("under the loopback it takes {:.2} times as long", best(&under) / best(&alone));
    Ok(())
}

/// Milliseconds of one compile.
fn compile(source: &PathBuf) -> Result<f64, String> {
    let start = Instant::now();
    let output = Command::new("cc")
        .args(["-O1", "-Wall", "-c", "-o"])
        .arg(source.with_extension("o"))
        .arg(source)
        .output()
        .map_err(|error| format!("cc: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
