use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let syncobj = device.create_syncobj()?;
    let _third = syncobj.at(point::<3>()); //~ E0599
    Ok(drop(syncobj))
}
