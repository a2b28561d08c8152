"""Writes the calibrated probabilities that mlops-learning's own must equal.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1 numpy==2.4.6
    venv/bin/python scripts/oracles/calibration.py > example/crates/learning/tests/golden/calibration.json
"""

import json
import random

import numpy
import sklearn
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression


def drawn(seed, rows, slope, intercept, decimals, spread=2.0):
    """Margins, and labels that come as often as a logistic curve over them says."""
    draw = random.Random(seed)
    margins = [round(draw.gauss(0.0, spread), decimals) for _ in range(rows)]
    labels = [draw.random() < 1 / (1 + numpy.exp(-(slope * m + intercept))) for m in margins]
    return margins, [int(label) for label in labels]


VECTORS = {
    "overconfident": drawn(1, 400, 0.5, 0.3, 4),
    "too timid": drawn(2, 300, 2.5, -0.5, 4),
    "ties": drawn(3, 200, 1.0, 0.0, 0),
    "rare": drawn(4, 400, 1.0, -3.0, 3),
    "shares": drawn(5, 200, 8.0, -4.0, 3, spread=0.3),
    "large": drawn(6, 120, 0.01, 0.0, 1, spread=200.0),
}


def platt(margins, labels, asked):
    """scikit-learn's logistic regression on Platt's targets: each row counts as both classes, in part."""
    positives = sum(labels)
    high, low = (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2)
    targets = numpy.where(numpy.array(labels) == 1, high, low)
    rows = numpy.array(margins)[:, None]
    # newton-cholesky by default stops early; this is as near as it comes.
    model = LogisticRegression(C=numpy.inf, solver="newton-cholesky", tol=1e-13, max_iter=1000)
    model.fit(
        numpy.vstack([rows, rows]),
        [1] * len(labels) + [0] * len(labels),
        numpy.concatenate([targets, 1 - targets]),
    )
    return model.predict_proba(numpy.array(asked)[:, None])[:, 1]


def isotonic(margins, labels, asked):
    model = IsotonicRegression(out_of_bounds="clip").fit(margins, labels)
    return model.predict(asked)


def main():
    cases = []
    for name, (margins, labels) in VECTORS.items():
        low, high = min(margins), max(margins)
        asked = [round(low + (high - low) * (i - 2) / 36, 5) for i in range(41)]
        cases.append(
            {
                "name": name,
                "margins": margins,
                "labels": labels,
                "asked": asked,
                "platt": [round(float(p), 9) for p in platt(margins, labels, asked)],
                "isotonic": [round(float(p), 12) for p in isotonic(margins, labels, asked)],
            }
        )
    versions = {"scikit-learn": sklearn.__version__, "numpy": numpy.__version__}
    lines = ",\n".join(json.dumps(case) for case in cases)
    print(f'{{"made_with": {json.dumps(versions)}, "cases": [\n{lines}\n]}}')


if __name__ == "__main__":
    main()
