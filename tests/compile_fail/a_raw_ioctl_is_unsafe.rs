use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let mut create = sys::drm_syncobj_create::default();
    let _ = device.ioctl(sys::DRM_IOCTL_SYNCOBJ_CREATE, &mut create); //~ E0133
    create.handle = 0;
    Ok(drop(device))
}
