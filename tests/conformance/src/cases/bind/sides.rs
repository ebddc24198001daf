//! The sides from which a range can meet another.

use crate::uapi::ops::{KIB, MIB, PAGE};

/// Units of the ranges.
pub const UNITS: [(&str, u64); 2] = [("4_kib", 4 * KIB), ("2_mib", 2 * MIB)];

/// Length of the existing range from 0 on, in units.
pub const LEN: i64 = 8;

/// Ranges by how they meet one of eight units, in units from its start.
pub const SIDES: [(&str, i64, i64); 13] = [
    ("exactly", 0, 8),
    ("the_left_end_from_outside", -2, 3),
    ("the_right_end_from_outside", 6, 10),
    ("the_left_end_from_inside", 0, 1),
    ("the_right_end_from_inside", 5, 8),
    ("the_middle", 3, 5),
    ("all_and_both_sides", -1, 9),
    ("all_and_the_left_side", -3, 8),
    ("all_and_the_right_side", 0, 10),
    ("all_but_the_left_end", 1, 8),
    ("all_but_the_right_end", 0, 7),
    ("the_left_neighbour", -2, 0),
    ("the_right_neighbour", 8, 10),
];

/// Places in 8 MiB that have to do with the borders of 2 MiB: what they are, offset and size.
pub const PLACES: [(&str, u64, u64); 8] = [
    ("a_page_inside", 3 * MIB, PAGE),
    ("a_page_at_a_border", 2 * MIB, PAGE),
    ("a_page_before_a_border", 4 * MIB - PAGE, PAGE),
    ("two_pages_across_a_border", 4 * MIB - PAGE, 2 * PAGE),
    ("2_mib_across_a_border", 3 * MIB, 2 * MIB),
    ("2_mib_and_a_page", 2 * MIB, 2 * MIB + PAGE),
    ("a_page_and_2_mib", 2 * MIB - PAGE, 2 * MIB + PAGE),
    ("all_but_a_page_on_either_side", PAGE, 8 * MIB - 2 * PAGE),
];

/// Returns the address this many units from a start.
pub fn place(start: u64, unit: u64, units: i64) -> u64 {
    start.wrapping_add_signed(units * unit as i64)
}
