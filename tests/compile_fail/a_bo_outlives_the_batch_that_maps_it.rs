use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let bo = device.create_bo(BoOptions::new(4096))?;
    let mut batch = vm.bind();
    batch.map(&bo, .., 0, MapFlags::NOEXEC);
    drop(bo); //~ E0505
    batch.submit()?;
    Ok(())
}
