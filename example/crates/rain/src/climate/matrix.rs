//! Small square matrices over the variables: just what the generator needs.

use super::variable::VARIABLES as N;

/// A square matrix, row after row.
pub type Matrix = [[f64; N]; N];

/// All zeros.
pub const ZERO: Matrix = [[0.0; N]; N];

/// `a b`.
pub fn product(a: &Matrix, b: &Matrix) -> Matrix {
    let mut out = ZERO;
    for (row, out) in a.iter().zip(&mut out) {
        for (x, other) in row.iter().zip(b) {
            for (sum, y) in out.iter_mut().zip(other) {
                *sum += x * y;
            }
        }
    }
    out
}

/// The transpose of `a`.
pub fn transpose(a: &Matrix) -> Matrix {
    let mut out = ZERO;
    for (i, row) in a.iter().enumerate() {
        for (j, x) in row.iter().enumerate() {
            out[j][i] = *x;
        }
    }
    out
}

/// `a + factor b`.
pub fn add(a: &Matrix, factor: f64, b: &Matrix) -> Matrix {
    let mut out = *a;
    for (row, other) in out.iter_mut().zip(b) {
        for (x, y) in row.iter_mut().zip(other) {
            *x += factor * y;
        }
    }
    out
}

/// Lower triangular `l` with `l lᵀ = a`. A pivot that rounding has made too small
/// is raised to `least`, so that the product is then only close to `a`.
pub fn cholesky(a: &Matrix, least: f64) -> Matrix {
    let mut l = ZERO;
    for j in 0..N {
        let dot = |i: usize, l: &Matrix| (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
        l[j][j] = (a[j][j] - dot(j, &l)).max(least).sqrt();
        for i in j + 1..N {
            l[i][j] = (a[i][j] - dot(i, &l)) / l[j][j];
        }
    }
    l
}

/// Whether the matrix is positive definite, with some margin for rounding.
pub fn is_positive(a: &Matrix) -> bool {
    let l = cholesky(a, LEAST_PIVOT);
    (0..N).all(|i| l[i][i] * l[i][i] > LEAST_PIVOT)
}

/// A pivot below this is taken for zero.
const LEAST_PIVOT: f64 = 1e-5;

/// The inverse of a positive definite matrix.
pub fn inverse(a: &Matrix) -> Matrix {
    let l = cholesky(a, 1e-6);
    let mut half = ZERO; // l⁻¹
    for j in 0..N {
        half[j][j] = 1.0 / l[j][j];
        for i in j + 1..N {
            let sum: f64 = (j..i).map(|k| l[i][k] * half[k][j]).sum();
            half[i][j] = -sum / l[i][i];
        }
    }
    product(&transpose(&half), &half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_and_factor_give_the_matrix_back() {
        let mut a = ZERO;
        for (i, row) in a.iter_mut().enumerate() {
            for (j, x) in row.iter_mut().enumerate() {
                *x = 0.8_f64.powi(i.abs_diff(j) as i32);
            }
        }
        let l = cholesky(&a, 1e-9);
        let back = product(&l, &transpose(&l));
        let one = product(&a, &inverse(&a));
        for i in 0..N {
            for j in 0..N {
                assert!((back[i][j] - a[i][j]).abs() < 1e-12);
                assert!((one[i][j] - f64::from(u8::from(i == j))).abs() < 1e-9);
            }
        }
    }
}
