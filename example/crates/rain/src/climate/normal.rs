//! The standard normal distribution, on whose scale all variables meet.

use statrs::function::erf::{erfc, erfc_inv};

/// Probability of a value below `z`.
pub fn cdf(z: f64) -> f64 {
    0.5 * erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The value below which a share `p` lies, kept within ±8.
pub fn quantile(p: f64) -> f64 {
    if p <= 0.0 {
        -8.0
    } else if p >= 1.0 {
        8.0
    } else {
        (-std::f64::consts::SQRT_2 * erfc_inv(2.0 * p)).clamp(-8.0, 8.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_undoes_the_distribution_function() {
        for z in [-5.0, -2.3263478740, -0.1, 0.0, 0.6744897502, 3.0] {
            assert!((quantile(cdf(z)) - z).abs() < 1e-7, "{z}");
        }
        assert!((cdf(1.2815515655) - 0.9).abs() < 1e-9);
        assert_eq!((quantile(0.0), quantile(1.0)), (-8.0, 8.0));
    }
}
