//! What goes wrong when.

use std::time::Duration;

/// How often what goes wrong. Shares of calls, from 0 to 1; what the shares leave over goes well.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Where the schedule begins.
    pub seed: u64,
    /// The call fails before it reaches the store.
    pub before: f64,
    /// The call does its work, and its answer is lost.
    pub after: f64,
    /// The call does its work, and its answer doesn't come for `delay`: longer than callers wait.
    pub hang: f64,
    /// The call takes `delay` before it begins.
    pub slow: f64,
    /// Half of the bytes: a read ends in the middle; of a write that replaces, or of a part, half is
    /// stored, as by a store that isn't atomic, and the answer is a failure.
    pub torn: f64,
    /// A listing is what it was when it was last asked for.
    pub stale: f64,
    /// How long slow calls and hanging ones take.
    pub delay: Duration,
    /// After so many faults one after the other the same call goes well. More than a caller tries makes
    /// faults permanent for it.
    pub in_a_row: u32,
    /// Only these calls: `put`, `get`, `delete`, `list`, `copy`, `part`, `complete`, `begin`, `abort`. All if empty.
    pub only: Vec<&'static str>,
    /// Every call is refused as if the credentials were wrong.
    pub refuse: bool,
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none(seed: u64) -> Self {
        Self {
            seed,
            before: 0.0,
            after: 0.0,
            hang: 0.0,
            slow: 0.0,
            torn: 0.0,
            stale: 0.0,
            delay: Duration::from_millis(20),
            in_a_row: 3,
            only: Vec::new(),
            refuse: false,
        }
    }

    /// Six calls of ten go wrong in ways that a second try sets right.
    pub fn transient(seed: u64) -> Self {
        Self {
            before: 0.2,
            after: 0.2,
            slow: 0.1,
            torn: 0.2,
            ..Self::none(seed)
        }
    }

    /// What happens to the n-th call of this kind about this name.
    pub(super) fn draw(&self, call: &str, name: &str, count: u64) -> Fault {
        let chances = [
            (Fault::Before, self.before),
            (Fault::After, self.after),
            (Fault::Hang, self.hang),
            (Fault::Slow, self.slow),
            (Fault::Torn, self.torn),
            (Fault::Stale, if call == "list" { self.stale } else { 0.0 }),
        ];
        let mut left = share(self.seed, call, name, count);
        let mut drawn = Fault::None;
        for (fault, chance) in chances {
            if left < chance {
                drawn = fault;
                break;
            }
            left -= chance;
        }
        drawn
    }
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Before,
    After,
    Hang,
    Slow,
    Torn,
    Stale,
}

/// A number in [0, 1) from FNV-1a and a finaliser (the constants of SplitMix64).
fn share(seed: u64, call: &str, name: &str, count: u64) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    let count = count.to_le_bytes();
    for byte in call.bytes().chain([0]).chain(name.bytes()).chain(count) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((hash ^ (hash >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
