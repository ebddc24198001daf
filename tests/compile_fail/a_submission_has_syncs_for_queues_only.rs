use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096)))?;
    let done = device.create_syncobj()?;
    group.submit().signal(&done); //~ E0599
    group.submit().queue(0).signal(&done).submit()?;
    Ok(())
}
