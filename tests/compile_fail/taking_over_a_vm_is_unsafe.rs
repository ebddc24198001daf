use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let _vm = Vm::from_raw(&device, 1, 1 << 47); //~ E0133
    Ok(drop(device))
}
