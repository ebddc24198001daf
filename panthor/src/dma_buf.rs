//! Names of dma-bufs.

use std::os::fd::AsFd;

use panthor_sys as sys;

use crate::device::Device;
use crate::error::{Error, Result};

/// Call name in errors.
const CALL: &str = "DMA_BUF_SET_NAME";

impl Device {
    /// Sets the debug name of a dma-buf (DMA_BUF_SET_NAME), and replaces its previous name.
    ///
    /// The name is visible in the system's memory statistics and to all users of the dma-buf. The
    /// BO's [label](crate::Bo::set_label) is independent of the name.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name of more than 31 bytes or
    /// with a NUL, and for a descriptor that is not a dma-buf.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(panthor::BoOptions::new(1 << 20))?;
    /// let dma_buf = bo.export()?;
    /// device.name_dma_buf(&dma_buf, "scanout")?;
    /// # let name = panthor::fake::dma_buf_name(&dma_buf);
    /// # assert_eq!(name.as_deref(), Some(&b"scanout"[..]));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DMA_BUF_SET_NAME_A")]
    #[doc(alias = "DMA_BUF_SET_NAME_B")]
    pub fn name_dma_buf(&self, dma_buf: impl AsFd, name: &str) -> Result<()> {
        let mut bytes = [0; sys::DMA_BUF_NAME_LEN];
        let most = bytes.len() - 1;
        if name.len() > most {
            let rule = format!("is too long ({} bytes, at most {most})", name.len());
            return Err(Error::invalid(CALL, "name", rule));
        }
        if name.contains('\0') {
            return Err(Error::invalid(CALL, "name", "has a NUL"));
        }
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        self.transport()
            .name_dma_buf(dma_buf.as_fd(), bytes)
            .map_err(|errno| Error::of_file(CALL, errno, "dma_buf", "is not a dma-buf"))
    }
}
