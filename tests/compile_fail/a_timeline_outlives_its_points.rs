use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let timeline = device.create_timeline()?;
    let third = timeline.at(point::<3>());
    drop(timeline); //~ E0505
    third.export_sync_file()?;
    Ok(())
}
