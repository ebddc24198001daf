//! Compiles the programs of the README files, so that they stay true.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../panthor/README.md")]
struct PanthorReadme;
