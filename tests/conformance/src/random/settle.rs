//! Calls that do not wait for earlier submissions, and the waits before all other calls. The waits
//! are not recorded and not compared.

use panthor_sys::*;

use crate::uapi::client::Client;
use crate::uapi::ops::{self, ASYNC, array, zeroed};

use super::program::Step;
use super::requests::*;
use super::values::{Values, View};

/// Returns whether a step only adds asynchronous work. The results of all other steps may depend on
/// whether that work is done.
pub fn is_submission(step: &Step, values: &Values) -> bool {
    let Step::Call(call) = step else { return false };
    let view = View::new(&call.fields, call.request.layout, values);
    *call.request == GROUP_SUBMIT
        || *call.request == VM_BIND && view.number("flags") & u64::from(ASYNC) != 0
}

/// Returns whether the answer to a step does not depend on unfinished work. True for submissions,
/// and for steps that pass their fences on.
pub fn is_of_burst(step: &Step, values: &Values) -> bool {
    if is_submission(step, values) {
        return true;
    }
    let Step::Call(call) = step else { return false };
    let flags = View::new(&call.fields, call.request.layout, values).number("flags");
    *call.request == IMPORT_FENCES
        || *call.request == DMA_BUF_SYNC
        || *call.request == SYNCOBJ_HANDLE_TO_FD
            && flags == u64::from(DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE)
}

/// Objects of a file that may have unfinished work.
#[derive(Clone, Copy, PartialEq)]
pub enum Pending {
    Vm(u32),
    Queue { group: u32, queue: u32 },
}

impl Pending {
    /// Waits until it is done.
    pub fn wait(self, client: &Client<'_>) {
        let mut syncobj = zeroed::<drm_syncobj_create>();
        let result = call(client, DRM_IOCTL_SYNCOBJ_CREATE, &mut syncobj);
        assert_eq!(result, 0, "a syncobj to wait with");
        let handles = [syncobj.handle];
        let syncs = [ops::signal(syncobj.handle, 0)];
        let submitted = match self {
            Self::Vm(vm_id) => {
                let ops = [ops::sync_only(&syncs)];
                let mut bind = drm_panthor_vm_bind { vm_id, flags: ops::ASYNC, ops: array(&ops) };
                call(client, DRM_IOCTL_PANTHOR_VM_BIND, &mut bind)
            }
            Self::Queue { group, queue } => {
                let jobs = [ops::sync_point(queue, &syncs)];
                let queue_submits = array(&jobs);
                let mut submit =
                    drm_panthor_group_submit { group_handle: group, pad: 0, queue_submits };
                call(client, DRM_IOCTL_PANTHOR_GROUP_SUBMIT, &mut submit)
            }
        };
        if submitted == 0 {
            let mut wait = ops::syncobj_wait(&handles, 0, i64::MAX);
            assert_eq!(call(client, DRM_IOCTL_SYNCOBJ_WAIT, &mut wait), 0, "a wait for what comes");
        }
        let mut destroy = drm_syncobj_destroy { handle: syncobj.handle, pad: 0 };
        call(client, DRM_IOCTL_SYNCOBJ_DESTROY, &mut destroy);
    }
}

fn call<T>(client: &Client<'_>, request: u32, arg: &mut T) -> i32 {
    // SAFETY: the structure is writable, and the arrays behind its pointers live until the call
    // returns.
    unsafe { client.node().ioctl(request, (&raw mut *arg).cast()) }
}
