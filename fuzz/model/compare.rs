//! Compares a file of the fake with the model.

use panthor_fake::{Backing, File};
use panthor_sys::*;

use super::expect::Model;
use super::fake::{self, PAGE};
use super::objects::{Page, SPARSE};

/// Compares the page tables, queues and states of all VMs.
pub fn compare_all(file: &File, model: &Model) {
    for (id, vm) in model.vms.iter() {
        let view = file.gpu(id).expect("the VM");
        assert_eq!(view.pending(), vm.pending(), "operations in the queue of VM {id}");
        let mut state = drm_panthor_vm_get_state { vm_id: id, state: 7 };
        assert_eq!(fake::call(file, DRM_IOCTL_PANTHOR_VM_GET_STATE, &mut state), 0);
        assert_eq!(state.state, u32::from(vm.unusable), "the state of VM {id}");
        let mut expected = vm.table.iter();
        for mapping in view.mappings() {
            let is_cyclic = mapping.backing != Backing::Sparse || mapping.offset < 512 * PAGE;
            assert!(is_cyclic, "{mapping:?} of VM {id}");
            for page in 0..mapping.size / PAGE {
                let va = mapping.va / PAGE + page;
                let Some((&at, known)) = expected.next() else {
                    panic!("page {va:#x} of VM {id} is mapped")
                };
                let offset = match known.object {
                    SPARSE => (mapping.offset / PAGE + page) % 512,
                    _ => mapping.offset / PAGE + page,
                };
                let backing = backing(model, known);
                let seen = (va, offset, mapping.flags, mapping.backing);
                assert_eq!(seen, (at, known.offset, known.flags, backing), "VM {id}");
            }
        }
        assert_eq!(expected.next(), None, "a page of VM {id} is not mapped");
    }
}

fn backing(model: &Model, page: &Page) -> Backing {
    if page.object == SPARSE {
        return Backing::Sparse;
    }
    let mut bos = model.bos.iter();
    let handle = bos.find(|(_, bo)| bo.object == page.object).map(|(handle, _)| handle);
    Backing::Bo { handle }
}
