use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let mut batch = vm.bind();
    drop(vm); //~ E0505
    batch.submit()?;
    Ok(())
}
