#![deny(unused_must_use)]
use panthor::*;

fn main() -> Result<()> {
    let device = Device::open_fake()?;
    let vm = device.create_vm(Default::default())?;
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096)))?;
    let done = device.create_syncobj()?;
    let mut submission = group.submit();
    let mut queue = submission.queue(0);
    queue.signal(&done);
    submission.queue(0).signal(&done);
    submission.submit()?;
    group.submit().queue(0); //~ unused_must_use
    Ok(())
}
