"""Times boosting, scoring and SHAP values against Python's libraries, on the same feature table, in one run.

usage: python scripts/compare_models.py --rain target/release/rain --speed target/release/examples/speed
       --data weatherAUS.csv [--runs 5] [--trees 200] [--threads 2] [--out FILE.json]
needs: pip install scikit-learn==1.9.1 lightgbm xgboost shap==0.51.0 pyarrow numpy

All sides get the same rows in memory, in single precision, and fit as many trees of the same depth, leaves and bins
with the same share of features on the same threads. Each figure is a median; the sides take turns. `--speed` is
the example program of mlops-learning (`cargo build --release --package mlops-learning --example speed`).
SHAP values are of the same trees, on one core.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("scikit-learn", "lightgbm", "xgboost", "shap", "numpy")
RATE, DEPTH, BINS, LEAST_WEIGHT = 0.12, 6, 255, 20
# The share of features that each tree sees: the champion's, and all.
SHARES = {"champion": 0.3, "all_features": 1.0}
ONE_BY_ONE = 2000
EXPLAINED = 2000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rain", type=Path, required=True)
    parser.add_argument("--speed", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def table(rain, data, folder):
    """The feature table of the champion's service, parted in time as params.yaml does."""
    import numpy
    import pyarrow.parquet

    (folder / "data").mkdir(parents=True)
    for name in ("contract.yaml", "features.yaml", "params.yaml"):
        shutil.copy(ROOT / "example" / name, folder)
    (folder / "data" / "weatherAUS.csv").symlink_to(data)
    subprocess.run([rain, "features", "build"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    read = pyarrow.parquet.read_table(folder / "data" / "features.parquet")
    label = numpy.array(read["RainTomorrow"].cast("string").to_pylist(), dtype=object)
    days = numpy.array(read["Date"].cast("date32").to_numpy(zero_copy_only=False), dtype="datetime64[D]")
    names = [field.name for field in read.schema if str(field.type) == "float"]
    # Null is missing; a column of a table may have its nulls apart from its values.
    columns = [read[name].to_numpy(zero_copy_only=False).astype(numpy.float32) for name in names]
    rows = numpy.ascontiguousarray(numpy.column_stack(columns))
    known = label != None  # noqa: E711, element by element
    train, test = known & (days < numpy.datetime64("2015-07-01")), known & (days >= numpy.datetime64("2015-07-01"))
    positive = (label == "Yes").astype(numpy.uint8)
    return names, (rows[train], positive[train]), (rows[test], positive[test])


def peers(options, share):
    """Untrained models, by name, set up alike."""
    import lightgbm
    import xgboost
    from sklearn.ensemble import HistGradientBoostingClassifier

    leaves = 2**DEPTH
    return {
        "scikit_learn": HistGradientBoostingClassifier(
            max_iter=options.trees, learning_rate=RATE, max_depth=DEPTH, max_leaf_nodes=leaves, max_bins=BINS,
            max_features=share, min_samples_leaf=LEAST_WEIGHT, l2_regularization=1.0, early_stopping=False, random_state=1),
        "lightgbm": lightgbm.LGBMClassifier(
            n_estimators=options.trees, learning_rate=RATE, max_depth=DEPTH, num_leaves=leaves, max_bin=BINS,
            colsample_bytree=share, min_child_weight=LEAST_WEIGHT, min_child_samples=1, reg_lambda=1.0, n_jobs=options.threads,
            random_state=1, verbose=-1),
        "xgboost": xgboost.XGBClassifier(
            n_estimators=options.trees, learning_rate=RATE, max_depth=DEPTH, max_bin=BINS + 1, tree_method="hist",
            colsample_bytree=share, min_child_weight=LEAST_WEIGHT, reg_lambda=1.0, n_jobs=options.threads, random_state=1),
    }


def ours(options, folder, names, share, train, test, runs, threads):
    """Runs the example program; gives its seconds and its probabilities of the test."""
    import numpy

    model = {"kind": "boosting", "boosting": {
        "trees": options.trees, "learning_rate": RATE, "depth": DEPTH, "min_leaf_weight": LEAST_WEIGHT, "l2": 1.0,
        "colsample": share, "bins": BINS}}
    (folder / "shape.json").write_text(json.dumps({"names": names, "model": model, "seed": 42}))
    for name, rows in {"train": train[0], "test": test[0], "one": test[0][:ONE_BY_ONE], "explain": test[0][:EXPLAINED]}.items():
        rows.astype("<f4").tofile(folder / f"{name}.f32")
    train[1].tofile(folder / "train.labels")
    told = subprocess.run([options.speed, folder, str(runs)], env=os.environ | {"RAYON_NUM_THREADS": str(threads)},
                          capture_output=True, text=True)
    if told.returncode:
        sys.exit(f"{options.speed} failed:\n{told.stderr}")
    return json.loads(told.stdout), numpy.fromfile(folder / "probabilities.f64", "<f8")


def seconds(act, runs):
    """Of each of some calls."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return taken


def one_by_one(model, rows):
    return [seconds(lambda: model.predict_proba(rows[at:at + 1]), 1)[0] for at in range(min(300, len(rows)))]


def median(values, digits=4):
    return round(statistics.median(values), digits)


def figures(fit, batch, single, auc, rows):
    return {
        "fit_seconds": median(fit, 3),
        "batch_seconds": median(batch, 5),
        "batch_rows_per_second": round(rows / statistics.median(batch)),
        "single_row_microseconds": round(statistics.median(single) * 1e6, 2),
        "roc_auc": round(auc, 5),
    }


def compared(options, folder, names, train, test, share):
    """Every side fitted and asked, in turns."""
    from sklearn.metrics import roc_auc_score

    sides = {name: {"fit": [], "batch": [], "single": []} for name in ("rain", "scikit_learn", "lightgbm", "xgboost")}
    said = {}
    for _ in range(options.runs):
        told, said["rain"] = ours(options, folder, names, share, train, test, 2, options.threads)
        for part in ("fit", "batch", "single"):
            sides["rain"][part] += told[part]
        for name, model in peers(options, share).items():
            sides[name]["fit"] += seconds(lambda: model.fit(*train), 1)
            model.predict_proba(test[0])  # the first call makes things ready
            sides[name]["batch"] += seconds(lambda: model.predict_proba(test[0]), 3)
            sides[name]["single"] += one_by_one(model, test[0])
            said[name] = model.predict_proba(test[0])[:, 1]
    result = {name: figures(**taken, auc=roc_auc_score(test[1], said[name]), rows=len(test[1])) for name, taken in sides.items()}
    mine, others = result["rain"], {name: of for name, of in result.items() if name != "rain"}
    result["rain_against"] = {
        "fit_times_the_fastest": round(mine["fit_seconds"] / min(of["fit_seconds"] for of in others.values()), 2),
        "roc_auc_below_the_best": round(max(of["roc_auc"] for of in others.values()) - mine["roc_auc"], 5),
        **{f"batch_times_faster_than_{name}": round(of["batch_seconds"] / mine["batch_seconds"], 1) for name, of in others.items()},
    }
    return result


def shap_trees(exported):
    """The exported trees as shap's explainer takes them."""
    import numpy

    trees = exported["predictor"]["trees"]
    number = numpy.array(trees["number"], dtype=numpy.float32)
    step, feature = numpy.array(trees["step"]), numpy.array(trees["feature"])
    missing_left, cover = numpy.array(trees["missing_left"]), numpy.array(trees["cover"], dtype=float)
    ends = [*trees["roots"][1:], len(step)]
    made = []
    for root, end in zip(trees["roots"], ends):
        steps, own = step[root:end], numpy.arange(end - root)
        split = steps > 0
        left = numpy.where(split, own + steps, -1)
        right = numpy.where(split, left + 1, -1)
        # shap sends a value that equals the threshold left: just below it, the comparison is ours.
        below = numpy.nextafter(number[root:end].astype(float), -numpy.inf)
        made.append({
            "children_left": left,
            "children_right": right,
            "children_default": numpy.where(missing_left[root:end] == 1, left, right),
            "features": numpy.where(split, feature[root:end], -2),
            "thresholds": below,
            "values": numpy.where(split, 0.0, number[root:end])[:, None],
            "node_sample_weight": cover[root:end],
        })
    return {"trees": made, "base_offset": trees["base"]}


def explained(options, folder, names, train, test):
    """SHAP values of the champion's trees on one core each."""
    import numpy
    import shap

    told, _ = ours(options, folder, names, SHARES["champion"], train, test, options.runs, 1)
    rows = test[0][:EXPLAINED].astype(float)
    made = shap_trees(json.loads((folder / "model.json").read_text()))
    explainer = shap.TreeExplainer(made, feature_perturbation="tree_path_dependent")
    theirs = seconds(lambda: explainer.shap_values(rows, check_additivity=False), options.runs)
    per_row = {"rain": statistics.median(told["shap"]) / EXPLAINED, "shap": statistics.median(theirs) / EXPLAINED}
    return {
        "rows": EXPLAINED,
        **{f"{name}_microseconds_a_row": round(value * 1e6, 1) for name, value in per_row.items()},
        "rain_times_faster": round(per_row["shap"] / per_row["rain"], 1),
        "single_row_microseconds_on_one_thread": round(statistics.median(told["single"]) * 1e6, 2),
    }


def main():
    options = arguments()
    # Before numpy and the libraries are loaded, which read it then.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    options.rain, options.speed, data = options.rain.resolve(), options.speed.resolve(), options.data.resolve()
    result = {
        "cores": os.cpu_count(),
        "threads": options.threads,
        "runs": options.runs,
        "versions": {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}},
        "trees": options.trees, "depth": DEPTH, "leaves": 2**DEPTH, "bins": BINS,
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        names, train, test = table(options.rain, data, folder / "project")
        result |= {"features": len(names), "train_rows": len(train[1]), "test_rows": len(test[1])}
        for name, share in SHARES.items():
            result[name] = {"share_of_features": share, **compared(options, folder, names, train, test, share)}
        result["shap"] = explained(options, folder, names, train, test)
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
