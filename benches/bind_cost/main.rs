//! Cost of building and submitting a bind, in instructions and in allocations.
//!
//! `cargo bench --bench bind_cost` counts with valgrind's callgrind, against the fake's null
//! driver, which accepts every bind at once, and beside a C program that fills the same array and
//! makes the same call without a check. It needs valgrind and a C compiler, prints a table, and
//! fails when a goal is missed.
//!
//! Instructions are those of the second call: the program runs with one call and with two, and the
//! difference counts.

mod allocations;
mod callgrind;
mod cases;

use std::process::ExitCode;

use cases::Case;

/// A row's goal.
enum Goal {
    /// Instructions of the whole bind.
    Total(u64),
    /// Instructions for each operation beyond the first.
    PerOp(u64),
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, case, repeats] = &args[..] {
        if flag == "--measured" {
            cases::run(Case::parse(case).expect("a case"), repeats.parse().expect("a number"));
            return ExitCode::SUCCESS;
        }
    }
    match (compare(), allocations::check()) {
        (Ok(true), true) => ExitCode::SUCCESS,
        (Ok(_), _) => {
            eprintln!("bind_cost: a goal is missed");
            ExitCode::FAILURE
        }
        (Err(error), _) => {
            eprintln!("bind_cost: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<bool, String> {
    let c = callgrind::compile_c()?;
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let count = |case: Case| -> Result<(u64, u64), String> {
        let ours = callgrind::second_call(&own, &["--measured", &case.name()])?;
        let theirs = callgrind::second_call(c.path(), &[&case.name_in_c()])?;
        Ok((ours, theirs))
    };
    let mut met = true;
    println!("\ninstructions of building and submitting one batch (callgrind)\n");
    println!("{:<34} {:>10} {:>10} {:>7}   goal", "batch", "panthor", "C", "ratio");
    let first = count(Case::Map(1))?;
    let rows = [
        (Case::Map(1), Goal::Total(200)),
        (Case::Map(16), Goal::PerOp(30)),
        (Case::Map(1024), Goal::PerOp(30)),
        (Case::Map(24415), Goal::PerOp(30)),
        (Case::Async, Goal::Total(250)),
        (Case::Sparse, Goal::Total(200)),
    ];
    for (case, goal) in rows {
        let (ours, theirs) = count(case)?;
        let (reached, text) = match goal {
            Goal::Total(limit) => (ours <= limit, format!("at most {limit}")),
            Goal::PerOp(limit) => {
                let beyond = case.operations() - 1;
                let each = ours.saturating_sub(first.0) as f64 / beyond as f64;
                let each_c = theirs.saturating_sub(first.1) as f64 / beyond as f64;
                let text = format!("{each:.1} a further operation, C {each_c:.1}; at most {limit}");
                (each <= limit as f64, text)
            }
        };
        let verdict = if reached { "met" } else { "MISSED" };
        let ratio = ours as f64 / theirs as f64;
        println!("{:<34} {ours:>10} {theirs:>10} {ratio:>7.2}   {text}: {verdict}", case.title());
        met &= reached;
    }
    Ok(met)
}
