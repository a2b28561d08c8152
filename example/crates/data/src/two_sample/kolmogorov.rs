//! The two-sample Kolmogorov-Smirnov test, two-sided.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// Up to this size of the larger sample the p-value is exact; scipy's
/// `ks_2samp(method="auto")` changes over at the same size.
pub const EXACT_UP_TO: usize = 10_000;

/// The Kolmogorov-Smirnov test that two samples have the same distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KolmogorovSmirnov {
    /// *D*, the greatest distance between the two empirical distribution
    /// functions, 0 to 1.
    pub statistic: f64,
    /// Chance of a *D* at least as large if both distributions are the same.
    pub p_value: f64,
}

/// Compares two samples, NaN being missing and left out.
///
/// Exact (with ties: conservative) by counting lattice paths while neither
/// sample has more than [`EXACT_UP_TO`] values; above that
/// [`kolmogorov_sf`] at the effective size *nm / (n + m)*, rounded. `None` if a
/// sample has no value.
pub fn kolmogorov_smirnov(reference: &[f64], current: &[f64]) -> Option<KolmogorovSmirnov> {
    let a = sorted(reference);
    let b = sorted(current);
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let (n, m) = (a.len() as u64, b.len() as u64);
    let divisor = gcd(n, m);
    // Distances are whole multiples of 1 / least common multiple.
    let steps = greatest_distance(&a, &b, n / divisor, m / divisor);
    let multiple = n / divisor * m;
    let statistic = steps as f64 / multiple as f64;
    let p_value = if steps == 0 {
        1.0
    } else if n.max(m) > EXACT_UP_TO as u64 {
        let effective = n as f64 * m as f64 / (n + m) as f64;
        kolmogorov_sf(effective.round_ties_even(), statistic)
    } else if n == m {
        outside_square(n, steps)
    } else {
        outside_band(n.max(m), n.min(m), divisor, steps)
    };
    Some(KolmogorovSmirnov {
        statistic,
        p_value: p_value.clamp(0.0, 1.0),
    })
}

/// The values without NaN, ascending.
pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values
        .iter()
        // Adding zero makes one zero of both.
        .map(|value| value + 0.0)
        .filter(|value| !value.is_nan())
        .collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// max |i·m' − j·n'| over all points where i values of `a` and j of `b` lie at or below.
fn greatest_distance(a: &[f64], b: &[f64], n: u64, m: u64) -> u64 {
    let (mut i, mut j, mut greatest) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        greatest = greatest.max((i as u64 * m).abs_diff(j as u64 * n));
    }
    greatest
}

/// P(D ≥ h / n) for two samples of n: by reflection, an alternating sum of ratios
/// of binomials (Gnedenko and Korolyuk 1951), summed from its smallest term.
fn outside_square(n: u64, h: u64) -> f64 {
    let mut sum = 0.0;
    for k in (0..=n / h).rev() {
        let ratio: f64 = (0..h)
            .map(|j| (n - k * h) as f64 - j as f64)
            .zip((0..h).map(|j| (n + k * h + j + 1) as f64))
            .fold(1.0, |product, (above, below)| product * above / below);
        sum = ratio * (1.0 - sum);
    }
    2.0 * sum
}

/// P(D ≥ h / lcm(m, n)), m > n: the chance that a random path of unit steps from
/// (0, 0) to (m, n) touches |x·n − y·m| / gcd ≥ h.
///
/// The chance of having touched it by (i, j), over paths to (i, j), is a mean of the chances at
/// (i − 1, j) and (i, j − 1), weighted i and j: only positive terms, so small
/// chances keep their digits (Viehmann, *Numerically more stable computation
/// of the p-values for the two-sample Kolmogorov-Smirnov test*, 2021).
fn outside_band(m: u64, n: u64, divisor: u64, h: u64) -> f64 {
    let (across, up, h) = ((m / divisor) as i64, (n / divisor) as i64, h as i64);
    let (m, n) = (m as i64, n as i64);
    // Inside the band are the j with |i·up − j·across| < h.
    let last_inside = |i: i64| ((i * up + h - 1).div_euclid(across)).min(n);
    let mut touched = vec![1.0; n as usize + 1];
    touched[..=last_inside(0) as usize].fill(0.0);
    for i in 1..=m {
        let first = ((i * up - h).div_euclid(across) + 1).max(0);
        let last = last_inside(i);
        if first > last {
            return 1.0;
        }
        let mut below = if first == 0 { 0.0 } else { 1.0 };
        let (from_left, total) = (i as f64, i as f64 + first as f64);
        for (step, cell) in touched[first as usize..=last as usize]
            .iter_mut()
            .enumerate()
        {
            let step = step as f64;
            *cell = (*cell * from_left + below * (first as f64 + step)) / (total + step);
            below = *cell;
        }
    }
    touched[n as usize]
}

/// P(D ≥ x) for the two-sided Kolmogorov statistic of one sample of `n` (a whole
/// number) against a continuous distribution.
///
/// Chosen by where each is accurate, after Simard and L'Ecuyer, *Computing the two-sided
/// Kolmogorov-Smirnov distribution* (J. Stat. Software 39, 2011), as scipy's
/// `kstwo` does: Durbin's matrix for small samples, twice the one-sided
/// chance in the tail, the Pelz-Good series for the rest. Off by at most 2e-7 of its value.
pub fn kolmogorov_sf(n: f64, x: f64) -> f64 {
    let squared = n * x * x;
    let p = if n * x <= 0.5 {
        1.0
    } else if x >= 1.0 || squared >= 370.0 {
        0.0
    } else if x >= 0.5 || squared > 4.0 || (n > 140.0 && squared >= 2.2) {
        2.0 * one_sided(n, x)
    } else if n <= 140.0 {
        1.0 - durbin(n as usize, x)
    } else {
        1.0 - pelz_good(n, x)
    };
    p.clamp(0.0, 1.0)
}

/// P(D⁺ ≥ x): x Σⱼ C(n, j) (x + j/n)^(j−1) (1 − x − j/n)^(n−j) (Birnbaum and Tingey 1951).
fn one_sided(n: f64, x: f64) -> f64 {
    let whole = libm::lgamma(n + 1.0);
    let mut sum = libm::exp(n * libm::log1p(-x));
    for j in 1..=(n * (1.0 - x)) as u64 {
        let j = j as f64;
        let (above, left) = (x + j / n, 1.0 - x - j / n);
        if left <= 0.0 {
            break;
        }
        let choose = whole - libm::lgamma(j + 1.0) - libm::lgamma(n - j + 1.0);
        let term = choose + (j - 1.0) * libm::log(above) + (n - j) * libm::log(left);
        sum += x * libm::exp(term);
    }
    sum
}

/// P(D < x) by Durbin's matrix, in the form of Marsaglia, Tsang and Wang (*J. Stat.
/// Software* 8, 2003). With n up to 140 nothing overflows.
fn durbin(n: usize, x: f64) -> f64 {
    let k = (n as f64 * x) as usize + 1;
    let size = 2 * k - 1;
    let h = k as f64 - n as f64 * x;
    let mut step = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..size.min(i + 2) {
            step[i * size + j] = 1.0;
        }
    }
    let corner = if h > 0.5 {
        libm::pow(2.0 * h - 1.0, size as f64)
    } else {
        0.0
    };
    step[(size - 1) * size] += corner;
    for i in 0..size {
        step[i * size] -= libm::pow(h, i as f64 + 1.0);
        step[(size - 1) * size + i] -= libm::pow(h, (size - i) as f64);
    }
    for i in 0..size {
        for j in 0..=i {
            step[i * size + j] /= libm::tgamma((i - j + 2) as f64);
        }
    }
    let middle = (k - 1) * size + k - 1;
    (1..=n).fold(power(step, size, n)[middle], |value, i| {
        value * i as f64 / n as f64
    })
}

fn power(mut base: Vec<f64>, size: usize, mut exponent: usize) -> Vec<f64> {
    let mut result = vec![0.0; size * size];
    (0..size).for_each(|i| result[i * size + i] = 1.0);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = multiply(&result, &base, size);
        }
        exponent /= 2;
        if exponent > 0 {
            base = multiply(&base, &base, size);
        }
    }
    result
}

fn multiply(a: &[f64], b: &[f64], size: usize) -> Vec<f64> {
    let mut product = vec![0.0; size * size];
    for (row, out) in a.chunks_exact(size).zip(product.chunks_exact_mut(size)) {
        for (factor, terms) in row.iter().zip(b.chunks_exact(size)) {
            for (sum, term) in out.iter_mut().zip(terms) {
                *sum += factor * term;
            }
        }
    }
    product
}

/// P(D < x) by Kolmogorov's limit and three more terms in 1/√n (Pelz and Good,
/// *J. R. Stat. Soc. B* 38, 1976).
fn pelz_good(n: f64, x: f64) -> f64 {
    let root = n.sqrt();
    let z = root * x;
    let [z2, z4, z6, z8] = [2, 4, 6, 8].map(|power| z.powi(power));
    let p2 = PI * PI;
    let (p4, p6) = (p2 * p2, p2 * p2 * p2);
    let mut sums = [0.0; 4];
    // Terms fall as exp(−k²π²/2z²); z stays below 1.5 here.
    for k in 1..=(16.0 * z / PI) as usize + 1 {
        let odd = (2 * k - 1) as f64;
        let (o2, o4, o6) = (odd * odd, odd.powi(4), odd.powi(6));
        let weight = libm::exp(-o2 * p2 / (8.0 * z2));
        sums[0] += weight / z;
        sums[1] += weight * (p2 * o2 / 4.0 - z2) / (6.0 * z4);
        sums[2] += weight
            * (6.0 * z6
                + 2.0 * z4
                + p2 * (2.0 * z4 - 5.0 * z2) * o2 / 4.0
                + p4 * (1.0 - 2.0 * z2) * o4 / 16.0)
            / (72.0 * z6 * z);
        sums[3] += weight
            * (-30.0 * z6 - 90.0 * z8
                + p2 * (135.0 * z4 - 96.0 * z6) * o2 / 4.0
                + p4 * (212.0 * z4 - 60.0 * z2) * o4 / 16.0
                + p6 * (5.0 - 30.0 * z2) * o6 / 64.0)
            / (6480.0 * z8 * z2);
        let even = (k * k) as f64;
        let weight = libm::exp(-even * p2 / (2.0 * z2)) * p2 * even;
        sums[2] -= weight / (36.0 * z2 * z);
        sums[3] += weight * (3.0 * z2 - p2 * even) / (216.0 * z6);
    }
    let [k0, k1, k2, k3] = sums;
    (2.0 * PI).sqrt() * (k0 + (k1 + (k2 + k3 / root) / root) / root)
}
