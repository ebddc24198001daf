//! The path of a call from the program to its handler.

pub(crate) mod arena;
pub(crate) mod arrays;
pub(crate) mod budget;
pub(crate) mod caller;
pub(crate) mod errno;
pub(crate) mod ioctl;
pub(crate) mod uaccess;
