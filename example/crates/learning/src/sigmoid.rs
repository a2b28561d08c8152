//! The logistic function from additions, multiplications and divisions alone.
//!
//! IEEE 754 fixes the result of + − × ÷ to the last bit, but not that of `exp`: every
//! libm rounds it in its own way. Written so, Rust and JavaScript give the same bits.

/// log₂ e.
const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// ln 2 in two parts; the first has 32 bits only, so that its product with a small integer is exact.
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Adding and subtracting 1.5 × 2⁵² rounds a small number to the nearest integer.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// 2⁻¹, 2⁻², 2⁻⁴, … 2⁻¹⁰²⁴; the last is below the normal numbers, and exact.
const HALVINGS: [f64; 11] = halvings();

/// Coefficients 2 B₂ₙ/(2n)! (B: Bernoulli numbers) of r coth(r/2) = r (eʳ + 1)/(eʳ − 1) = 2 + r²/6 − r⁴/360 + …
/// (Abramowitz and Stegun, *Handbook of Mathematical Functions*, 4.5), enough of them for |r| ≤ ln 2 / 2.
const SERIES: [f64; 6] = [
    1.0 / 6.0,
    -1.0 / 360.0,
    1.0 / 15_120.0,
    -1.0 / 604_800.0,
    1.0 / 23_950_080.0,
    -691.0 / 653_837_184_000.0,
];

const fn halvings() -> [f64; 11] {
    let mut powers = [0.5; 11];
    let mut i = 1;
    while i < 11 {
        powers[i] = powers[i - 1] * powers[i - 1];
        i += 1;
    }
    powers
}

/// `exp(-x)` for `x` ≥ 0, to about one unit in the last place.
fn exp_negative(x: f64) -> f64 {
    if x > 746.0 {
        return 0.0; // below half of the smallest number there is
    }
    // −x = r − k ln 2 with k an integer and |r| ≤ ln 2 / 2.
    let k = (x * LOG2_E + ROUND) - ROUND;
    let high = k * LN2_HIGH - x;
    let low = k * LN2_LOW;
    let r = high + low;
    let square = r * r;
    let mut series = 0.0;
    for coefficient in SERIES.iter().rev() {
        series = square * (coefficient + series);
    }
    // r (eʳ + 1)/(eʳ − 1) = 2 + series, so eʳ = 1 + 2r / (2 + series − r); the two
    // parts of r are added last, so that the rounding of their sum is made good.
    let c = r - series;
    let mut power = 1.0 + (high + (low + r * c / (2.0 - c)));
    let mut left = k as u32;
    if left < 1000 {
        // 2⁻ᵏ, written down; the result is a normal number, so that nothing is rounded.
        return power * f64::from_bits(u64::from(1023 - left) << 52);
    }
    for halving in HALVINGS {
        if left % 2 == 1 {
            power *= halving;
        }
        left /= 2;
    }
    power
}

/// The logistic function 1 / (1 + e⁻ˣ): a log-odds `x` as a probability.
///
/// The relative error is below 10⁻¹⁵ wherever the result is a normal number. Arguments
/// that differ by more than 10⁻¹⁴ of their size keep their order. NaN gives NaN.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + exp_negative(x))
    } else if x < 0.0 {
        let power = exp_negative(-x);
        power / (1.0 + power)
    } else {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::sigmoid;
    use proptest::prelude::*;

    fn by_libm(x: f64) -> f64 {
        if x >= 0.0 {
            1.0 / (1.0 + libm::exp(-x))
        } else {
            libm::exp(x) / (1.0 + libm::exp(x))
        }
    }

    #[test]
    fn the_ends_and_the_middle_are_exact() {
        assert_eq!(sigmoid(0.0), 0.5);
        assert_eq!(sigmoid(-0.0), 0.5);
        assert_eq!(sigmoid(f64::INFINITY), 1.0);
        assert_eq!(sigmoid(f64::NEG_INFINITY), 0.0);
        assert_eq!(sigmoid(800.0), 1.0);
        assert_eq!(sigmoid(-800.0), 0.0);
        assert!(sigmoid(f64::NAN).is_nan());
    }

    #[test]
    fn it_goes_on_falling_below_the_normal_numbers() {
        assert_eq!(sigmoid(-745.0), 5e-324);
        let mut last = sigmoid(-700.0);
        for step in 1..=4500 {
            let next = sigmoid(-700.0 - f64::from(step) * 0.01);
            assert!(next <= last, "at {step}: {next:e} after {last:e}");
            last = next;
        }
        assert!((sigmoid(-720.0) / libm::exp(-720.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_million_points_agree_with_libm() {
        let mut worst = 0.0f64;
        for step in -500_000..=500_000 {
            let x = f64::from(step) * 0.001_400_1;
            let (ours, theirs) = (sigmoid(x), by_libm(x));
            worst = worst.max(((ours - theirs) / theirs).abs());
        }
        assert!(worst < 1e-15, "worst relative difference {worst:e}");
    }

    proptest! {
        #[test]
        fn near_zero_it_agrees_with_libm(x in -2.0f64..2.0) {
            let (ours, theirs) = (sigmoid(x), by_libm(x));
            prop_assert!(((ours - theirs) / theirs).abs() < 1e-15);
        }

        #[test]
        fn it_is_a_probability_for_every_number(bits in any::<u64>()) {
            let x = f64::from_bits(bits);
            let p = sigmoid(x);
            prop_assert!(x.is_nan() && p.is_nan() || (0.0..=1.0).contains(&p));
        }

        #[test]
        fn both_sides_add_up_to_one(x in -750.0f64..750.0) {
            prop_assert!((sigmoid(x) + sigmoid(-x) - 1.0).abs() <= f64::EPSILON);
        }

        #[test]
        fn it_never_falls(x in -750.0f64..750.0, step in 1.0f64..1e6) {
            let next = x + step * 1e-14 * x.abs().max(1.0);
            prop_assert!(sigmoid(x) <= sigmoid(next));
        }
    }
}
