//! What the loss says of one row, in whole numbers.
//!
//! Sums of whole numbers don't depend on the order they are added in: any number of threads grows the
//! same trees, and a histogram less one of its parts is exactly the other part.

/// Quanta of a first derivative, and of a second one, that make 1. Log loss has them within ±1 and ¼.
const GRADIENT_QUANTA: f64 = (1 << 15) as f64;
const HESSIAN_QUANTA: f64 = (1 << 18) as f64;

/// So many samples add up in a [`Packed`] sum without running over: 2¹⁶ of at most 2¹⁵ and 2¹⁶ quanta.
pub(super) const BLOCK: usize = 1 << 16;

// ANCHOR: sample
/// A row and the derivatives of its log loss by the margin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    pub row: u32,
    gradient: i16,
    hessian: u16,
}

impl Sample {
    /// Of a row that is said to be positive with this probability.
    pub fn new(row: u32, probability: f64, positive: bool) -> Sample {
        let gradient = probability - f64::from(u8::from(positive));
        let hessian = probability * (1.0 - probability);
        // `as` rounds down what isn't negative, and stays within the range.
        let shifted = ((gradient + 1.0) * GRADIENT_QUANTA + 0.5) as u16;
        Sample {
            row,
            gradient: shifted.wrapping_sub(1 << 15) as i16,
            // However sure the model is, each row weighs something.
            hessian: ((hessian * HESSIAN_QUANTA + 0.5) as u16).max(1),
        }
    }

    /// Both derivatives in one number.
    pub fn packed(self) -> Packed {
        Packed((i64::from(self.gradient) << 32) + i64::from(self.hessian))
    }
}
// ANCHOR_END: sample

/// Sums of both derivatives of up to [`BLOCK`] samples: the first in the upper half, the second in the lower.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Packed(i64);

impl Packed {
    pub fn add(&mut self, other: Packed) {
        self.0 = self.0.wrapping_add(other.0);
    }

    pub fn sums(self) -> Sums {
        Sums {
            gradient: (self.0 >> 32) as f64 / GRADIENT_QUANTA,
            hessian: f64::from(self.0 as u32) / HESSIAN_QUANTA,
        }
    }
}

/// Sums of both derivatives over any number of rows: exact, for quanta are powers of two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sums {
    pub gradient: f64,
    pub hessian: f64,
}

impl Sums {
    pub const ZERO: Sums = Sums {
        gradient: 0.0,
        hessian: 0.0,
    };

    pub fn of(samples: &[Sample]) -> Sums {
        let of_block = |block: &[Sample]| {
            let mut sum = Packed::default();
            block.iter().for_each(|sample| sum.add(sample.packed()));
            sum.sums()
        };
        let blocks = samples.chunks(BLOCK).map(of_block);
        blocks.fold(Sums::ZERO, Sums::plus)
    }

    pub fn plus(self, other: Sums) -> Sums {
        Sums {
            gradient: self.gradient + other.gradient,
            hessian: self.hessian + other.hessian,
        }
    }

    pub fn minus(self, other: Sums) -> Sums {
        Sums {
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
        }
    }
}
