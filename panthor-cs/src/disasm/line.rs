//! An instruction as text: name, modifiers, operands.
//!
//! - A flag that is set and a named value follow the name after a period:
//!   `SYNC_ADD64.system.propagate`.
//! - A field with a default is written `name=value`, and only if it differs: `wait=sb{0,3}`.
//! - A base register with a mask is a list: `{r0-r3, r5}`. An address with an offset is a sum:
//!   `[d40 + 16]`.

use core::fmt;

use crate::Instruction;
use crate::operand::{Operand, Reg, RegMask, Value};

/// Writes `instruction` without a line break.
pub(crate) fn write_instruction(
    f: &mut fmt::Formatter<'_>,
    instruction: &Instruction,
) -> fmt::Result {
    f.write_str(instruction.name())?;
    for operand in instruction.operands() {
        write_modifier(f, &operand)?;
    }
    let mut separator = " ";
    let mut operands = instruction.operands().filter(|operand| !is_modifier(operand)).peekable();
    let mut deferred = false;
    while let Some(operand) = operands.next() {
        deferred |= operand.name == "wait" && !operand.is_default();
        let next = operands.peek().map(|next| (next.name, next.value));
        let shown_signal = operand.name == "signal" && deferred;
        if operand.is_default() && !shown_signal {
            continue;
        }
        f.write_str(separator)?;
        separator = ", ";
        match (operand.name, operand.value, next) {
            (_, Value::Reg(base), Some((_, Value::Registers(mask)))) => {
                write_registers(f, base, mask)?;
                operands.next();
            }
            ("address", Value::Pair(pair), Some(("offset", Value::Signed(offset)))) => {
                match offset {
                    0 => write!(f, "[{pair}]")?,
                    1.. => write!(f, "[{pair} + {offset}]")?,
                    _ => write!(f, "[{pair} - {}]", -offset)?,
                }
                operands.next();
            }
            ("address", value, _) => write!(f, "[{value}]")?,
            (name, value, _) if operand.default.is_some() => write!(f, "{name}={value}")?,
            (_, value, _) => write!(f, "{value}")?,
        }
    }
    Ok(())
}

/// Returns whether the operand is written behind the name.
fn is_modifier(operand: &Operand) -> bool {
    match operand.value {
        Value::Flag(_) => true,
        Value::Named(..) => operand.default.is_none(),
        _ => false,
    }
}

fn write_modifier(f: &mut fmt::Formatter<'_>, operand: &Operand) -> fmt::Result {
    match operand.value {
        Value::Flag(set) => match (set, operand.default) {
            (true, Some(Value::Flag(true))) | (false, None | Some(Value::Flag(false))) => Ok(()),
            (true, _) => write!(f, ".{}", operand.name),
            (false, _) => write!(f, ".no_{}", operand.name),
        },
        Value::Named(..) if is_modifier(operand) => write!(f, ".{}", operand.value),
        _ => Ok(()),
    }
}

/// Writes a list of registers: `{r0-r3, r5}`.
///
/// A register behind r255, which no queue has, is written with its number, too.
fn write_registers(f: &mut fmt::Formatter<'_>, base: Reg, mask: RegMask) -> fmt::Result {
    let base = u32::from(base.number());
    let bits = mask.bits();
    let (mut separator, mut next) = ("{", 0);
    while next < 16 && bits >> next != 0 {
        let start = next + (bits >> next).trailing_zeros();
        let end = start + (bits >> start).trailing_ones() - 1;
        write!(f, "{separator}r{}", base + start)?;
        if end > start {
            write!(f, "-r{}", base + end)?;
        }
        (separator, next) = (", ", end + 1);
    }
    f.write_str(if bits == 0 { "{}" } else { "}" })
}
