"""The browser's reader (book/labs/model.js), run by node, gives the program's margins and probabilities to the bit.

    PATH=target/debug:$PATH python scripts/check_labs.py SCRATCH [weatherAUS.csv]

Each kind of model, and each calibration, is trained on generated days, exported as JSON, and asked about 2,000
of those days. With the real file, the models of params.yaml and its four kinds are trained on that and asked about
10,000 of its rows; and the exported champion has to be small enough for a page.
"""

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 300_000
SMALL = ["split.test_from=2009-12-01", "model.boosting.trees=60", "model.forest.trees=20"]
GENERATED = {
    "logistic": ["model.kind=logistic"],
    "logistic, zero for missing": ["model.kind=logistic", "model.logistic.missing={constant: 0}"],
    "tree": ["model.kind=tree"],
    "forest": ["model.kind=forest"],
    "boosting": ["model.kind=boosting"],
    "boosting, platt": ["calibration.method=platt", "calibration.from=2009-06-01"],
    "boosting, isotonic": ["calibration.method=isotonic", "calibration.from=2009-06-01"],
    "forest, isotonic": ["model.kind=forest", "calibration.method=isotonic", "calibration.from=2009-06-01"],
}
REAL = {kind: [f"model.kind={kind}"] for kind in ["boosting", "logistic", "tree", "forest"]}


def run(folder, *words):
    done = subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def rain(folder, *words, settings=()):
    run(folder, "rain", *words, *(word for setting in settings for word in ("--set", setting)))


def sample(table, rows, into):
    """Rows spread over the whole table, with its header."""
    lines = table.read_text().splitlines(keepends=True)
    every = max(1, (len(lines) - 1) // rows)
    into.write_text(lines[0] + "".join(lines[1::every][:rows]))


def project(folder):
    (folder / "data").mkdir(parents=True)
    for file in ["contract.yaml", "features.yaml", "params.yaml"]:
        shutil.copy(ROOT / "example" / file, folder)
    return folder / "data" / "weatherAUS.csv"


def compare(folder, name, settings):
    """Trains a model and asks both; gives the rows they agree on."""
    rain(folder, "train", settings=settings)
    rain(folder, "export", "--format", "json", "--out", "model.json")
    rain(folder, "predict", "asked.csv", "--history", "data/weatherAUS.csv", "--features", "--out", "rows.jsonl")
    rows = int(run(folder, "node", ROOT / "scripts/check_labs.mjs", folder / "model.json", folder / "rows.jsonl"))
    text = (folder / "model.json").read_bytes()
    packed = len(gzip.compress(text, mtime=0))
    said = json.loads(text).get("calibration") or {"no calibration": None}
    print(f"{name} ({', '.join(said)}): {rows} rows to the bit, {packed / 1000:.0f} KB packed", flush=True)
    return rows, packed


def main():
    scratch = Path(sys.argv[1]).absolute()
    models = 0
    folder = scratch / "generated"
    table = project(folder)
    rain(folder, "data", "generate", "--days", "800", "--stations", "6", "--out", table)
    sample(table, 2000, folder / "asked.csv")
    for name, settings in GENERATED.items():
        settings = [*SMALL, *settings]
        rain(folder, "features", "build", settings=settings)
        rows, _ = compare(folder, name, settings)
        assert rows == 2000, f"{name}: {rows} rows"
        models += 1
    real = Path(sys.argv[2]).absolute() if len(sys.argv) > 2 else None
    if real and real.is_file():
        folder = scratch / "real"
        table = project(folder)
        table.symlink_to(real)
        sample(real, 10_000, folder / "asked.csv")
        rain(folder, "features", "build")
        for name, settings in REAL.items():
            rows, packed = compare(folder, f"{name}, real", settings)
            assert rows == 10_000, f"{name}: {rows} rows"
            if name == "boosting":
                assert packed <= LARGEST, f"the champion takes {packed} bytes packed, more than {LARGEST}"
            models += 1
    else:
        print(f"NOT RUN: the real file is not at {real} ({len(REAL)} models)")
    print(f"{models} models held in JavaScript")


if __name__ == "__main__":
    main()
