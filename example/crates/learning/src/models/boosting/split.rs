//! Finding the best way to part a node's rows by one feature.
//!
//! By a second-order expansion, a leaf that holds rows with sums G and H of the loss's derivatives lowers the loss
//! most with the value −G/(H + λ), by ½ G²/(H + λ) (Chen and Guestrin, *XGBoost*, 2016, equations 4 to 7).

use super::{Monotone, histogram::Bins, sample::Sums};
use crate::models::bins::MISSING;

/// What every split has to heed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// λ: weight of the squared leaves in the loss.
    pub l2: f64,
    /// Least second derivative on either side.
    pub min_leaf_weight: f64,
    /// Twice by how much a split has to lower the loss.
    pub least_gain: f64,
}

/// A way to part a node's rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    /// The last bin that goes left.
    pub bin: u8,
    pub missing_left: bool,
    pub left: Sums,
    /// Twice what both sides lower the loss by.
    pub score: f64,
}

/// The values that a leaf may take, because of splits above by features that are monotone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub low: f64,
    pub high: f64,
}

impl Bounds {
    pub const NONE: Bounds = Bounds {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };

    /// Those of the left and the right child: neither may go beyond the middle of both values.
    pub fn of_children(self, way: Option<Monotone>, left: f64, right: f64) -> [Bounds; 2] {
        let middle = (left + right) / 2.0;
        let below = Bounds {
            high: middle,
            ..self
        };
        let above = Bounds {
            low: middle,
            ..self
        };
        match way {
            None => [self; 2],
            Some(Monotone::Increasing) => [below, above],
            Some(Monotone::Decreasing) => [above, below],
        }
    }
}

impl Rules {
    /// The value of a leaf, before the learning rate.
    pub fn value(&self, sums: Sums, bounds: Bounds) -> f64 {
        let under = sums.hessian + self.l2;
        // A tree that drew no row at all says nothing.
        let best = if under > 0.0 {
            -sums.gradient / under
        } else {
            0.0
        };
        best.clamp(bounds.low, bounds.high)
    }

    /// Twice by how much a leaf of this value lowers the loss.
    fn score_of(&self, sums: Sums, value: f64) -> f64 {
        -(2.0 * sums.gradient + (sums.hessian + self.l2) * value) * value
    }

    /// The score of a node that isn't split.
    pub fn score(&self, sums: Sums, bounds: Bounds) -> f64 {
        self.score_of(sums, self.value(sums, bounds))
    }

    /// The best split by one feature with a score above `limit`, if nothing binds the leaves.
    pub fn free_split(
        &self,
        bins: &[Sums],
        missing: Sums,
        total: Sums,
        limit: f64,
    ) -> Option<Split> {
        // Both sides on one fraction: a division for each bin would take longer than all else.
        self.best(bins, missing, total, limit, |left, right| {
            let (l, r) = (left.hessian + self.l2, right.hessian + self.l2);
            let over = left.gradient * left.gradient * r + right.gradient * right.gradient * l;
            (over, l * r)
        })
    }

    /// The best split by one feature with a score above `limit`, within bounds, and monotone if asked for.
    pub fn bound_split(
        &self,
        bins: &[Sums],
        missing: Sums,
        total: Sums,
        limit: f64,
        (bounds, way): (Bounds, Option<Monotone>),
    ) -> Option<Split> {
        self.best(bins, missing, total, limit, |left, right| {
            let (l, r) = (self.value(left, bounds), self.value(right, bounds));
            let allowed = match way {
                None => true,
                Some(Monotone::Increasing) => l <= r,
                Some(Monotone::Decreasing) => l >= r,
            };
            let score = self.score_of(left, l) + self.score_of(right, r);
            (if allowed { score } else { f64::NEG_INFINITY }, 1.0)
        })
    }

    /// `score` gives a fraction: what is over, and what is under the line (more than 0).
    fn best(
        &self,
        bins: &[Sums],
        missing: Sums,
        total: Sums,
        limit: f64,
        score: impl Fn(Sums, Sums) -> (f64, f64),
    ) -> Option<Split> {
        let mut found = None;
        let mut limit = limit;
        let mut consider = |bin: usize, missing_left: bool, left: Sums| {
            let right = total.minus(left);
            let (over, under) = score(left, right);
            let enough = left.hessian.min(right.hessian) >= self.min_leaf_weight;
            if enough & (over > limit * under) {
                limit = over / under;
                found = Some(Split {
                    bin: bin as u8,
                    missing_left,
                    left,
                    score: limit,
                });
            }
        };
        let mut known = Sums::ZERO;
        for (bin, sums) in bins.iter().enumerate() {
            known = known.plus(*sums);
            if missing.hessian > 0.0 {
                // After the last bin, the missing are split from the known.
                consider(bin, true, known.plus(missing));
                consider(bin, false, known);
            } else {
                // None is missing here; one that comes later goes with the majority.
                consider(bin, known.hessian * 2.0 > total.hessian, known);
            }
        }
        found
    }
}

/// The bins of values that are known, and that of missing ones.
pub(super) fn parts(bins: &Bins, cuts: usize) -> (&[Sums], Sums) {
    (&bins[..=cuts], bins[usize::from(MISSING)])
}
