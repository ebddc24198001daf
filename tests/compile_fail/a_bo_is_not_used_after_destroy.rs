use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let bo = device.create_bo(BoOptions::new(4096))?;
    bo.destroy()?;
    bo.map()?; //~ E0382
    Ok(())
}
