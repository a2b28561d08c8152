//! What short words mean, as long as they come again: a column of measurements
//! has few different ones.

use super::octets::Word;

/// The meanings of some words seen a moment ago, each where its key leads: one that
/// leads there later takes the place.
pub(super) struct Recent<T> {
    slots: Vec<(u64, T)>,
    /// By which a key's product is shifted, so that it is a place.
    shift: u32,
}

impl<T: Copy> Recent<T> {
    /// Room for 2^`bits` words; nothing is known yet but the empty word.
    pub fn new(bits: u32, empty: T) -> Recent<T> {
        Recent {
            // 0 is the key of the empty word.
            slots: vec![(0, empty); 1 << bits],
            shift: 64 - bits,
        }
    }

    /// The meaning of a word, if it is known.
    #[inline]
    pub fn get(&self, word: Word) -> Option<T> {
        let (known, meaning) = self.slots.get(self.place(word))?;
        (*known == word.key()).then_some(*meaning)
    }

    /// Keeps the meaning of a word.
    #[inline]
    pub fn put(&mut self, word: Word, meaning: T) {
        let place = self.place(word);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = (word.key(), meaning);
        }
    }

    #[inline]
    fn place(&self, word: Word) -> usize {
        // All bits of the key have a part in the upper ones of such a product.
        (word.key().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }
}
