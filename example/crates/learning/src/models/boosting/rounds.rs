//! From tree to tree: what each sees, and what is left to learn.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::{grow::Grower, sample::Sample};
use crate::{Dataset, Tree, sigmoid::sigmoid};

/// Rows that one thread takes at a time.
const SHARE: usize = 4096;

/// The state between two trees.
pub(super) struct Rounds<'a> {
    data: &'a Dataset,
    /// The log-odds of the positive class, where all margins start.
    pub base: f64,
    /// What the trees so far say of each row.
    pub margins: Vec<f64>,
    samples: Vec<Sample>,
    scratch: Vec<Sample>,
    rng: Pcg64Mcg,
}

impl<'a> Rounds<'a> {
    pub fn new(data: &'a Dataset, seed: u64) -> Rounds<'a> {
        let positives = data.positives() as f64;
        let base = libm::log(positives / (data.rows() as f64 - positives));
        Rounds {
            data,
            base,
            margins: vec![base; data.rows()],
            samples: Vec::with_capacity(data.rows()),
            scratch: vec![Sample::default(); data.rows()],
            rng: Pcg64Mcg::seed_from_u64(seed),
        }
    }

    /// A share of the features, drawn at random, in order.
    pub fn draw_features(&mut self, share: f64) -> Vec<usize> {
        let width = self.data.width();
        let wanted = ((width as f64 * share) as usize).max(1);
        let mut features: Vec<usize> = (0..width).collect();
        if wanted < width {
            for at in 0..wanted {
                let pick = self.rng.random_range(at as u32..width as u32);
                features.swap(at, pick as usize);
            }
            features.truncate(wanted);
            features.sort_unstable();
        }
        features
    }

    /// Grows a tree on a share of the rows, drawn at random, and adds it to what is said of all.
    pub fn next(&mut self, grower: &Grower<'_>, share: f64) -> Tree {
        self.take_samples();
        let drawn = (share < 1.0).then(|| self.draw_rows(share));
        let grown = grower.grow(&mut self.samples, &mut self.scratch);
        let mut samples = self.samples.iter();
        for leaf in &grown.leaves {
            let value = f64::from(leaf.value);
            for sample in samples.by_ref().take(leaf.rows) {
                self.margins[sample.row as usize] += value;
            }
        }
        if let Some(drawn) = drawn {
            self.add_to_others(&grown.tree, &drawn);
        }
        grown.tree
    }

    /// What each row says after the trees so far, in the order of the rows.
    fn take_samples(&mut self) {
        let (margins, labels) = (&self.margins, &self.data.labels);
        let rows = (0..margins.len()).into_par_iter().with_min_len(SHARE);
        let sample = |row: usize| Sample::new(row as u32, sigmoid(margins[row]), labels[row]);
        rows.map(sample).collect_into_vec(&mut self.samples);
    }

    /// Keeps each sample with this probability; says which were kept.
    fn draw_rows(&mut self, share: f64) -> Vec<bool> {
        let rows = 0..self.samples.len();
        let drawn: Vec<bool> = rows.map(|_| self.rng.random::<f64>() < share).collect();
        self.samples.retain(|sample| drawn[sample.row as usize]);
        drawn
    }

    /// Adds a tree to what is said of the rows that it didn't see.
    fn add_to_others(&mut self, tree: &Tree, drawn: &[bool]) {
        let width = self.data.width();
        let rows = self.data.features.par_chunks_exact(width);
        let margins = self.margins.par_iter_mut().zip(rows).zip(drawn);
        let margins = margins.with_min_len(SHARE);
        margins.for_each(|((margin, row), drawn)| {
            if !drawn {
                *margin += f64::from(tree.leaf_value(row));
            }
        });
    }
}
