//! Makes a program smaller for as long as it still does something.

use super::program::{Arg, Fields, Program, Step};

/// Returns the smallest program found that `fails` as the given program does. Calls `fails` at most
/// `attempts` times.
pub fn shrink(program: &Program, mut attempts: usize, fails: impl Fn(&Program) -> bool) -> Program {
    let mut best = program.clone();
    let mut fails = |candidate: &Program| {
        attempts = attempts.saturating_sub(1);
        attempts > 0 && fails(candidate)
    };
    loop {
        let before = best.clone();
        remove_steps(&mut best, &mut fails);
        simplify_steps(&mut best, &mut fails);
        if best == before {
            return best;
        }
    }
}

/// Removes ever smaller runs of steps, the last first: what comes before is often needed.
fn remove_steps(best: &mut Program, fails: &mut impl FnMut(&Program) -> bool) {
    let mut len = best.steps.len().div_ceil(2);
    while len > 0 {
        let mut end = best.steps.len();
        while end > 0 {
            let start = end.saturating_sub(len);
            let mut candidate = best.clone();
            candidate.steps.drain(start..end);
            if fails(&candidate) {
                *best = candidate;
            }
            end = start;
        }
        len /= 2;
    }
}

fn simplify_steps(best: &mut Program, fails: &mut impl FnMut(&Program) -> bool) {
    for index in 0..best.steps.len() {
        // How many changes there are to try changes with those that stay.
        let mut change = 0;
        while let Some(step) = changed(&best.steps[index], change) {
            let mut candidate = best.clone();
            candidate.steps[index] = step;
            if candidate != *best && fails(&candidate) {
                *best = candidate;
            } else {
                change += 1;
            }
        }
    }
}

/// Returns the step with its nth change, if it has so many.
fn changed(step: &Step, mut change: usize) -> Option<Step> {
    let Step::Call(call) = step else { return None };
    let mut call = call.clone();
    change_fields(&mut call.fields, &mut change).then_some(Step::Call(call))
}

/// Makes the nth change, or counts down by how many there are.
fn change_fields(fields: &mut Fields, change: &mut usize) -> bool {
    for at in 0..fields.len() {
        if count_down(change) {
            fields.remove(at);
            return true;
        }
        if change_arg(&mut fields[at].1, change) {
            return true;
        }
    }
    false
}

fn count_down(change: &mut usize) -> bool {
    match change.checked_sub(1) {
        Some(less) => {
            *change = less;
            false
        }
        None => true,
    }
}

fn change_arg(arg: &mut Arg, change: &mut usize) -> bool {
    match arg {
        Arg::Array(array) => {
            for at in 0..array.items.len() {
                if count_down(change) {
                    array.items.remove(at);
                    return true;
                }
                if change_fields(&mut array.items[at], change) {
                    return true;
                }
            }
            if array.stride != array.element.size as u32 && count_down(change) {
                array.stride = array.element.size as u32;
                return true;
            }
        }
        Arg::Words(numbers) | Arg::Longs(numbers) => {
            for number in numbers {
                if change_arg(number, change) {
                    return true;
                }
            }
        }
        Arg::Number(number) => {
            for simpler in simpler(*number) {
                if count_down(change) {
                    *number = simpler;
                    return true;
                }
            }
        }
        _ => {}
    }
    false
}

/// Numbers that are easier to look at. Each is smaller, so that there is an end to it.
fn simpler(number: u64) -> Vec<u64> {
    let mut all = vec![
        1,
        4096,
        number / 2 / 4096 * 4096,
        number.saturating_sub(4096),
        number - number % 4096,
    ];
    // Only the highest bit, or without it.
    if number.count_ones() > 1 {
        let highest = 1 << (63 - number.leading_zeros());
        all.extend([highest, number - highest]);
    }
    all.retain(|&simpler| simpler != 0 && simpler < number);
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_stays() {
        let program = crate::random::generate::program(3, 400, false);
        // It takes an unmap of some size to fail, and two files.
        let large = |fields: &Fields| {
            fields.iter().any(|(name, arg)| *name == "flags" && *arg == Arg::Number(1 << 28))
                && fields
                    .iter()
                    .any(|(name, arg)| matches!(arg, Arg::Number(8192..) if *name == "size"))
        };
        let has_unmap = |step: &Step| match step {
            Step::Call(call) => call.fields.iter().any(|(_, arg)| match arg {
                Arg::Array(array) => array.items.iter().any(large),
                _ => false,
            }),
            _ => false,
        };
        let fails = |program: &Program| program.steps.iter().any(has_unmap);
        assert!(fails(&program), "another seed is needed");
        let small = shrink(&program, usize::MAX, fails);
        let [Step::Call(call)] = &small.steps[..] else { panic!("{small:?}") };
        let [("ops", Arg::Array(array))] = &call.fields[..] else { panic!("{small:?}") };
        let mut op = array.items.concat();
        op.sort_by_key(|&(name, _)| name);
        let [("flags", _), ("size", Arg::Number(size))] = op[..] else { panic!("{small:?}") };
        assert!((8192..8192 + 4096).contains(&size), "{size}");
    }
}
