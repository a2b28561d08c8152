//! Whether the folders of a cache look as they did, so that not every object has to be looked for.

use mlops_repository::Checksum;

/// Folders of a cache: one for each first byte of a name.
pub(crate) const FOLDERS: usize = 256;

/// What the folders of a cache look like: of each a number that changes whenever an object comes or goes,
/// or 0 where that isn't known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence(Box<[u64; FOLDERS]>);

impl Default for Presence {
    /// Nothing is known.
    fn default() -> Presence {
        Presence(Box::new([0; FOLDERS]))
    }
}

impl Presence {
    /// Of each folder by its number.
    pub fn of(folder: impl Fn(u8) -> u64) -> Presence {
        let mut presence = Presence::default();
        for (number, place) in (0..=u8::MAX).zip(presence.0.iter_mut()) {
            *place = folder(number);
        }
        presence
    }

    /// What is known of each folder, in the order of their numbers.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &u64> {
        self.0.iter()
    }

    /// Whether an object's folder looks as it did when this was noted.
    pub fn holds(&self, now: &Presence, checksum: &Checksum) -> bool {
        let at = usize::from(checksum.0[0]);
        self.0[at] != 0 && self.0[at] == now.0[at]
    }

    /// Whether something is known of an object's folder.
    pub fn knows(&self, checksum: &Checksum) -> bool {
        self.0[usize::from(checksum.0[0])] != 0
    }

    /// Forgets what is known of an object's folder.
    pub fn forget(&mut self, checksum: &Checksum) {
        self.0[usize::from(checksum.0[0])] = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_cache_that_is_not_known_holds_nothing() {
        let object = Checksum([3; 16]);
        let known = Presence::of(|folder| u64::from(folder) * 7);
        assert!(known.holds(&known, &object));
        assert!(!known.holds(&Presence::default(), &object));
        assert!(!Presence::default().holds(&Presence::default(), &object));
        let mut less = known.clone();
        less.forget(&object);
        assert!(!less.holds(&known, &object) && !less.knows(&object));
        assert!(less.holds(&known, &Checksum([4; 16])));
    }
}
