"""Other programs get the same from an exported model: ONNX in onnxruntime, JSON in a reader of our own.

    pip install onnxruntime==1.31.1 numpy==2.4.6
    PATH=target/debug:$PATH python scripts/check_export.py SCRATCH

Each kind of model is trained on generated days and exported. The JSON, read here, has to give the margins of the
model's golden rows to the bit, and onnxruntime the probabilities of 5,000 rows within 1e-5: rows of values about,
and exactly at, the model's own thresholds, every fifth of them missing.
"""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import onnxruntime

ROOT = Path(__file__).resolve().parent.parent
ROWS = 5000
NEAR = 1e-5
SMALL = ["split.test_from=2009-12-01", "model.boosting.trees=60", "model.forest.trees=20", "model.forest.depth=8"]
CASES = {
    "logistic": ["model.kind=logistic"],
    "tree": ["model.kind=tree"],
    "forest": ["model.kind=forest"],
    "boosting": ["model.kind=boosting"],
    "boosting, calibrated": ["calibration.method=platt", "calibration.from=2009-09-01"],
}


def rain(folder, *arguments, settings=()):
    words = ["rain", *arguments]
    for setting in settings:
        words += ["--set", setting]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr}")


def margins(predictor, rows):
    """As the documentation of the JSON says: single precision but for the sum."""
    if "linear" in predictor:
        linear = predictor["linear"]
        sums = numpy.full(len(rows), linear["intercept"])
        for term, column in zip(linear["terms"], rows.T):
            value = numpy.where(numpy.isnan(column), numpy.float32(term["fill"]), column).astype(numpy.float64)
            sums += term["weight"] * ((value - term["mean"]) / term["scale"])
        return sums
    trees = predictor["trees"]
    step = numpy.array(trees["step"])
    feature, missing_left = numpy.array(trees["feature"]), numpy.array(trees["missing_left"]) == 1
    with numpy.errstate(over="ignore"):
        number = numpy.array(trees["number"]).astype(numpy.float32)
    sums = numpy.full(len(rows), trees["base"])
    every = numpy.arange(len(rows))
    for root in trees["roots"]:
        at = numpy.full(len(rows), root)
        while (step[at] > 0).any():
            value = rows[every, feature[at]]
            left = (value < number[at]) | (numpy.isnan(value) & missing_left[at])
            at += numpy.where(step[at] > 0, step[at] + ~left, 0)
        sums += number[at].astype(numpy.float64)
    return sums


def probabilities(model, sums):
    if "Platt" in model.get("calibration", {}):
        platt = model["calibration"]["Platt"]
        sums = platt["slope"] * sums + platt["intercept"]
    elif model["predictor"].get("trees", {}).get("link") == "Identity":
        return numpy.clip(sums, 0, 1)
    return 1 / (1 + numpy.exp(-sums))


def drawn_rows(model, width):
    draw = numpy.random.default_rng(1)
    rows = draw.normal(0, 3, (ROWS, width)).astype(numpy.float32)
    if "trees" in model["predictor"]:
        trees = model["predictor"]["trees"]
        splits = numpy.array(trees["step"]) > 0
        numbers, features = numpy.array(trees["number"])[splits], numpy.array(trees["feature"])[splits]
        for feature in range(width):
            own = numbers[(features == feature) & (numbers < 1e38)].astype(numpy.float32)
            if len(own):
                rows[:, feature] = draw.choice(own, ROWS)
                beside = draw.random(ROWS) < 0.5
                rows[beside, feature] = numpy.nextafter(rows[beside, feature], numpy.float32(-numpy.inf))
    else:
        terms = model["predictor"]["linear"]["terms"]
        rows = rows * [term["scale"] for term in terms] + [term["mean"] for term in terms]
    rows[draw.random(rows.shape) < 0.2] = numpy.nan
    rows[0] = numpy.nan
    return rows.astype(numpy.float32)


def check(name, folder):
    model = json.loads((folder / "model.json").read_text())
    width = len(model["features"])
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    told = session.get_modelmeta().custom_metadata_map
    assert told["features"].split(",") == model["features"], told
    assert float(told["threshold"]) == model["threshold"] and told["classes"].split(",") == model["classes"], told

    golden = model["golden"]
    rows = numpy.array([[math.nan if v is None else v for v in row["features"]] for row in golden], numpy.float32)
    ours = margins(model["predictor"], rows)
    assert ours.tolist() == [row["margin"] for row in golden], f"{name}: {ours} are not the golden rows' margins"

    drawn = drawn_rows(model, width)
    expected = probabilities(model, margins(model["predictor"], drawn))
    theirs = session.run(["probability"], {"features": drawn})[0][:, 0]
    worst = float(numpy.abs(theirs - expected).max())
    assert worst <= NEAR, f"{name}: onnxruntime is {worst} off"
    assert numpy.ptp(expected) > 0.2, f"{name}: all rows get the same"
    of_golden = session.run(["probability"], {"features": rows})[0][:, 0]
    assert numpy.abs(of_golden - [row["probability"] for row in golden]).max() <= NEAR, f"{name}: golden rows"
    print(f"{name}: {len(golden)} golden rows to the bit; onnxruntime within {worst:.1e} on {ROWS} rows")


def main():
    folder = Path(sys.argv[1])
    (folder / "data").mkdir(parents=True)
    for file in ["contract.yaml", "features.yaml", "params.yaml"]:
        shutil.copy(ROOT / "example" / file, folder)
    rain(folder, "data", "generate", "--days", "800", "--stations", "6", "--out", "data/weatherAUS.csv")
    for name, settings in CASES.items():
        out = folder / name.replace(", ", "_")
        settings = [*SMALL, *settings]
        rain(folder, "features", "build", settings=settings)
        rain(folder, "train", "--out", str(out.relative_to(folder) / "model.bin"), settings=settings)
        for form in ["json", "onnx"]:
            rain(folder, "export", "--model", str(out.relative_to(folder) / "model.bin"), "--format", form)
        check(name, out)
    print(f"{len(CASES)} exported models held")


if __name__ == "__main__":
    main()
