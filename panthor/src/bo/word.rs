//! Integers that the CPU accesses at once.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

mod sealed {
    pub trait Sealed {}
}

/// An integer that the CPU loads and stores at once: 1, 2, 4 or 8 bytes.
pub trait Word: sealed::Sealed + Copy {}

/// A [`Word`] with atomic read-modify-write operations.
pub trait AtomicWord: Word {
    /// Adds, wrapping, and returns the previous value.
    ///
    /// # Safety
    ///
    /// `place` must be aligned to its size and valid for an atomic read-modify-write.
    #[doc(hidden)]
    unsafe fn fetch_add(place: *mut Self, value: Self) -> Self;
    /// Stores `new` if the value is `current`, and returns the previous value.
    ///
    /// # Safety
    ///
    /// As for `fetch_add`.
    #[doc(hidden)]
    unsafe fn compare_exchange(place: *mut Self, current: Self, new: Self) -> Result<Self, Self>;
}

macro_rules! words {
    ($($word:ty),*) => {$(
        impl sealed::Sealed for $word {}
        impl Word for $word {}
    )*};
}

words!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! atomic_words {
    ($($word:ty as $atomic:ty),*) => {$(
        impl AtomicWord for $word {
            #[inline]
            unsafe fn fetch_add(place: *mut Self, value: Self) -> Self {
                // SAFETY: guaranteed by the caller.
                let atomic = unsafe { <$atomic>::from_ptr(place) };
                atomic.fetch_add(value, Ordering::AcqRel)
            }
            #[inline]
            unsafe fn compare_exchange(
                place: *mut Self,
                current: Self,
                new: Self,
            ) -> Result<Self, Self> {
                // SAFETY: guaranteed by the caller.
                let atomic = unsafe { <$atomic>::from_ptr(place) };
                atomic.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire)
            }
        }
    )*};
}

atomic_words!(u32 as AtomicU32, u64 as AtomicU64);
