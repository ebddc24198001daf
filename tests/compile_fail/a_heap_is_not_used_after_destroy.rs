use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let heap = vm.create_tiler_heap(Default::default())?;
    heap.destroy()?;
    heap.context_va(); //~ E0382
    Ok(())
}
