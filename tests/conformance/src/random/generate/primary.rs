//! The primary node: names of BOs, masters, and mode setting, which comes to nothing.

use crate::cases::mode_setting;

use super::*;

impl Maker {
    /// Returns a file of the primary node, in most cases.
    fn primary_file(&mut self, file: FileId) -> FileId {
        if self.dice.one_in(12) {
            return file;
        }
        let is_primary = |file: &usize| self.files[*file].is_primary;
        let all: Vec<_> = (0..self.files.len()).filter(is_primary).collect();
        let wants = all.is_empty() || all.len() == 1 && self.dice.one_in(4);
        match all.len() {
            _ if wants && self.files.len() < FILES => self.open(true),
            0 => file,
            len => all[self.dice.index(len)] as FileId,
        }
    }

    /// Gives a BO a name, or opens one by its name.
    pub fn names(&mut self, file: FileId) {
        let file = self.primary_file(file);
        if self.names.is_empty() || self.dice.one_in(3) {
            let handle = self.one(file, Kind::Bo);
            let size = self.bo_size(file, &handle);
            let name = self.create(file, &GEM_FLINK, vec![("handle", handle)]);
            self.names.push((name, size));
            return;
        }
        let (name, size) = self.names[self.dice.index(self.names.len())];
        let name = if self.dice.one_in(12) {
            n(self.dice.of(&[0_u64, 1, 2, 3, 99, 1 << 31, u64::MAX]))
        } else {
            Arg::Slot(name)
        };
        let slot = self.create(file, &GEM_OPEN, vec![("name", name)]);
        let objects = self.objects(file);
        objects.add(Kind::Bo, slot);
        objects.bos.push((slot, None, size));
    }

    pub fn primary(&mut self, file: FileId) {
        let file = self.primary_file(file);
        match self.dice.below(10) {
            0 => self.plain(file, DRM_IOCTL_SET_MASTER, 0),
            1 => self.plain(file, DRM_IOCTL_DROP_MASTER, 0),
            2 => {
                let magic = self.create(file, &GET_MAGIC, Vec::new());
                self.magics.push(magic);
            }
            3 | 4 => {
                let magic = match self.magics.len() {
                    0 => n(1_u64),
                    _ if self.dice.one_in(6) => n(self.dice.of(&[0_u64, 1, 2, 77, u64::MAX])),
                    len => Arg::Slot(self.magics[self.dice.index(len)]),
                };
                self.call(file, &AUTH_MAGIC, vec![("magic", magic)]);
            }
            5 | 6 => self.set_version(file),
            7 => {
                let room = self.dice.of(&[0, 5, 64]);
                self.steps.push(Step::Unique(file, room));
            }
            _ => {
                let all: Vec<_> = mode_setting::requests().collect();
                let (request, len) = self.dice.of(&all);
                self.plain(file, request, len);
            }
        }
    }

    fn plain(&mut self, file: FileId, request: u32, len: usize) {
        let byte = self.dice.below(2) as u8;
        self.steps.push(Step::Plain(Plain { file, request, len, byte }));
    }

    fn set_version(&mut self, file: FileId) {
        let any = u64::MAX;
        let [core, driver] = [4_u64, 0].map(|minor| {
            let major = self.dice.of(&[1, 1, 1, any, any, 0, 2]);
            (major, self.dice.of(&[minor, 0, 1, any, 10]))
        });
        let fields = vec![
            ("drm_di_major", n(core.0)),
            ("drm_di_minor", n(core.1)),
            ("drm_dd_major", n(driver.0)),
            ("drm_dd_minor", n(driver.1)),
        ];
        self.call(file, &SET_VERSION, fields);
    }
}
