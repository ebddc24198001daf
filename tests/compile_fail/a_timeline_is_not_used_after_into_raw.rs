use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let timeline = device.create_timeline()?;
    let _handle = timeline.into_raw();
    timeline.value()?; //~ E0382
    Ok(())
}
