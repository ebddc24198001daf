use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096)))?;
    group.destroy()?;
    group.state()?; //~ E0382
    Ok(())
}
