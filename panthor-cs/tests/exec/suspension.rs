//! Suspension: a queue off its slot is a value.

use panthor_cs::exec::*;
use panthor_cs::*;

use crate::random::random_machine;
use crate::support::*;

/// Runs queue 0 alone, past faults and out-of-memory events, up to the first other stop.
///
/// `budgets` returns the size of each slice.
fn run(
    machine: &mut Machine,
    mut budgets: impl FnMut() -> u64,
    mut between: impl FnMut(&mut Machine),
) -> Vec<Stop> {
    let mut stops = Vec::new();
    for _ in 0..5_000 {
        match machine.step(0, budgets()) {
            Stop::Budget => {}
            Stop::TilerOutOfMemory(event) => {
                stops.push(Stop::TilerOutOfMemory(event));
                machine.group.grant_memory(0, 0x1000);
            }
            stop => {
                stops.push(stop);
                if !matches!(stop, Stop::Fault(_)) {
                    break;
                }
            }
        }
        between(machine);
    }
    stops
}

#[test]
fn suspended_queue_does_what_an_undisturbed_one_does() {
    let mut kinds = [0; 2];
    for seed in 0..200 {
        let arch = Arch::ALL[seed as usize % 6];
        let mut whole = random_machine(arch, 1000 + seed, 400, 0);
        let mut sliced = whole.clone();
        let mut random = Random(seed);
        let wanted = run(&mut whole, || 1_000_000, |_| {});
        let found = run(
            &mut sliced,
            || 1 + random.below(4),
            |machine| {
                // Off the slot: the state goes elsewhere, and another group takes the slot.
                let (queue, group) = (machine.queues[0].clone(), machine.group.clone());
                machine.queues[0] = Queue::new(*queue.config());
                machine.group = Group::new();
                machine.queues[0].set_register(reg(1), 99);
                machine.step(0, 10);
                (machine.queues[0], machine.group) = (queue, group);
            },
        );
        // A stream that loops uses all its slices up; then there is nothing to compare.
        if wanted.is_empty() || found.is_empty() {
            kinds[1] += 1;
            continue;
        }
        kinds[0] += 1;
        assert_eq!(sliced.words, whole.words, "seed {seed}");
        assert_eq!(
            format!("{:?}", sliced.queues[0]),
            format!("{:?}", whole.queues[0]),
            "seed {seed}"
        );
        assert_eq!(format!("{:?}", sliced.group), format!("{:?}", whole.group), "seed {seed}");
        assert_eq!(sliced.hooks.signals, whole.hooks.signals, "seed {seed}");
    }
    assert!(kinds[0] > 150, "{kinds:?}");
}
