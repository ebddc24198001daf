use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let bo = device.create_bo(BoOptions::new(4096))?;
    let _two = bo.clone(); //~ E0599
    Ok(())
}
