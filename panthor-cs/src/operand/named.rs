//! Values with names: conditions, scopes, states, modes.
//!
//! The types are numbers with constants, no enums: a value that a newer part adds is another
//! number.

use core::fmt;

use super::{Field, Kind, Value};

/// Defines types of named values.
macro_rules! named {
    ($(
        $(#[$doc:meta])*
        $ty:ident {$(
            $(#[$value_doc:meta])*
            $constant:ident = $bits:literal $name:literal,
        )*}
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $ty(u8);

        impl $ty {
            $(
                $(#[$value_doc])*
                pub const $constant: Self = Self($bits);
            )*

            /// Every assigned value.
            pub const ASSIGNED: &'static [Self] = &[$(Self::$constant),*];

            /// Returns the value with these bits, assigned or not.
            pub const fn from_bits(bits: u8) -> Self {
                Self(bits)
            }

            /// Returns the bits of the value.
            pub const fn bits(self) -> u8 {
                self.0
            }

            /// Returns the name of the value in disassembly; `None` for an unassigned value.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($bits => Some($name),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.value().fmt(f)
            }
        }

        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($ty), "({})"), self)
            }
        }

        impl Field for $ty {
            const KIND: Kind = Kind::Named;
            const ZERO: Self = Self(0);

            fn from_bits(bits: u64, _: u32) -> Option<Self> {
                u8::try_from(bits).ok().map(Self)
            }
            fn to_bits(self) -> u64 {
                self.0.into()
            }
            fn value(self) -> Value {
                Value::Named(self.0, self.name())
            }
        }
    )*};
}

named! {
    /// A condition of BRANCH, on a register as a signed number.
    Condition {
        /// At most 0.
        LE = 0 "le",
        /// Greater than 0.
        GT = 1 "gt",
        /// Equal to 0.
        EQ = 2 "eq",
        /// Not equal to 0.
        NE = 3 "ne",
        /// Less than 0.
        LT = 4 "lt",
        /// At least 0.
        GE = 5 "ge",
        /// Always true.
        ALWAYS = 6 "always",
    }

    /// A condition of SYNC_WAIT, on two unsigned numbers.
    SyncCondition {
        /// The sync object is at most the reference.
        LE = 0 "le",
        /// The sync object is greater than the reference.
        GT = 1 "gt",
    }

    /// The scope of a signal.
    Scope {
        /// Wakes every queue, and raises the interrupt by which the kernel looks at blocked groups
        /// and at job fences.
        SYSTEM = 0 "system",
        /// Wakes the queues of the same group only.
        GROUP = 2 "group",
    }

    /// The axis along which RUN_COMPUTE splits workgroups into tasks.
    TaskAxis {
        /// The x axis.
        X = 0 "x",
        /// The y axis.
        Y = 1 "y",
        /// The z axis.
        Z = 2 "z",
    }

    /// The order in which RUN_FRAGMENT walks the tiles.
    TileOrder {
        /// A Z-order curve.
        Z = 0 "z",
        /// By rows.
        HORIZONTAL = 1 "horizontal",
        /// By columns.
        VERTICAL = 2 "vertical",
        /// By rows, backward.
        HORIZONTAL_REVERSED = 5 "horizontal_reversed",
        /// By columns, backward.
        VERTICAL_REVERSED = 6 "vertical_reversed",
    }

    /// The pipeline stage of a RUN instruction.
    Stage {
        /// Chosen by the instruction.
        INTERNAL = 0 "internal",
        /// Compute.
        COMPUTE = 1 "compute",
        /// Vertex.
        VERTEX = 2 "vertex",
        /// Tessellation control.
        TESS_CONTROL = 3 "tess_control",
        /// Tessellation evaluation.
        TESS_EVAL = 4 "tess_eval",
        /// Geometry.
        GEOMETRY = 5 "geometry",
    }

    /// The vertex shading mode of RUN_IDVS2.
    ShadingMode {
        /// Positions and varyings in one pass.
        EARLY = 0 "early",
        /// Varyings in a second pass.
        DEFERRED = 1 "deferred",
    }

    /// A mode of FLUSH_CACHE2 for the L2 or load/store cache.
    FlushMode {
        /// Leaves the cache alone.
        NONE = 0 "none",
        /// Writes dirty lines back.
        CLEAN = 1 "clean",
        /// Writes dirty lines back and drops all lines.
        CLEAN_INVALIDATE = 3 "clean_inv",
    }

    /// A mode of FLUSH_CACHE2 for the other caches.
    OtherFlushMode {
        /// Leaves the caches alone.
        NONE = 0 "none",
        /// Drops all lines.
        INVALIDATE = 2 "inv",
    }

    /// A value that STORE_STATE stores.
    StoredState {
        /// The system counter, 64 bits.
        TIMESTAMP = 0 "timestamp",
        /// The GPU's cycle counter, 64 bits.
        CYCLE_COUNT = 1 "cycle_count",
        /// The number of disjoint events.
        DISJOINT_COUNT = 2 "disjoint_count",
        /// The error state of the queue, 32 bits: 0 without an error.
        ERROR_STATUS = 3 "error_status",
    }

    /// A counter that HEAP_OPERATION increments.
    HeapCounter {
        /// Vertex/tiler jobs that have started.
        VT_STARTED = 0 "vt_started",
        /// Vertex/tiler jobs that have completed.
        VT_COMPLETED = 1 "vt_completed",
        /// Fragment jobs that have completed.
        FRAGMENT_COMPLETED = 3 "frag_completed",
    }

    /// The selector that NEXT_SB_ENTRY changes.
    SbSelector {
        /// None: the entry is only reported.
        NONE = 0 "none",
        /// The entry of RUN instructions.
        ENDPOINT = 1 "endpoint",
        /// The entry of LOAD_MULTIPLE and STORE_MULTIPLE.
        OTHER = 2 "other",
        /// The entry of operations that are deferred indirectly.
        DEFERRED = 3 "deferred",
    }

    /// The form in which NEXT_SB_ENTRY reports an entry.
    SbFormat {
        /// The number of the entry.
        INDEX = 0 "index",
        /// The mask of the entry.
        MASK = 1 "mask",
    }

    /// A word of state that SET_STATE changes.
    State {
        /// The entry of RUN instructions.
        SB_SEL_ENDPOINT = 0 "sb_sel_endpoint",
        /// The entry of LOAD_MULTIPLE and STORE_MULTIPLE.
        SB_SEL_OTHER = 1 "sb_sel_other",
        /// The entry of operations that are deferred indirectly.
        SB_SEL_DEFERRED = 2 "sb_sel_deferred",
        /// The entries from which NEXT_SB_ENTRY chooses.
        SB_MASK_STREAM = 8 "sb_mask_stream",
        /// The entries that indirect waits wait for.
        SB_MASK_WAIT = 9 "sb_mask_wait",
    }

    /// A bitwise operation of LOGIC_OP32 on A (`src0`) and B (`src1`).
    LogicOp {
        /// 0.
        CLEAR = 0 "clear",
        /// A & B.
        AND = 1 "and",
        /// A & !B.
        AND_NOT_B = 2 "and_a_nb",
        /// A.
        A = 3 "mov_a",
        /// !A & B.
        NOT_A_AND = 4 "and_na_b",
        /// B.
        B = 5 "mov_b",
        /// A ^ B.
        XOR = 6 "xor",
        /// A | B.
        OR = 7 "or",
        /// !(A | B).
        NOR = 8 "nor",
        /// !(A ^ B).
        XNOR = 9 "xnor",
        /// !B.
        NOT_B = 10 "not_b",
        /// A | !B.
        OR_NOT_B = 11 "or_a_nb",
        /// !A.
        NOT_A = 12 "not_a",
        /// !A | B.
        NOT_A_OR = 13 "or_na_b",
        /// !(A & B).
        NAND = 14 "nand",
        /// All ones.
        SET = 15 "set",
    }

    /// The event of an exception handler.
    ExceptionType {
        /// The tiler heap has no memory left.
        TILER_OOM = 2 "tiler_oom",
    }
}
