//! The BOs of a file, their handles, and the dma-bufs that share them.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use nix::fcntl::OFlag;

use super::FileInner;
use crate::bo::Bo;
use crate::call::errno::{Errno, Result};
use crate::file::handles::Handles;
use crate::lock::{ReadGuard, read, write};
use crate::sharing::descriptors::{Identity, forget, sweep_if_many};
use crate::sharing::dma_buf::DmaBuf;
use crate::vm::mapping_info::HandleOf;
use crate::vm::va_space::SPARSE_PERIOD;

/// The buffer objects of a file.
pub(crate) struct Objects {
    handles: Handles<Arc<Bo>>,
    /// The BOs that can be mapped, by mmap offset, with their handle counts.
    by_offset: HashMap<u64, (Arc<Bo>, usize)>,
    /// The handles of each imported or exported dma-buf, in that order. Lookups use the first
    /// handle only. (With three or more handles, or among many dma-bufs, the kernel's choice
    /// depends on addresses.)
    dma_bufs: BTreeMap<Identity, Vec<u32>>,
}

impl Objects {
    pub(crate) fn new() -> Self {
        Self { handles: Handles::new(), by_offset: HashMap::new(), dma_bufs: BTreeMap::new() }
    }

    pub(crate) fn take_all(&mut self) -> Vec<Arc<Bo>> {
        self.handles.take_all()
    }

    pub(crate) fn bo(&self, handle: u32) -> Option<&Arc<Bo>> {
        self.handles.get(handle)
    }

    /// Returns the BO at an mmap offset.
    pub(crate) fn at_mmap_offset(&self, offset: u64) -> Option<&Arc<Bo>> {
        self.by_offset.get(&offset).map(|(bo, _)| bo)
    }

    fn add(&mut self, bo: Arc<Bo>) -> Result<u32> {
        let handle = self.handles.insert(bo.clone(), i32::MAX as u32).ok_or(Errno::NOSPC)?;
        bo.count_handle();
        self.by_offset.entry(bo.mmap_offset()).or_insert((bo, 0)).1 += 1;
        Ok(handle)
    }

    fn remove(&mut self, handle: u32) -> Option<Arc<Bo>> {
        let bo = self.handles.remove(handle)?;
        if let Some((_, handles)) = self.by_offset.get_mut(&bo.mmap_offset()) {
            *handles -= 1;
            if *handles == 0 {
                self.by_offset.remove(&bo.mmap_offset());
            }
        }
        if bo.dma_buf().is_some() {
            self.dma_bufs.retain(|_, known| {
                known.retain(|&known| known != handle);
                !known.is_empty()
            });
        }
        // Last: without a handle, a sweep may forget the dma-buf, which must then be unknown here.
        bo.uncount_handle();
        Some(bo)
    }

    /// Returns the handles with their BOs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Arc<Bo>)> {
        self.handles.iter()
    }
}

/// Drops the BO reference of a closed handle, and forgets the BO's dma-buf if no descriptor of it
/// is open.
pub(crate) fn end_sharing(bo: Arc<Bo>) {
    let shared = bo.dma_buf().map(|dma_buf| dma_buf.identity());
    // First, because an imported BO keeps its dma-buf alive.
    drop(bo);
    if let Some(identity) = shared {
        forget(identity);
    }
}

impl FileInner {
    /// Locks the table of buffer objects for reading.
    pub(crate) fn objects(&self) -> ReadGuard<'_, Objects> {
        read(&self.objects)
    }

    /// Returns the handles by object.
    pub(crate) fn handle_of(&self) -> HandleOf {
        self.objects().iter().map(|(handle, bo)| (Arc::as_ptr(bo), handle)).collect()
    }

    /// Returns all BOs with their handles.
    pub(crate) fn all_bos(&self) -> Vec<(u32, Arc<Bo>)> {
        self.objects().iter().map(|(handle, bo)| (handle, bo.clone())).collect()
    }

    /// # Errors
    /// `ENOENT` if there is no such BO.
    pub(crate) fn bo(&self, handle: u32) -> Result<Arc<Bo>> {
        self.objects().bo(handle).cloned().ok_or(Errno::NOENT)
    }

    pub(crate) fn add_bo(&self, bo: Arc<Bo>) -> Result<u32> {
        write(&self.objects).add(bo)
    }

    /// Adds a handle for the BO with a flink name. The name stays valid during the call.
    ///
    /// # Errors
    /// `ENOENT` if there is no such name.
    pub(crate) fn open_name(&self, name: u32) -> Result<(u32, Arc<Bo>)> {
        let mut objects = write(&self.objects);
        self.device_inner().names.with(name, |bo| Ok((objects.add(bo.clone())?, bo.clone())))
    }

    /// Exports a BO as a dma-buf.
    ///
    /// # Errors
    /// `ENOENT` if there is no such BO, `EINVAL` if it is exclusive to a VM.
    pub(crate) fn export(&self, handle: u32, flags: OFlag) -> Result<OwnedFd> {
        sweep_if_many();
        let mut objects = write(&self.objects);
        let bo = objects.bo(handle).cloned().ok_or(Errno::NOENT)?;
        if bo.is_exclusive() {
            return Err(Errno::INVAL);
        }
        let (fd, identity) = DmaBuf::export(&bo, flags)?;
        let known = objects.dma_bufs.entry(identity).or_default();
        if !known.contains(&handle) {
            known.push(handle);
        }
        Ok(fd)
    }

    /// Imports a dma-buf. Returns the existing handle if this file already knows the dma-buf. A BO
    /// of the same device gets a handle in this file; any other dma-buf becomes a new BO.
    pub(crate) fn import(&self, dma_buf: &Arc<DmaBuf>) -> Result<u32> {
        let identity = dma_buf.identity();
        let mut objects = write(&self.objects);
        if let Some(&handle) = objects.dma_bufs.get(&identity).and_then(|known| known.first()) {
            return Ok(handle);
        }
        let device = self.device_inner();
        let bo = match dma_buf.bo().filter(|bo| bo.is_of(device)) {
            Some(bo) => bo.clone(),
            None => Arc::new(Bo::import(device.clone(), dma_buf.clone())?),
        };
        let handle = objects.add(bo)?;
        objects.dma_bufs.insert(identity, vec![handle]);
        Ok(handle)
    }

    /// # Errors
    /// `EINVAL` if there is no such BO.
    pub(crate) fn close_bo(&self, handle: u32) -> Result<()> {
        let mut objects = write(&self.objects);
        let bo = objects.remove(handle).ok_or(Errno::INVAL)?;
        // Dropping the BO may be slow, so it happens without the lock.
        drop(objects);
        if bo.name() != 0 {
            self.device_inner().names.forget(&bo);
        }
        end_sharing(bo);
        Ok(())
    }

    /// Returns the BO behind the sparse mappings of this file.
    pub(crate) fn sparse_object(&self) -> Result<Arc<Bo>> {
        if let Some(sparse) = self.sparse.get() {
            return Ok(sparse.clone());
        }
        let sparse = Bo::new(self.device_inner().clone(), SPARSE_PERIOD, 0, None, false)?;
        Ok(self.sparse.get_or_init(|| Arc::new(sparse)).clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::device::Device;
    use crate::device::config::Config;
    use crate::lock::lock;
    use crate::sharing::descriptors::{Object, find};

    /// Creates a BO and exports it as a dma-buf.
    fn exported(device: &Device) -> (crate::file::File, Arc<Bo>, Arc<DmaBuf>, OwnedFd) {
        let file = device.open();
        let bo = Arc::new(Bo::new(device.inner().clone(), 4096, 0, None, true).unwrap());
        let handle = file.inner().add_bo(bo.clone()).unwrap();
        let fd = file.inner().export(handle, OFlag::O_RDWR).unwrap();
        let Some(Object::DmaBuf(dma_buf)) = find(Identity::of(&fd).unwrap()) else {
            panic!("no dma-buf")
        };
        (file, bo, dma_buf, fd)
    }

    #[test]
    fn threads_that_import_one_dma_buf_get_one_handle() {
        let (from, to) = [(); 2].map(|()| Device::new(Config::default()).unwrap()).into();
        for _ in 0..5 {
            let (_exporter, _bo, dma_buf, _fd) = exported(&from);
            let file = to.open();
            // Both imports block where they get the pages of the BO.
            let turn = lock(&from.inner().turn);
            std::thread::scope(|scope| {
                let threads = [(); 2].map(|()| scope.spawn(|| file.inner().import(&dma_buf)));
                std::thread::sleep(Duration::from_millis(20));
                drop(turn);
                let [a, b] = threads.map(|thread| thread.join().unwrap().unwrap());
                assert_eq!(a, b);
            });
            assert_eq!(file.inner().all_bos().len(), 1);
        }
    }

    #[test]
    fn an_import_that_fails_leaves_the_pages_of_the_bo_evictable() {
        let (from, to) = [(); 2].map(|()| Device::new(Config::default()).unwrap()).into();
        let (_exporter, bo, dma_buf, _fd) = exported(&from);
        let file = to.open();
        // Uses up the remaining address space of mmap offsets.
        let mut size = 1 << 62;
        let mut fill = Vec::new();
        while size >= 4096 {
            match Bo::new(to.inner().clone(), size, 0, None, true) {
                Ok(bo) => fill.push(bo),
                Err(_) => size /= 2,
            }
        }
        assert!(file.inner().import(&dma_buf).is_err());
        assert!(bo.is_resident() && !bo.is_pinned());
        assert_eq!(from.reclaim(u64::MAX), 4096);
        // With room, the import works and pins the pages.
        drop(fill);
        assert!(file.inner().import(&dma_buf).is_ok());
        assert!(bo.is_pinned());
    }
}
