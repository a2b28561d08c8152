"""Writes the scores that mlops-learning's own must equal.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1 numpy==2.4.6
    venv/bin/python scripts/oracles/metrics.py > example/crates/learning/tests/golden/metrics.json
"""

import json
import random
import warnings

import numpy
import sklearn
from sklearn import metrics
from sklearn.calibration import calibration_curve

BINS = 10


def drawn(seed, rows, share, decimals, sharpness=2.0):
    """Labels with so large a positive share, and probabilities that know something of them."""
    draw = random.Random(seed)
    labels = [draw.random() < share for _ in range(rows)]
    margins = [draw.gauss(sharpness * (label - share), 1.5) for label in labels]
    return labels, [round(float(1 / (1 + numpy.exp(-m))), decimals) for m in margins]


VECTORS = {
    "plain": (*drawn(1, 250, 0.4, 6), 0.5),
    "ties": (*drawn(2, 250, 0.4, 1), 0.5),
    "imbalanced": (*drawn(3, 300, 0.03, 5), 0.3),
    "mostly positive": (*drawn(4, 120, 0.9, 3), 0.7),
    "worse than chance": (*drawn(5, 80, 0.5, 4, sharpness=-2.0), 0.5),
    "perfect": ([False, False, True, True], [0.0, 0.0, 1.0, 1.0], 0.5),
    "wrong and certain": ([False, True, True, False], [1.0, 0.0, 1.0, 0.0], 0.5),
    "constant": ([True, False, False, False, True], [0.25] * 5, 0.5),
    "two rows": ([True, False], [0.6, 0.4], 0.5),
    "on the borders of bins": (
        [i % 3 == 0 for i in range(22)],
        [i / 10 for i in range(11)] * 2,
        0.3,
    ),
    "none called positive": ([True, False, True, False], [0.4, 0.1, 0.2, 0.3], 0.9),
}


def calibration_error(labels, probabilities):
    """scikit-learn has none: the mean over its own bins, weighted by their rows."""
    observed, predicted = calibration_curve(labels, probabilities, n_bins=BINS)
    borders = numpy.linspace(0, 1, BINS + 1)
    rows = numpy.bincount(numpy.searchsorted(borders[1:-1], probabilities), minlength=BINS)
    return float(numpy.average(numpy.abs(observed - predicted), weights=rows[rows > 0]))


def expected(labels, probabilities, threshold):
    labels, probabilities = numpy.array(labels), numpy.array(probabilities)
    called = probabilities >= threshold
    tn, fp, fn, tp = metrics.confusion_matrix(labels, called).ravel().tolist()
    false_rate, true_rate, _ = metrics.roc_curve(labels, probabilities, drop_intermediate=False)
    precision, recall, _ = metrics.precision_recall_curve(labels, probabilities)
    observed, predicted = calibration_curve(labels, probabilities, n_bins=BINS)
    return {
        "confusion": {
            "true_positives": tp,
            "false_positives": fp,
            "false_negatives": fn,
            "true_negatives": tn,
        },
        "roc_auc": metrics.roc_auc_score(labels, probabilities),
        "pr_auc": metrics.average_precision_score(labels, probabilities),
        "brier": metrics.brier_score_loss(labels, probabilities),
        "log_loss": metrics.log_loss(labels, probabilities),
        "calibration_error": calibration_error(labels, probabilities),
        "accuracy": metrics.accuracy_score(labels, called),
        "precision": metrics.precision_score(labels, called, zero_division=0),
        "recall": metrics.recall_score(labels, called),
        "f1": metrics.f1_score(labels, called, zero_division=0),
        "roc": [false_rate.tolist(), true_rate.tolist()],
        # From no row called positive to all, as a reader of thresholds goes.
        "precision_recall": [recall[::-1].tolist(), precision[::-1].tolist()],
        "calibration": [predicted.tolist(), observed.tolist()],
    }


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.15g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return value


def main():
    warnings.simplefilter("error")
    cases = []
    for name, (labels, probabilities, threshold) in VECTORS.items():
        curves = len(labels) <= 120
        scores = rounded(expected(labels, probabilities, threshold))
        cases.append(
            {
                "name": name,
                "threshold": threshold,
                "labels": [int(label) for label in labels],
                "probabilities": probabilities,
                "expected": {k: v for k, v in scores.items() if curves or k not in ("roc", "precision_recall")},
            }
        )
    versions = {"scikit-learn": sklearn.__version__, "numpy": numpy.__version__}
    lines = ",\n".join(json.dumps(case) for case in cases)
    print(f'{{"made_with": {json.dumps(versions)}, "cases": [\n{lines}\n]}}')


if __name__ == "__main__":
    main()
