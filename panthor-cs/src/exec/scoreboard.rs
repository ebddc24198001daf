//! Scoreboard counters, selectors and the state words of architecture 11 and later.

use super::Trap;
use crate::operand::{SbEntry, SbMask, SbSelector, State};

/// Counters of asynchronous operations and the state that chooses among them.
#[derive(Clone, Debug)]
pub(super) struct Scoreboard {
    counters: [u8; 16],
    /// The entries with a nonzero counter.
    busy: u16,
    count: u8,
    endpoint: SbEntry,
    other: SbEntry,
    deferred: SbEntry,
    stream: SbMask,
    wait: SbMask,
}

impl Scoreboard {
    /// Returns a scoreboard with `count` entries, at most 16.
    pub fn new(count: u8) -> Self {
        Self {
            counters: [0; 16],
            busy: 0,
            count: count.min(16),
            endpoint: SbEntry::default(),
            other: SbEntry::default(),
            deferred: SbEntry::default(),
            stream: SbMask::NONE,
            wait: SbMask::NONE,
        }
    }

    /// Returns the entries with a nonzero counter.
    #[inline(always)]
    pub fn busy(&self) -> SbMask {
        SbMask::from_bits(self.busy)
    }

    /// Returns the entries of `mask` with a nonzero counter.
    #[inline(always)]
    pub fn busy_of(&self, mask: SbMask) -> SbMask {
        SbMask::from_bits(self.busy & mask.bits())
    }

    /// Returns `entry` if the queue has the entry.
    pub fn checked(&self, entry: SbEntry) -> Result<SbEntry, Trap> {
        if entry.number() < self.count { Ok(entry) } else { Err(Trap::CONFIG) }
    }

    /// Counts an operation in.
    ///
    /// At most as many operations as [`Pending`](super::pending::Pending) holds are counted.
    pub fn increment(&mut self, entry: SbEntry) {
        let counter = &mut self.counters[usize::from(entry.number() & 15)];
        *counter = counter.saturating_add(1);
        self.busy |= entry.mask().bits();
    }

    /// Counts an operation out. Returns whether the entry is free now.
    pub fn decrement(&mut self, entry: SbEntry) -> bool {
        let counter = &mut self.counters[usize::from(entry.number() & 15)];
        *counter = counter.saturating_sub(1);
        let free = *counter == 0;
        if free {
            self.busy &= !entry.mask().bits();
        }
        free
    }

    pub fn endpoint(&self) -> SbEntry {
        self.endpoint
    }

    pub fn other(&self) -> SbEntry {
        self.other
    }

    /// Returns SB_SEL_DEFERRED.
    pub fn deferred(&self) -> SbEntry {
        self.deferred
    }

    /// Returns SB_MASK_WAIT.
    pub fn wait_mask(&self) -> SbMask {
        self.wait
    }

    /// Sets the selectors, as SET_SB_ENTRY does.
    pub fn select(&mut self, endpoint: SbEntry, other: SbEntry) -> Result<(), Trap> {
        let (endpoint, other) = (self.checked(endpoint)?, self.checked(other)?);
        (self.endpoint, self.other) = (endpoint, other);
        Ok(())
    }

    /// Sets a state word.
    pub fn set_state(&mut self, state: State, value: u32) -> Result<(), Trap> {
        let entry = || {
            let number = u8::try_from(value).map_err(|_| Trap::CONFIG)?;
            self.checked(SbEntry::new(number).ok_or(Trap::CONFIG)?)
        };
        let mask = || u16::try_from(value).map(SbMask::from_bits).map_err(|_| Trap::CONFIG);
        match state {
            State::SB_SEL_ENDPOINT => self.endpoint = entry()?,
            State::SB_SEL_OTHER => self.other = entry()?,
            State::SB_SEL_DEFERRED => self.deferred = entry()?,
            State::SB_MASK_STREAM => self.stream = mask()?,
            State::SB_MASK_WAIT => self.wait = mask()?,
            _ => return Err(Trap::INVALID),
        }
        Ok(())
    }

    /// Returns the value of a state word; `None` for an unassigned one.
    pub fn state(&self, state: State) -> Option<u32> {
        Some(match state {
            State::SB_SEL_ENDPOINT => self.endpoint.number().into(),
            State::SB_SEL_OTHER => self.other.number().into(),
            State::SB_SEL_DEFERRED => self.deferred.number().into(),
            State::SB_MASK_STREAM => self.stream.bits().into(),
            State::SB_MASK_WAIT => self.wait.bits().into(),
            _ => return None,
        })
    }

    /// Selects the next free entry of SB_MASK_STREAM, as NEXT_SB_ENTRY does.
    ///
    /// The search starts behind the entry that is selected now. Returns the entry, or the mask of
    /// busy entries when none is free.
    pub fn select_next(&mut self, selector: SbSelector) -> Result<Result<SbEntry, SbMask>, Trap> {
        let candidates = self.stream.bits() & SbMask::first(self.count).bits();
        if candidates == 0 {
            return Err(Trap::CONFIG);
        }
        let current = match selector {
            SbSelector::NONE | SbSelector::ENDPOINT => self.endpoint,
            SbSelector::OTHER => self.other,
            SbSelector::DEFERRED => self.deferred,
            _ => return Err(Trap::INVALID),
        };
        let free = candidates & !self.busy;
        let after = (1..=16).map(|step| (current.number() + step) & 15);
        let Some(next) = after.filter_map(SbEntry::new).find(|next| free & next.mask().bits() != 0)
        else {
            return Ok(Err(SbMask::from_bits(candidates)));
        };
        match selector {
            SbSelector::ENDPOINT => self.endpoint = next,
            SbSelector::OTHER => self.other = next,
            SbSelector::DEFERRED => self.deferred = next,
            _ => {}
        }
        Ok(Ok(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operand::entry;

    #[test]
    fn busy_follows_the_counters() {
        let mut scoreboard = Scoreboard::new(8);
        scoreboard.increment(entry::<3>());
        scoreboard.increment(entry::<3>());
        assert_eq!(scoreboard.busy(), entry::<3>().mask());
        assert!(!scoreboard.decrement(entry::<3>()));
        assert!(scoreboard.decrement(entry::<3>()));
        assert!(scoreboard.busy().is_empty());
    }

    #[test]
    fn entries_beyond_the_count_are_refused() {
        let mut scoreboard = Scoreboard::new(8);
        assert_eq!(scoreboard.select(entry::<7>(), entry::<8>()), Err(Trap::CONFIG));
        assert_eq!(scoreboard.endpoint(), entry::<0>());
        for state in [State::SB_SEL_ENDPOINT, State::SB_SEL_OTHER, State::SB_SEL_DEFERRED] {
            assert_eq!(scoreboard.set_state(state, 8), Err(Trap::CONFIG));
            assert_eq!(scoreboard.set_state(state, 0x103), Err(Trap::CONFIG));
            assert_eq!(scoreboard.set_state(state, 7), Ok(()));
        }
        assert_eq!(scoreboard.set_state(State::from_bits(5), 0), Err(Trap::INVALID));
    }

    #[test]
    fn next_entry_goes_round() {
        let mut scoreboard = Scoreboard::new(8);
        scoreboard.set_state(State::SB_MASK_STREAM, 0b1101_1000).unwrap();
        let mut picked = [0; 5];
        for entry in &mut picked {
            *entry = scoreboard.select_next(SbSelector::ENDPOINT).unwrap().unwrap().number();
        }
        assert_eq!(picked, [3, 4, 6, 7, 3]);
        scoreboard.increment(entry::<4>());
        assert_eq!(scoreboard.select_next(SbSelector::ENDPOINT), Ok(Ok(entry::<6>())));
        for busy in [3, 6, 7] {
            scoreboard.increment(SbEntry::new(busy).unwrap());
        }
        let all = SbMask::from_bits(0b1101_1000);
        assert_eq!(scoreboard.select_next(SbSelector::ENDPOINT), Ok(Err(all)));
        assert_eq!(scoreboard.endpoint(), entry::<6>());
    }

    #[test]
    fn next_entry_of_an_empty_mask_is_refused() {
        let mut scoreboard = Scoreboard::new(8);
        scoreboard.set_state(State::SB_MASK_STREAM, 0xff00).unwrap();
        assert_eq!(scoreboard.select_next(SbSelector::OTHER), Err(Trap::CONFIG));
    }
}
