use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let _id = vm.into_raw()?;
    vm.state()?; //~ E0382
    Ok(())
}
