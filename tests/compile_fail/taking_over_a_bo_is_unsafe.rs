use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let _bo = Bo::from_raw(&device, 1, 4096, BoFlags::empty(), None); //~ E0133
    Ok(drop(device))
}
