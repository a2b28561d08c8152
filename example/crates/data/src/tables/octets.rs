//! Eight characters of a text at once, in a `u64`: the first is its lowest byte.

/// The same byte eight times.
pub(super) const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of each byte that is the one asked for, and no other bit.
#[inline]
pub(super) const fn equal(octets: u64, byte: u8) -> u64 {
    let other = octets ^ each(byte);
    !((other & each(0x7F)).wrapping_add(each(0x7F)) | other) & each(0x80)
}

/// The place of the first byte that isn't 0; 8 if all are.
#[inline]
pub(super) const fn first(marks: u64) -> u32 {
    marks.trailing_zeros() / 8
}

/// A cell of at most eight characters, somewhere in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    /// It and what comes after it.
    octets: u64,
    /// How many of the bits at the end aren't its own.
    unused: u32,
}

impl Word {
    /// The characters of `text[start..end]`. `None` if there are more than eight,
    /// and near the end of the text, as a quick load takes always eight.
    #[inline]
    pub fn within(text: &str, start: usize, end: usize) -> Option<Word> {
        let unused = (start + 8).checked_sub(end)?;
        let octets = text.as_bytes().get(start..)?.first_chunk()?;
        Some(Word {
            octets: u64::from_le_bytes(*octets),
            unused: 8 * unused as u32,
        })
    }

    /// The characters of a text of its own.
    #[cfg(test)]
    pub fn new(text: &str) -> Option<Word> {
        Word::within(&format!("{text}{:8}", ""), 0, text.len())
    }

    /// The word as one number, which no other word has (no character is 0).
    #[inline]
    pub fn key(self) -> u64 {
        self.octets.unbounded_shl(self.unused)
    }

    /// Whether a minus comes first, the other characters at the upper end with 0
    /// before them, and all bits of theirs; `None` if there are no others.
    #[inline]
    pub fn unsigned(self) -> Option<(bool, u64, u64)> {
        let negative = self.octets as u8 == b'-';
        let sign = 8 * u32::from(negative);
        let unused = self.unused + sign;
        let octets = (self.octets >> sign).checked_shl(unused)?;
        Some((negative, octets, u64::MAX << (unused % 64)))
    }
}
