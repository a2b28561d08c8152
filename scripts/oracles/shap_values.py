"""Writes the SHAP values of trees that mlops-learning's own must equal.

    python -m venv venv && venv/bin/pip install shap==0.51.0 numpy==2.4.6
    venv/bin/python scripts/oracles/shap_values.py > example/crates/learning/tests/golden/shap_values.json
"""

import json
import random

import numpy
import shap

# Trees, features, depth, chance that a node is a leaf before its depth.
ENSEMBLES = {
    "stump": (1, 2, 1, 0.0),
    "one feature, asked again and again": (2, 1, 5, 0.1),
    "shallow": (6, 5, 3, 0.2),
    "ordinary": (8, 12, 6, 0.2),
    "deep": (1, 14, 13, 0.35),
}
ROWS = 4


def fraction(draw, low, high):
    """A number that single precision holds exactly."""
    return draw.randrange(int(low * 64), int(high * 64)) / 64


def grow(draw, features, depth, stop):
    """Nodes as mlops-learning keeps them: children side by side after their parent; weights add up."""
    nodes = [{"cover": draw.randrange(60_000, 90_000)}]
    open_nodes = [(0, 0)]
    while open_nodes:
        at, level = open_nodes.pop()
        node = nodes[at]
        if level == depth or node["cover"] < 2 or (level > 0 and draw.random() < stop):
            node.update(feature=0, missing_left=False, threshold=0.0, left=0, value=fraction(draw, -3, 3))
            continue
        left_cover = draw.randrange(1, node["cover"])
        node.update(
            feature=draw.randrange(features),
            missing_left=draw.random() < 0.5,
            threshold=fraction(draw, -1, 1),
            left=len(nodes),
            value=0.0,
        )
        nodes += [{"cover": left_cover}, {"cover": node["cover"] - left_cover}]
        open_nodes += [(node["left"], level + 1), (node["left"] + 1, level + 1)]
    return nodes


def for_shap(nodes):
    split = [node["left"] > 0 for node in nodes]
    left = numpy.array([node["left"] if is_split else -1 for node, is_split in zip(nodes, split)])
    right = numpy.where(left < 0, -1, left + 1)
    default = [l if node["missing_left"] else r for node, l, r in zip(nodes, left, right)]
    # shap sends a value that equals the threshold left: just below it, the comparison is ours.
    thresholds = [numpy.nextafter(node["threshold"], -numpy.inf) for node in nodes]
    return {
        "children_left": left,
        "children_right": right,
        "children_default": numpy.array(default),
        "features": numpy.array([node["feature"] if s else -2 for node, s in zip(nodes, split)]),
        "thresholds": numpy.array(thresholds),
        "values": numpy.array([[node["value"]] for node in nodes]),
        "node_sample_weight": numpy.array([float(node["cover"]) for node in nodes]),
    }


def value(draw):
    return None if draw.random() < 0.2 else fraction(draw, -1.5, 1.5)


def case(seed, name, trees, features, depth, stop):
    draw = random.Random(seed)
    grown = [grow(draw, features, depth, stop) for _ in range(trees)]
    rows = [[value(draw) for _ in range(features)] for _ in range(ROWS)]
    if features > 1:
        rows.append([None] * features)
    table = numpy.array([[numpy.nan if v is None else v for v in row] for row in rows])
    explainer = shap.TreeExplainer(
        {"trees": [for_shap(nodes) for nodes in grown], "base_offset": 0.5},
        feature_perturbation="tree_path_dependent",
    )
    values = explainer.shap_values(table, check_additivity=False)
    keys = ("feature", "missing_left", "threshold", "left", "value", "cover")
    return {
        "name": name,
        "features": features,
        "base": 0.5,
        "trees": [[[node[key] for key in keys] for node in nodes] for nodes in grown],
        "rows": rows,
        "expected": rounded(float(numpy.ravel(explainer.expected_value)[0])),
        "shap_values": [[rounded(v) for v in row] for row in numpy.asarray(values).tolist()],
    }


def rounded(number):
    """Without the last digits, which hang on the order of the sum: 0 stays 0."""
    return round(number, 12) + 0.0


def main():
    cases = [case(seed, name, *shape) for seed, (name, shape) in enumerate(ENSEMBLES.items())]
    versions = {"shap": shap.__version__, "numpy": numpy.__version__}
    lines = ",\n".join(json.dumps(case) for case in cases)
    print(f'{{"made_with": {json.dumps(versions)}, "cases": [\n{lines}\n]}}')


if __name__ == "__main__":
    main()
