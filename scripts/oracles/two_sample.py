"""Writes the two-sample statistics that mlops-data's own must equal.

    python -m venv venv && venv/bin/pip install scipy==1.17.1 numpy==2.4.6
    venv/bin/python scripts/oracles/two_sample.py > example/crates/data/tests/golden/two_sample.json

Samples are described, not listed: both sides draw them from the same linear
congruential generator, whose arithmetic is exact in doubles.
"""

import json
import math

import numpy
import scipy
from scipy import stats

EPSILON = 1e-4


def draw(seed, count, levels, step, shift):
    """Numbers shift + step * k, k below `levels`; see `draw` in tests/two_sample.rs."""
    values, state = [], seed
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        values.append((state >> 8) % levels * step + shift)
    return numpy.array(values)


def sample(seed, count, levels=100_000, step=0.001, shift=0.0, missing=0):
    return dict(seed=seed, count=count, levels=levels, step=step, shift=shift, missing=missing)


def values(spec):
    known = draw(spec["seed"], spec["count"], spec["levels"], spec["step"], spec["shift"])
    return numpy.concatenate([known, numpy.full(spec["missing"], numpy.nan)])


PAIRS = {
    "equal sizes": (sample(1, 50), sample(2, 50, shift=12)),
    "equal sizes, ties": (sample(3, 200, levels=7), sample(4, 200, levels=9)),
    "unequal sizes": (sample(5, 30), sample(6, 45, shift=-20)),
    "no common divisor": (sample(7, 101), sample(8, 997, shift=9)),
    "few against many": (sample(9, 4), sample(10, 300)),
    "apart": (sample(11, 80), sample(12, 90, shift=1000)),
    "the same": (sample(13, 64), sample(13, 64)),
    "thousands": (sample(14, 3000), sample(15, 2500, shift=2)),
    "thousands, far in the tail": (sample(16, 2100), sample(17, 1900, shift=30)),
    "asymptotic": (sample(18, 10_001), sample(19, 9_000, shift=1)),
    "asymptotic, same distribution": (sample(20, 12_000), sample(21, 15_000)),
    "asymptotic, far in the tail": (sample(22, 12_000), sample(23, 15_000, shift=10)),
    "asymptotic, few against many": (sample(24, 10_001), sample(25, 12, shift=20)),
    "asymptotic, hundreds against many": (sample(26, 20_000), sample(27, 300, shift=4)),
    "half zero": (sample(28, 400, levels=2), sample(29, 350, levels=3)),
    "constant": (sample(30, 60, levels=1), sample(31, 60, levels=1, shift=-1)),
    "missing values": (sample(32, 300, missing=30), sample(33, 250, shift=5, missing=90)),
}


def shares(count):
    return numpy.maximum(count / count.sum(), min(EPSILON, 0.5 / count.sum()))


def psi_of_counts(reference, current):
    reference, current = numpy.array(reference, float), numpy.array(current, float)
    r, c, occurs = shares(reference), shares(current), reference + current > 0
    return float(((c - r) * numpy.log(c / r))[occurs].sum())


def psi(reference, current, bins=10):
    known = numpy.sort(reference[~numpy.isnan(reference)])
    cuts = [known[math.ceil(i * len(known) / bins) - 1] for i in range(1, bins)]
    edges = set(cuts) | {numpy.nextafter(c, -numpy.inf) for c in cuts if cuts.count(c) > 1}
    edges = numpy.array(sorted(edges))

    def count(sample):
        real = sample[~numpy.isnan(sample)]
        places = numpy.searchsorted(edges, real, side="left")
        counts = numpy.bincount(places, minlength=len(edges) + 1)
        return numpy.append(counts, len(sample) - len(real))

    return psi_of_counts(count(reference), count(current))


def pair(name):
    reference, current = PAIRS[name]
    r, c = values(reference), values(current)
    ks = stats.ks_2samp(r[~numpy.isnan(r)], c[~numpy.isnan(c)], method="auto")
    return dict(
        name=name,
        reference=reference,
        current=current,
        ks_statistic=float(ks.statistic),
        ks_p_value=float(ks.pvalue),
        psi=psi(r, c),
    )


def kolmogorov():
    rows = []
    for n in (1, 2, 5, 12, 50, 140, 141, 500, 5_000, 50_000, 1_000_000):
        for z in (0.1, 0.3, 0.45, 0.6, 0.9, 1.2, 1.47, 1.5, 1.9, 2.1, 3.0, 6.0, 15.0):
            x = z / math.sqrt(n)
            if x < 1:
                rows.append([n, x, float(stats.kstwo.sf(x, n))])
    return rows


def chi_square(reference, current):
    table = numpy.array([reference, current])
    result = stats.chi2_contingency(table, correction=False)
    return dict(
        reference=reference,
        current=current,
        statistic=float(result.statistic),
        degrees_of_freedom=int(result.dof),
        p_value=float(result.pvalue),
        psi=psi_of_counts(reference, current),
    )


def pooled(reference, current):
    """All categories with an expected count below 5 in one, with the next rarest if that isn't enough."""
    cells = sorted(([r, c] for r, c in zip(reference, current) if r + c), key=lambda cell: (sum(cell), cell[0]))
    totals = numpy.array([sum(reference), sum(current)])
    least = 5 * totals.sum() / totals.min()
    rare = [cell for cell in cells if sum(cell) < least]
    while rare and numpy.sum(rare) < least and len(rare) < len(cells):
        rare = cells[: len(rare) + 1]
    kept = cells[len(rare) :]
    if not rare:
        return kept, [], least
    return kept, rare, least


def rare_categories(reference, current):
    """The chi-square test after pooling, the index of the pooled cells, and the test of new words."""
    kept, rare, least = pooled(reference, current)
    table = numpy.array(kept + [list(numpy.sum(rare, axis=0))] * bool(rare)).T
    result = stats.chi2_contingency(table, correction=False)
    known = [sum(r for r, c in rare if r > 1), sum(c for r, c in rare if r > 0)]
    new = [sum(r for r, c in rare if r == 1), sum(c for r, c in rare if r == 0)]
    split = [known, new] if min(sum(known), sum(new)) >= least else [list(numpy.sum(rare, axis=0))] * bool(rare)
    cells = numpy.array(kept + split).T
    r, c = numpy.array(reference), numpy.array(current)
    n, m = r.sum(), c.sum()
    once, twice = (r == 1).sum(), (r == 2).sum()
    rows = c[r == 0].sum()
    share, expected, both = rows / m, once / n, (rows + once) / (n + m)
    variance = both * (1 - both) * (1 / n + 1 / m) + 2 * twice / n**2
    return dict(
        reference=reference,
        current=current,
        statistic=float(result.statistic),
        degrees_of_freedom=int(result.dof),
        p_value=float(result.pvalue),
        psi=psi_of_counts(cells[0], cells[1]),
        unseen_share=float(share),
        unseen_expected=float(expected),
        unseen_p_value=float(stats.norm.sf((share - expected) / math.sqrt(variance))) if variance else 0.5,
    )


def zipf(seed, rows, words):
    """Counts of words that occur as 1/k; part of the golden file, so any generator will do."""
    weights = 1 / numpy.arange(1, words + 1)
    return [int(k) for k in numpy.random.default_rng(seed).multinomial(rows, weights / weights.sum())]


P_VALUES = [0.01, 0.04, 0.03, 0.005, 0.9, 0.04, 1.0, 1e-12, 0.2, 0.051]

golden = dict(
    made_by=f"scripts/oracles/two_sample.py with scipy {scipy.__version__}, numpy {numpy.__version__}",
    pairs=[pair(name) for name in PAIRS],
    kolmogorov=kolmogorov(),
    # No expected count below 5, so that nothing is pooled.
    chi_square=[
        chi_square([30, 40, 50], [35, 30, 60]),
        chi_square([500, 300, 200, 100], [250, 150, 100, 50]),
        chi_square([900, 100], [700, 300]),
        chi_square([1000, 1000, 0], [900, 950, 40]),
        chi_square([5000, 400], [3000, 3000]),
        chi_square([12, 18, 25, 31, 22, 9, 14], [22, 11, 31, 20, 29, 14, 8]),
    ],
    rare_categories=[
        rare_categories([9000] + [10] * 100, [90] + [1] * 10 + [0] * 90),
        rare_categories([1000, 500, 3, 1], [990, 510, 0, 4]),
        rare_categories([1000, 500, 9, 4], [990, 510, 1, 8]),
        rare_categories([400, 300, 6, 5, 4, 3, 2, 1], [90, 95, 9, 0, 3, 0, 2, 8]),
        rare_categories(zipf(1, 2000, 150), zipf(2, 900, 150)),
        rare_categories(zipf(3, 2000, 150), zipf(4, 900, 150)[::-1]),
        rare_categories(zipf(5, 600, 80) + [0] * 60, zipf(6, 400, 80) + [2] * 60),
        rare_categories([300, 200] + [1] * 40 + [0] * 30, [280, 190] + [0] * 40 + [1] * 30),
    ],
    benjamini_hochberg=dict(
        p_values=P_VALUES,
        adjusted=[float(p) for p in stats.false_discovery_control(P_VALUES, method="bh")],
    ),
)
print(json.dumps(golden, indent=1))
