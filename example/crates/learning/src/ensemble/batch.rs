//! Scoring many rows: the same leaves, found faster.

use rayon::prelude::*;

use super::{Ensemble, Tree};

/// Rows scored together, so that a tree's nodes are fetched once for all of them.
const BLOCK: usize = 256;
/// Rows that walk down a tree together, so that the processor need not wait for one step before
/// it begins another.
const TOGETHER: usize = 8;

/// A node without what walking doesn't need. A leaf leads to itself, so that every row can take
/// as many steps as the tree is deep.
struct Step {
    threshold: f32,
    left: u32,
    feature: u16,
    missing_left: bool,
    splits: bool,
}

impl Step {
    /// Where a row goes. (No branch: which side it is cannot be foreseen.)
    fn next(&self, row: &[f32]) -> usize {
        let value = row[usize::from(self.feature)];
        let left = (value < self.threshold) | (value.is_nan() & self.missing_left);
        self.left as usize + usize::from(self.splits & !left)
    }
}

/// A tree to walk down.
struct Walk {
    steps: Vec<Step>,
    values: Vec<f32>,
    depth: usize,
}

impl Walk {
    fn new(tree: &Tree) -> Walk {
        let mut depths = vec![0; tree.nodes.len()];
        let steps = tree.nodes.iter().enumerate().map(|(at, node)| {
            if !node.is_leaf() {
                let left = node.left as usize;
                depths[left] = depths[at] + 1;
                depths[left + 1] = depths[at] + 1;
            }
            Step {
                threshold: node.threshold,
                left: if node.is_leaf() { at as u32 } else { node.left },
                feature: node.feature,
                missing_left: node.missing_left,
                splits: !node.is_leaf(),
            }
        });
        Walk {
            steps: steps.collect(),
            values: tree.nodes.iter().map(|node| node.value).collect(),
            depth: depths.into_iter().max().unwrap_or(0),
        }
    }

    fn leaves<const ROWS: usize>(&self, rows: [&[f32]; ROWS]) -> [f32; ROWS] {
        let mut at = [0; ROWS];
        for _ in 0..self.depth {
            for (at, row) in at.iter_mut().zip(rows) {
                *at = self.steps[*at].next(row);
            }
        }
        at.map(|leaf| self.values[leaf])
    }

    /// Adds to each row's sum the leaf that the row falls into.
    fn add_to(&self, sums: &mut [f64], rows: &[f32], width: usize) {
        let mut together = sums.chunks_exact_mut(TOGETHER);
        let mut blocks = rows.chunks_exact(TOGETHER * width);
        for (sums, block) in together.by_ref().zip(blocks.by_ref()) {
            let rows: [&[f32]; TOGETHER] =
                std::array::from_fn(|row| &block[row * width..][..width]);
            for (sum, leaf) in sums.iter_mut().zip(self.leaves(rows)) {
                *sum += f64::from(leaf);
            }
        }
        let last = together.into_remainder().iter_mut();
        for (sum, row) in last.zip(blocks.remainder().chunks_exact(width)) {
            *sum += f64::from(self.leaves([row])[0]);
        }
    }
}

pub(super) fn margins(ensemble: &Ensemble, rows: &[f32]) -> Vec<f64> {
    let width = ensemble.width();
    assert_eq!(rows.len() % width, 0, "values in rows of {width}");
    if rows.len() / width < BLOCK {
        // Getting ready would take longer than the walk.
        let rows = rows.chunks_exact(width);
        return rows.map(|row| ensemble.margin(row)).collect();
    }
    let walks: Vec<Walk> = ensemble.trees.par_iter().map(Walk::new).collect();
    let mut margins = vec![ensemble.base; rows.len() / width];
    margins
        .par_chunks_mut(BLOCK)
        .zip(rows.par_chunks(BLOCK * width))
        .for_each(|(sums, rows)| {
            for walk in &walks {
                walk.add_to(sums, rows, width);
            }
        });
    margins
}
