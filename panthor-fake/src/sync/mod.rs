//! Fences, job queues and sync objects.

pub(crate) mod eventfd;
pub(crate) mod events;
pub(crate) mod fence;
pub(crate) mod in_turn;
pub(crate) mod jobs;
pub(crate) mod leaf;
pub(crate) mod submission;
pub(crate) mod syncobj;
pub(crate) mod syncobj_ioctls;
