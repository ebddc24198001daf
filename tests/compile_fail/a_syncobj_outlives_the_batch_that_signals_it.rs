use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let syncobj = device.create_syncobj()?;
    let mut batch = vm.bind_async();
    batch.unmap(0..4096).signal(&syncobj);
    drop(syncobj); //~ E0505
    batch.submit()?;
    Ok(())
}
