//! Scoring many rows: the same leaves, found faster.

use rayon::prelude::*;

use super::{Ensemble, Node, Tree};

/// Rows scored together, so that a tree's nodes are fetched once for all of them.
const BLOCK: usize = 256;
/// Rows that walk down a tree together, so that the processor need not wait for one step before
/// it begins another.
const TOGETHER: usize = 8;

/// A node without what walking doesn't need, and such that every step is alike: a value below the threshold goes to
/// the first of two nodes side by side, any other and a missing one to the second.
#[derive(Clone, Copy, Default)]
struct Step {
    threshold: f32,
    first: u32,
    feature: u16,
    /// The highest bit, if value and threshold are compared with their signs changed: so that a missing one,
    /// which goes to the second, goes left.
    sign: u16,
}

impl Step {
    /// A leaf leads to itself, so that every row can take as many steps as the tree is deep.
    fn stay(at: usize) -> Step {
        Step {
            threshold: f32::NEG_INFINITY, // nothing is below
            first: at as u32 - 1,
            ..Step::default()
        }
    }

    fn split(node: &Node, first: usize) -> Step {
        Step {
            threshold: if node.missing_left {
                // v ≥ t exactly if −v is below the number next to −t.
                (-node.threshold).next_up()
            } else {
                node.threshold
            },
            first: first as u32,
            feature: node.feature,
            sign: u16::from(node.missing_left) << 15,
        }
    }

    /// Where a row goes. (No branch: which side it is cannot be foreseen.)
    fn next(&self, row: &[f32]) -> u32 {
        let value = row[usize::from(self.feature)].to_bits() ^ (u32::from(self.sign) << 16);
        let is_below = f32::from_bits(value) < self.threshold;
        self.first + u32::from(!is_below)
    }
}

/// A tree to walk down. Its root is at 1, so that a leaf has a place before it.
struct Walk {
    steps: Vec<Step>,
    values: Vec<f32>,
    depth: usize,
}

impl Walk {
    fn new(tree: &Tree) -> Walk {
        let places = tree.nodes.len() + 1;
        let mut walk = Walk {
            steps: vec![Step::default(); places],
            values: vec![0.0; places],
            depth: 0,
        };
        // Where each node is put, and how deep it is; known when its parent is put.
        let mut put = vec![(1, 0); tree.nodes.len()];
        for (at, node) in tree.nodes.iter().enumerate() {
            let (place, depth) = put[at];
            walk.depth = walk.depth.max(depth);
            walk.values[place] = node.value;
            walk.steps[place] = if node.is_leaf() {
                Step::stay(place)
            } else {
                let left = node.left as usize;
                let first = left + 1;
                put[left] = (first + usize::from(node.missing_left), depth + 1);
                put[left + 1] = (first + usize::from(!node.missing_left), depth + 1);
                Step::split(node, first)
            };
        }
        walk
    }

    /// The leaves that rows fall into.
    fn leaves<const ROWS: usize>(&self, rows: [&[f32]; ROWS]) -> [f32; ROWS] {
        let mut at = [1u32; ROWS];
        for _ in 0..self.depth {
            for (at, row) in at.iter_mut().zip(rows) {
                *at = self.steps[*at as usize].next(row);
            }
        }
        at.map(|leaf| self.values[leaf as usize])
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
