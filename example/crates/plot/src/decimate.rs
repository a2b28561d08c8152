//! Fewer points, the same picture.

/// At most about `limit` of the points (pixels), chosen so that peaks stay: largest triangle,
/// three buckets (Steinarsson, *Downsampling Time Series for Visual Representation*, 2013).
/// The first and the last point always stay.
pub(crate) fn decimate(points: &[(f64, f64)], limit: usize) -> Vec<(f64, f64)> {
    let limit = limit.max(3);
    if points.len() <= limit {
        return points.to_vec();
    }
    // More points than the limit, which is 3 or more: there is a first and a last.
    let (first, last) = (points[0], points[points.len() - 1]);
    let inner = &points[1..points.len() - 1];
    let buckets = limit - 2;
    let bound = |bucket: usize| bucket * inner.len() / buckets;
    let mut kept = Vec::with_capacity(limit);
    kept.push(first);
    let mut previous = first;
    for bucket in 0..buckets {
        let next = if bucket + 1 < buckets {
            mean(&inner[bound(bucket + 1)..bound(bucket + 2)])
        } else {
            last
        };
        let mut best = (-1.0, previous);
        for &point in &inner[bound(bucket)..bound(bucket + 1)] {
            let area = ((previous.0 - next.0) * (point.1 - previous.1)
                - (previous.0 - point.0) * (next.1 - previous.1))
                .abs();
            if area > best.0 {
                best = (area, point);
            }
        }
        previous = best.1;
        kept.push(previous);
    }
    kept.push(last);
    kept
}

fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
    (x / n, y / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_peak_survives() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), 0.0)).collect();
        points[7_321].1 = 50.0;
        let kept = decimate(&points, 100);
        assert_eq!(kept.len(), 100);
        assert!(kept.contains(&(7_321.0, 50.0)));
        assert_eq!((kept[0], kept[99]), (points[0], points[9_999]));
    }
}
