//! Gauss–Legendre quadrature on [0, 1].

/// Where a function is looked at, and with what weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    /// Between 0 and 1, neither of them.
    pub(super) at: f64,
    /// Positive; all weights add up to 1.
    pub(super) weight: f64,
}

/// The points by which a polynomial of degree below `2 count` is integrated exactly: the roots of
/// the Legendre polynomial of degree `count`, by Newton's method from Tricomi's estimates
/// (Abramowitz and Stegun, *Handbook of Mathematical Functions*, 22.16 and 25.4).
pub(super) fn points(count: usize) -> Vec<Point> {
    let degree = count as f64;
    (0..count)
        .map(|root| {
            let mut x = libm::cos(std::f64::consts::PI * (root as f64 + 0.75) / (degree + 0.5));
            // Each step doubles the right digits: far more steps than are ever needed.
            for _ in 0..8 {
                let (value, slope) = legendre(count, x);
                x -= value / slope;
            }
            let (_, slope) = legendre(count, x);
            Point {
                at: (1.0 + x) / 2.0,
                weight: 1.0 / ((1.0 - x * x) * slope * slope),
            }
        })
        .collect()
}

/// The Legendre polynomial and its derivative, for |x| < 1.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut below, mut value) = (0.0, 1.0);
    for n in 0..degree {
        let n = n as f64;
        (below, value) = (value, ((2.0 * n + 1.0) * x * value - n * below) / (n + 1.0));
    }
    (value, degree as f64 * (below - x * value) / (1.0 - x * x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_integrated_exactly() {
        for count in [1, 2, 4, 8, 32, 256] {
            let points = points(count);
            for power in 0..2 * count {
                let sum: f64 = points
                    .iter()
                    .map(|point| point.weight * point.at.powi(power as i32))
                    .sum();
                let exact = 1.0 / (power as f64 + 1.0);
                assert!(
                    (sum - exact).abs() < 1e-12,
                    "{count} points, power {power}: {sum}"
                );
            }
        }
    }
}
