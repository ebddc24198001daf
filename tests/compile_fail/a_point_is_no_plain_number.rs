use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let timeline = device.create_timeline()?;
    timeline.signal(0)?; //~ E0308
    Ok(drop(timeline))
}
