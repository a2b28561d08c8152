//! Summing the rows of a node into the bins of each feature.

use rayon::prelude::*;

use super::sample::{BLOCK, Packed, Sample, Sums};
use crate::models::bins::Binned;

/// Features that are summed together: what they sum into stays in the processor's nearest cache.
const TOGETHER: usize = 8;
/// Bins of a feature, that of missing values included.
const BINS: usize = 256;
/// A node of fewer rows is one thread's.
pub(super) const SHARED: usize = 4096;
/// Samples that one thread adds up, at most.
const SHARE: usize = BLOCK / 2;

/// The bins of a few features, those of a row side by side.
pub(super) struct Tile {
    width: usize,
    rows: Vec<[u8; TOGETHER]>,
}

impl Tile {
    /// Some features, as few tiles as they need.
    pub fn all(binned: &Binned, features: &[usize]) -> Vec<Tile> {
        let tiles = features.len().div_ceil(TOGETHER);
        let tiles = features.par_chunks(features.len().div_ceil(tiles));
        tiles.map(|features| Tile::new(binned, features)).collect()
    }

    fn new(binned: &Binned, features: &[usize]) -> Tile {
        let mut rows = vec![[0; TOGETHER]; binned.rows];
        let shares = rows.par_chunks_mut(SHARED).enumerate();
        shares.for_each(|(share, rows)| {
            let from = share * SHARED;
            for (place, feature) in features.iter().enumerate() {
                let column = &binned.columns[*feature].bins[from..from + rows.len()];
                for (row, bin) in rows.iter_mut().zip(column) {
                    row[place] = *bin;
                }
            }
        });
        Tile {
            width: features.len(),
            rows,
        }
    }

    /// Adds the samples up into the bins of the tile's features.
    fn sum(&self, samples: &[Sample], bins: &mut [Bins]) {
        if samples.len() <= SHARE {
            return self.add_block(samples, bins);
        }
        let shares = samples.par_chunks(SHARE).map(|share| {
            let mut bins = vec![EMPTY; self.width];
            self.add_block(share, &mut bins);
            bins
        });
        let sums = shares.reduce_with(|mut one, other| {
            each(&mut one, &other, Sums::plus);
            one
        });
        if let Some(sums) = sums {
            bins.copy_from_slice(&sums);
        }
    }

    fn add_block(&self, samples: &[Sample], bins: &mut [Bins]) {
        match self.width {
            1 => self.add::<1>(samples, bins),
            2 => self.add::<2>(samples, bins),
            3 => self.add::<3>(samples, bins),
            4 => self.add::<4>(samples, bins),
            5 => self.add::<5>(samples, bins),
            6 => self.add::<6>(samples, bins),
            7 => self.add::<7>(samples, bins),
            _ => self.add::<8>(samples, bins),
        }
    }

    fn add<const WIDTH: usize>(&self, samples: &[Sample], bins: &mut [Bins]) {
        let mut packed = [[Packed::default(); BINS]; WIDTH];
        for sample in samples {
            let bins = &self.rows[sample.row as usize];
            let derivatives = sample.packed();
            for (packed, bin) in packed.iter_mut().zip(bins) {
                packed[usize::from(*bin)].add(derivatives);
            }
        }
        for (bins, packed) in bins.iter_mut().zip(&packed) {
            for (sums, packed) in bins.iter_mut().zip(packed) {
                *sums = packed.sums();
            }
        }
    }
}

/// The sums of one feature's bins.
pub(super) type Bins = [Sums; BINS];
const EMPTY: Bins = [Sums::ZERO; BINS];

/// The sums of all features' bins over a node's samples.
pub(super) struct Histogram(Vec<Bins>);

impl Histogram {
    /// Of the samples of a node.
    pub fn new(tiles: &[Tile], samples: &[Sample]) -> Histogram {
        let mut bins = vec![EMPTY; tiles.iter().map(|tile| tile.width).sum()];
        // All but the last tile are of one width.
        let width = tiles.first().map_or(1, |tile| tile.width);
        if samples.len() < SHARED {
            let parts = bins.chunks_mut(width).zip(tiles);
            parts.for_each(|(bins, tile)| tile.sum(samples, bins));
        } else {
            let parts = bins.par_chunks_mut(width).zip(tiles);
            parts.for_each(|(bins, tile)| tile.sum(samples, bins));
        }
        Histogram(bins)
    }

    /// The sums of one feature, by its place in the tiles.
    pub fn bins(&self, place: usize) -> &Bins {
        &self.0[place]
    }

    /// What is left of a node without one of its children: the other child.
    pub fn minus(mut self, child: &Histogram) -> Histogram {
        each(&mut self.0, &child.0, Sums::minus);
        self
    }
}

fn each(all: &mut [Bins], others: &[Bins], act: impl Fn(Sums, Sums) -> Sums) {
    for (bins, others) in all.iter_mut().zip(others) {
        for (sums, other) in bins.iter_mut().zip(others) {
            *sums = act(*sums, *other);
        }
    }
}
