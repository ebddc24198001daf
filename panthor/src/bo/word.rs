//! What the CPU accesses in one piece.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

mod sealed {
    pub trait Sealed {}
}

/// An integer that the CPU loads and stores: of 1, 2, 4 or 8 bytes.
pub trait Word: sealed::Sealed + Copy {}

/// A [`Word`] that can be changed in one piece depending on what it was.
pub trait AtomicWord: Word {
    /// Adds, wrapping; gives what was there before.
    ///
    /// # Safety
    ///
    /// `place` is valid for an atomic read-modify-write, aligned to the size.
    #[doc(hidden)]
    unsafe fn fetch_add(place: *mut Self, value: Self) -> Self;
    /// Stores `new` if `current` is there; gives what was there before.
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
                // SAFETY: the caller's promise.
                let atomic = unsafe { <$atomic>::from_ptr(place) };
                atomic.fetch_add(value, Ordering::AcqRel)
            }
            #[inline]
            unsafe fn compare_exchange(
                place: *mut Self,
                current: Self,
                new: Self,
            ) -> Result<Self, Self> {
                // SAFETY: the caller's promise.
                let atomic = unsafe { <$atomic>::from_ptr(place) };
                atomic.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire)
            }
        }
    )*};
}

atomic_words!(u32 as AtomicU32, u64 as AtomicU64);
