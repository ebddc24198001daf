use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let syncobj = device.create_syncobj()?;
    let mut batch = vm.bind();
    batch.unmap(0..4096);
    batch.signal(&syncobj); //~ E0277
    batch.submit()?;
    Ok(drop(syncobj))
}
