use rayon::prelude::*;

/// A row of a view, as the join sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// The entity's number, of [`Keys`](crate::join::Keys).
    pub key: u32,
    /// When it happened.
    pub event: i64,
    /// When it became known; `None` is unknown, and never preferred.
    pub created: Option<i64>,
    /// Its place in the view.
    pub row: u32,
}

/// An entity row, as the join sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The entity's number; `None` is an entity without a key, of which nothing is known.
    pub key: Option<u32>,
    /// As of when.
    pub at: i64,
}

/// Which rows of a view count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// For how many microseconds a row counts, both ends included; 0 is for ever.
    pub ttl: u64,
    /// Whether only rows count that were created by the instant asked for. A row of which that isn't known
    /// counts for nothing then.
    pub created: bool,
}

/// The rows of a view, put in order once for any number of questions.
///
/// Of rows equal in key, event and created, the one with the greatest `row` is preferred.
#[derive(Debug)]
pub struct Timeline {
    rows: Vec<Candidate>,
    rule: Rule,
    /// Present if some row was created after it happened: then a row may have to be passed over.
    created: Option<Earliest>,
}

impl Timeline {
    /// Puts rows in order.
    pub fn new(mut rows: Vec<Candidate>, rule: Rule) -> Timeline {
        if rule.created {
            rows.retain(|row| row.created.is_some());
        }
        sort(&mut rows);
        let late = |row: &Candidate| row.created > Some(row.event);
        let created = (rule.created && rows.par_iter().any(late)).then(|| Earliest::new(&rows));
        Timeline {
            rows,
            rule,
            created,
        }
    }

    /// The row to be taken for a question, if there is one.
    pub fn latest(&self, asked: Asked) -> Option<&Candidate> {
        let key = asked.key?;
        let not_after = |row: &Candidate| (row.key, row.event) <= (key, asked.at);
        let mut place = self.rows.partition_point(not_after).checked_sub(1)?;
        if let Some(created) = &self.created {
            place = created.last_up_to(place, asked.at)?;
        }
        let row = &self.rows[place];
        let in_time =
            self.rule.ttl == 0 || row.event >= asked.at.saturating_sub_unsigned(self.rule.ttl);
        (row.key == key && in_time).then_some(row)
    }

    /// The rows to be taken for many questions, in their order, one each.
    pub fn join(&self, asked: &[Asked]) -> Vec<Option<u32>> {
        asked
            .par_iter()
            .map(|asked| self.latest(*asked).map(|row| row.row))
            .collect()
    }
}

/// Sorts rows. They mostly come in order of time, so that what is left to do is to put those of each key
/// together.
fn sort(rows: &mut Vec<Candidate>) {
    if rows.is_sorted() {
        return;
    }
    let keys = rows
        .iter()
        .map(|row| row.key as usize + 1)
        .max()
        .unwrap_or(0);
    if keys > rows.len() {
        return rows.par_sort_unstable();
    }
    let mut places = vec![0; keys + 1];
    for row in rows.iter() {
        places[row.key as usize + 1] += 1;
    }
    for key in 0..keys {
        places[key + 1] += places[key];
    }
    let mut sorted = rows.clone();
    for row in rows.iter() {
        let place = &mut places[row.key as usize];
        sorted[*place] = *row;
        *place += 1;
    }
    sorted
        .par_chunk_by_mut(|a, b| a.key == b.key)
        .filter(|rows| !rows.is_sorted())
        .for_each(|rows| rows.sort_unstable());
    *rows = sorted;
}

/// For "the last row up to here that was created by then", in as many steps as a binary search: a tree over
/// the rows, each node the earliest creation below it.
#[derive(Debug)]
struct Earliest {
    /// The root is 1, the children of `n` are `2n` and `2n + 1`, the leaves are the second half.
    nodes: Vec<i64>,
}

impl Earliest {
    fn new(rows: &[Candidate]) -> Earliest {
        let leaves = rows.len().next_power_of_two();
        let mut nodes = vec![i64::MAX; 2 * leaves];
        for (node, row) in nodes[leaves..].iter_mut().zip(rows) {
            *node = row.created.unwrap_or(i64::MAX);
        }
        for node in (1..leaves).rev() {
            nodes[node] = nodes[2 * node].min(nodes[2 * node + 1]);
        }
        Earliest { nodes }
    }

    /// The last place up to `place` whose row was created by `limit`.
    fn last_up_to(&self, place: usize, limit: i64) -> Option<usize> {
        let leaves = self.nodes.len() / 2;
        let mut node = leaves + place;
        // Up, until a node to the left has such a row below it.
        while self.nodes[node] > limit {
            while node.is_multiple_of(2) {
                node /= 2;
            }
            if node == 1 {
                return None;
            }
            node -= 1;
        }
        // Down, to the right where possible.
        while node < leaves {
            node = 2 * node + usize::from(self.nodes[2 * node + 1] <= limit);
        }
        Some(node - leaves)
    }
}
