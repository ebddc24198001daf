use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let bo = device.create_bo(BoOptions::new(4096))?;
    let mut batch = vm.bind();
    batch.map_whole(&bo, .., 0, MapFlags::NOEXEC); //~ E0133
    batch.submit()?;
    Ok(drop(bo))
}
