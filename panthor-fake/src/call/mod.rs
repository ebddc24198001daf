//! How a call gets from a program to the function that answers it.

pub(crate) mod arena;
pub(crate) mod arrays;
pub(crate) mod budget;
pub(crate) mod caller;
pub(crate) mod errno;
pub(crate) mod ioctl;
pub(crate) mod uaccess;
