//! Mappings of all VMs, as root sees them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::client::Client;
use super::kernel::Mapped;

/// Mappings of each VM.
pub type Spaces = Vec<Vec<Mapped>>;

impl Client<'_> {
    /// Records the mappings of all VMs, with objects numbered in the order of appearance. Records
    /// nothing if the kernel does not report mappings.
    pub fn mappings(&mut self) {
        let Some(spaces) = self.spaces(None, Duration::ZERO) else { return };
        for line in lines(&spaces) {
            self.note(line);
        }
    }

    /// Returns the mappings of all VMs, with objects numbered in the order of appearance.
    ///
    /// The kernel releases destroyed objects late: waits up to `patience` for the `wanted`
    /// mappings.
    pub fn spaces(&self, wanted: Option<&Spaces>, patience: Duration) -> Option<Spaces> {
        let start = Instant::now();
        loop {
            let mut spaces = self.kernel.address_spaces()?;
            number_objects(&mut spaces);
            if wanted.is_none_or(|wanted| *wanted == spaces) || start.elapsed() > patience {
                return Some(spaces);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Returns the number of mappings of all VMs, if the kernel reports mappings.
    pub fn mapping_count(&self) -> Option<usize> {
        self.kernel.address_spaces().map(|spaces| spaces.iter().map(Vec::len).sum())
    }

    /// Returns the number of VMs, if the kernel reports mappings.
    pub fn vm_count(&self) -> Option<usize> {
        self.kernel.address_spaces().map(|spaces| spaces.len())
    }

    /// Waits, without recording, until the VMs have that many mappings in all, if the kernel
    /// reports mappings. The mappings of a group go a moment after the group.
    #[track_caller]
    pub fn until_mapped(&self, count: usize) {
        self.until(|| self.mapping_count(), count, "mappings");
    }

    /// Waits, without recording, until that many VMs exist, if the kernel reports mappings. A VM
    /// goes a moment after its last operation, its groups and its file.
    #[track_caller]
    pub fn until_vms(&self, count: usize) {
        self.until(|| self.vm_count(), count, "VMs");
    }

    #[track_caller]
    fn until(&self, number: impl Fn() -> Option<usize>, wanted: usize, what: &str) {
        let patience = Instant::now() + Duration::from_secs(10);
        while let Some(now) = number().filter(|&now| now != wanted) {
            assert!(Instant::now() < patience, "{now} {what}, not {wanted}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn number_objects(spaces: &mut Spaces) {
    let mut objects = HashMap::new();
    for mapped in spaces.iter_mut().flatten() {
        let next = objects.len() as u64;
        mapped.object = *objects.entry(mapped.object).or_insert(next);
    }
}

/// Returns a line for each VM and each mapping.
pub fn lines(spaces: &Spaces) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, space) in spaces.iter().enumerate() {
        lines.push(format!("VM {number}: {} mappings", space.len()));
        for Mapped { va, size, object, offset } in space {
            lines.push(format!("  {va:#x} +{size:#x} object {object} @{offset:#x}"));
        }
    }
    lines
}
