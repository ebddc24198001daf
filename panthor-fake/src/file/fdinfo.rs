//! The driver's lines in `/proc/PID/fdinfo`: client identity, memory and GPU time.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::file::File;
use crate::group::gpu_time::{CYCLES, FREQUENCY, TIME};
use crate::lock::lock;
use crate::sharing::dma_buf::DmaBuf;
use crate::sharing::reservation::Usage;

/// The memory of a file's BOs in bytes.
#[derive(Default)]
struct Memory {
    /// BOs with a single handle, of this file.
    private: u64,
    /// BOs with other handles, or shared as a dma-buf.
    shared: u64,
    /// BOs with pending fences that clients imported into the dma-buf. The driver's own jobs do not
    /// count.
    active: u64,
    any_active: bool,
    /// BOs with pages.
    resident: u64,
    any_resident: bool,
}

impl File {
    /// Returns the lines that the driver adds to `/proc/PID/fdinfo/N` for a descriptor of this
    /// file.
    ///
    /// GPU time and cycles appear while profiling is on, see
    /// [`Device::set_profiling`](crate::Device::set_profiling). Kernel memory of groups and heaps
    /// is not counted. Driver 1.0 (Linux 6.12) and an [unplugged](crate::Device::unplug) device add
    /// no lines.
    pub fn fdinfo(&self) -> String {
        let unplugged = self.device().inner().check_plugged().is_err();
        if self.device().config().driver_minor == 0 || unplugged {
            return String::new();
        }
        let memory = self.memory_of_objects();
        let mut text = String::new();
        line(&mut text, "drm-driver", &self.device().config().driver_name);
        line(&mut text, "drm-client-id", &self.client_id().to_string());
        if let Some(name) = &*lock(&self.inner().client_name) {
            line(&mut text, "drm-client-name", name);
        }
        let measured = self.device().inner().profiling.load(Ordering::Relaxed);
        let gpu_time = &self.inner().gpu_time;
        if measured & TIME != 0 {
            line(&mut text, "drm-engine-panthor", &format!("{} ns", gpu_time.nanos()));
        }
        if measured & CYCLES != 0 {
            line(&mut text, "drm-cycles-panthor", &gpu_time.cycles().to_string());
        }
        line(&mut text, "drm-maxfreq-panthor", &format!("{FREQUENCY} Hz"));
        line(&mut text, "drm-curfreq-panthor", &format!("{FREQUENCY} Hz"));
        line(&mut text, "panthor-resident-memory", &size(0));
        line(&mut text, "panthor-active-memory", &size(0));
        line(&mut text, "drm-total-memory", &size(memory.private + memory.shared));
        line(&mut text, "drm-shared-memory", &size(memory.shared));
        if memory.any_active {
            line(&mut text, "drm-active-memory", &size(memory.active));
        }
        if memory.any_resident {
            line(&mut text, "drm-resident-memory", &size(memory.resident));
        }
        text
    }

    fn memory_of_objects(&self) -> Memory {
        let mut memory = Memory::default();
        for (_, bo) in self.inner().objects().iter() {
            if bo.is_shared() {
                memory.shared += bo.size();
            } else {
                memory.private += bo.size();
            }
            let fences = |dma_buf: &Arc<DmaBuf>| !dma_buf.fences().pending(Usage::Read).is_empty();
            if bo.dma_buf().as_ref().is_some_and(fences) {
                memory.active += bo.size();
                memory.any_active = true;
            }
            if bo.is_resident() {
                memory.resident += bo.size();
                memory.any_resident = true;
            }
        }
        memory
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{key}:\t{value}");
}

/// Formats a size in the largest unit up to MiB that divides it.
fn size(bytes: u64) -> String {
    let mut rest = bytes;
    for unit in ["", " KiB"] {
        if rest == 0 || rest % 1024 != 0 {
            return format!("{rest}{unit}");
        }
        rest /= 1024;
    }
    format!("{rest} MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_largest_unit_that_fits() {
        let sizes =
            [(0, "0"), (100, "100"), (4096, "4 KiB"), (1 << 20, "1 MiB"), (3 << 30, "3072 MiB")];
        for (bytes, text) in sizes {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size((1 << 20) + 4096), "1028 KiB");
    }
}
