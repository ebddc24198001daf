//! The call stack.

use core::fmt;

use super::Exception;
use super::Trap;

/// The number of frames, the ring buffer's included.
pub const CALL_STACK_DEPTH: usize = 8;

/// The number of frames with that of an exception handler.
const FRAMES: usize = CALL_STACK_DEPTH + 1;

/// The rest of a stream: from the next instruction to the end.
///
/// Positions are GPU VAs; in the ring buffer's frame they are EXTRACT and INSERT.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Frame {
    pub ip: u64,
    pub end: u64,
}

/// Frames of nested calls. Frame 0 is the ring buffer's.
#[derive(Clone, Debug)]
pub(super) struct CallStack {
    /// The current frame.
    pub top: Frame,
    /// The callers, from the ring buffer on.
    callers: [Frame; FRAMES],
    depth: u8,
    /// The depth of the exception handler's frame; 0 for none.
    handler: u8,
}

impl CallStack {
    pub const fn new() -> Self {
        let empty = Frame { ip: 0, end: 0 };
        Self { top: empty, callers: [empty; FRAMES], depth: 0, handler: 0 }
    }

    /// Returns the number of calls below the ring buffer's frame.
    #[inline(always)]
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// Returns the ring buffer's frame.
    pub fn root(&self) -> Frame {
        if self.depth == 0 { self.top } else { self.callers[0] }
    }

    /// Returns the ring buffer's frame for changes.
    pub fn root_mut(&mut self) -> &mut Frame {
        if self.depth == 0 { &mut self.top } else { &mut self.callers[0] }
    }

    /// Returns whether the exception handler runs.
    pub fn in_handler(&self) -> bool {
        self.handler != 0
    }

    /// Enters a frame.
    pub fn call(&mut self, frame: Frame) -> Result<(), Trap> {
        let limit = CALL_STACK_DEPTH + usize::from(self.in_handler());
        if usize::from(self.depth) + 1 >= limit {
            return Err(Trap::of(Exception::CALL_STACK_OVERFLOW));
        }
        self.push(frame);
        Ok(())
    }

    /// Enters the frame of the exception handler, which the depth of calls does not limit.
    ///
    /// Call only while no handler runs.
    pub fn enter_handler(&mut self, frame: Frame) {
        self.push(frame);
        self.handler = self.depth;
    }

    fn push(&mut self, frame: Frame) {
        if let Some(caller) = self.callers.get_mut(usize::from(self.depth)) {
            *caller = self.top;
            self.top = frame;
            self.depth += 1;
        }
    }

    /// Leaves the current frame. The ring buffer's frame stays.
    pub fn leave(&mut self) -> Left {
        let Some(above) = self.depth.checked_sub(1) else { return Left::Root };
        let left = if self.depth == self.handler { Left::Handler } else { Left::Call };
        if left == Left::Handler {
            self.handler = 0;
        }
        self.depth = above;
        self.top = self.callers[usize::from(above)];
        left
    }
}

/// The kind of a frame that ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// The ring buffer's frame.
    Root,
    /// The frame of a CALL.
    Call,
    /// The frame of an exception handler.
    Handler,
}

impl Frame {
    /// Returns the frame of a stream.
    ///
    /// Both the address and the length have to be multiples of 8.
    pub fn of_stream(address: u64, length: u32) -> Result<Self, Trap> {
        if address % 8 != 0 || length % 8 != 0 {
            return Err(Trap::INVALID);
        }
        let end = address.checked_add(length.into()).ok_or(Trap::INVALID)?;
        Ok(Self { ip: address, end })
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.ip, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(ip: u64) -> Frame {
        Frame { ip, end: ip + 8 }
    }

    #[test]
    fn seven_calls_fit_under_the_ring_buffer() {
        let mut stack = CallStack::new();
        for i in 1..8 {
            assert_eq!(stack.call(frame(i)), Ok(()), "call {i}");
        }
        assert_eq!(stack.call(frame(8)), Err(Trap::of(Exception::CALL_STACK_OVERFLOW)));
        assert_eq!(stack.top, frame(7));
    }

    #[test]
    fn handler_has_a_frame_beyond_the_limit() {
        let mut stack = CallStack::new();
        while stack.call(frame(1)).is_ok() {}
        stack.enter_handler(frame(2));
        assert_eq!((stack.depth(), stack.top), (8, frame(2)));
        assert!(stack.call(frame(3)).is_err());
        assert_eq!(stack.leave(), Left::Handler);
        assert!(!stack.in_handler());
        assert_eq!((0..8).map(|_| stack.leave()).filter(|&left| left == Left::Call).count(), 7);
    }

    #[test]
    fn root_stays() {
        let mut stack = CallStack::new();
        stack.root_mut().end = 64;
        stack.call(frame(1)).unwrap();
        stack.root_mut().end = 128;
        assert_eq!(stack.leave(), Left::Call);
        assert_eq!(stack.leave(), Left::Root);
        assert_eq!(stack.top.end, 128);
    }
}
