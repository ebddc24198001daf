use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let syncobj = device.create_syncobj()?;
    syncobj.destroy()?;
    syncobj.signal()?; //~ E0382
    Ok(())
}
