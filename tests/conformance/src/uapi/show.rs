//! Values as text, the same in every run: a rule replaces the values that the kernel chooses
//! freely.

use std::collections::HashMap;

use super::wire::Value;

/// Numbers of the values seen so far, in the order of appearance.
#[derive(Default)]
pub struct Show {
    offsets: HashMap<u64, usize>,
    offset_count: usize,
    descriptors: HashMap<i64, usize>,
    descriptor_count: usize,
    /// Set to omit values that depend on the GPU model, so that models can be compared.
    any_model: bool,
}

impl Show {
    pub fn new(any_model: bool) -> Self {
        Self { any_model, ..Self::default() }
    }

    /// Numbers the next offsets as new ones, even if the kernel reuses the offsets of closed BOs.
    pub fn forget_offsets(&mut self) {
        self.offsets.clear();
    }

    /// Returns the text of a value that the client passed.
    pub fn given(&mut self, value: Value) -> String {
        match value {
            Value::Hex(value) => format!("{value:#x}"),
            Value::Dec(value) => value.to_string(),
            Value::Ptr(0) => String::from("null"),
            Value::Ptr(_) => String::from("ptr"),
            Value::Offset(value) => self.offset(value),
            Value::Fd(fd) => match self.descriptors.get(&fd) {
                Some(number) => format!("fd#{number}"),
                None => fd.to_string(),
            },
            Value::Time(0) => String::from("0"),
            Value::Time(_) => String::from("time"),
            Value::Model(_) if self.any_model => String::from("model"),
            Value::Model(value) => format!("{value:#x}"),
        }
    }

    /// Returns the text of a value that the kernel returned.
    pub fn returned(&mut self, value: Value) -> String {
        if let Value::Fd(fd @ 0..) = value {
            self.descriptor_count += 1;
            self.descriptors.insert(fd, self.descriptor_count);
        }
        self.given(value)
    }

    fn offset(&mut self, offset: u64) -> String {
        let inside = offset % 4096;
        if inside != 0 {
            let page = self.offsets.get(&(offset - inside));
            return page.map_or_else(
                || format!("{offset:#x}"),
                |number| format!("offset#{number}+{inside:#x}"),
            );
        }
        if offset == 0 {
            return String::from("0x0");
        }
        let count = &mut self.offset_count;
        let number = self.offsets.entry(offset).or_insert_with(|| {
            *count += 1;
            *count
        });
        format!("offset#{number}")
    }
}

/// Returns the text of the nonzero fields.
pub fn fields(show: &mut Show, fields: &[(String, Value)]) -> String {
    let zero =
        |value| matches!(value, Value::Hex(0) | Value::Dec(0) | Value::Ptr(0) | Value::Time(0));
    let told = fields.iter().filter(|&&(_, value)| !zero(value));
    told.map(|(name, value)| format!(" {name}={}", show.given(*value))).collect()
}

/// Returns the text of the fields that a call changed.
pub fn changes(show: &mut Show, before: &[(String, Value)], after: &[(String, Value)]) -> String {
    let changed = before.iter().zip(after).filter(|((_, before), (_, after))| before != after);
    let told: String =
        changed.map(|(_, (name, value))| format!(" {name}={}", show.returned(*value))).collect();
    if told.is_empty() { told } else { format!(" ->{told}") }
}

/// Returns the text of a call's result: zero or more, or the name of an error number.
pub fn result(result: i32) -> String {
    if result < 0 {
        format!("{:?}", nix::errno::Errno::from_raw(-result))
    } else {
        result.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_chooses_is_told_by_its_order() {
        let mut show = Show::default();
        let [a, b] = [Value::Offset(1 << 40), Value::Offset(1 << 41)];
        assert_eq!(show.returned(a), "offset#1");
        assert_eq!(show.returned(b), "offset#2");
        assert_eq!(show.given(a), "offset#1");
        assert_eq!(show.given(Value::Offset(5)), "0x5");
        assert_eq!(show.given(Value::Offset((1 << 41) + 5)), "offset#2+0x5");
        assert_eq!(show.returned(Value::Fd(9)), "fd#1");
        assert_eq!(
            (show.given(Value::Fd(9)), show.given(Value::Fd(8))),
            ("fd#1".into(), "8".into())
        );
        show.forget_offsets();
        assert_eq!(show.returned(a), "offset#3");
        // Closed and opened again under the same number.
        assert_eq!(show.returned(Value::Fd(9)), "fd#2");
        assert_eq!(show.returned(Value::Fd(-1)), "-1");
    }

    #[test]
    fn only_what_changed_is_told() {
        let before = [("a".into(), Value::Dec(1)), ("b".into(), Value::Hex(2))];
        let after = [("a".into(), Value::Dec(1)), ("b".into(), Value::Hex(16))];
        assert_eq!(changes(&mut Show::default(), &before, &after), " -> b=0x10");
        assert_eq!(changes(&mut Show::default(), &before, &before), "");
    }

    #[test]
    fn errors_have_names() {
        assert_eq!((result(-22), result(0), result(7)), ("EINVAL".into(), "0".into(), "7".into()));
    }
}
