use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let mut buffer = BindBuffer::new();
    let mut first = vm.bind_with(&mut buffer);
    vm.bind_with(&mut buffer).unmap(0..4096).submit()?; //~ E0499
    first.unmap(0..4096).submit()?;
    Ok(())
}
