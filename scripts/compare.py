"""Times the example against a Python pipeline that does the same job, on this machine, in one run.

usage: python scripts/compare.py --rain target/release/rain --data weatherAUS.csv [--runs 5] [--build] [--out FILE.json]
needs: pip install dvc scikit-learn pandas matplotlib

Each figure is the median of whole processes, the two sides taking turns; memory is the largest process
of the pipeline. The Python side runs under `dvc repro`, as its users run it. `--build` times cold builds as
well (minutes); without it, FILE.json keeps those it has.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLE = HERE.parent / "example"
RANDOM_SPLIT = "split={by: random, test_share: 0.3}"
# What the peer sees: the day itself, neither what came before nor the neighbours.
SAME_COLUMNS = "features.without=[history, telling, single]"
SCORES = ("roc_auc", "brier", "accuracy")
PANDAS = "import pandas, sys, time; t = time.perf_counter(); pandas.read_csv(sys.argv[1]); print(time.perf_counter() - t)"


def measure(commands, folder, env=None):
    """Seconds and peak MB of commands run one after the other."""
    seconds, peak = 0.0, 0
    for command in commands:
        started = time.perf_counter()
        with open(os.devnull, "w") as nowhere:
            child = subprocess.Popen(command, cwd=folder, stdout=nowhere, stderr=subprocess.PIPE, env=env)
            error = child.stderr.read().decode()
            _, status, usage = os.wait4(child.pid, 0)
        seconds += time.perf_counter() - started
        if status != 0:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{error}")
        peak = max(peak, usage.ru_maxrss / 1024)
    return seconds, peak


def median(pairs):
    seconds, megabytes = zip(*pairs)
    return {"seconds": round(statistics.median(seconds), 3), "megabytes": round(statistics.median(megabytes), 1)}


def peer_folder(folder, data):
    shutil.copytree(HERE / "peer", folder)
    for name in ("data", "models", "results"):
        (folder / name).mkdir()
    shutil.copy(data, folder / "data" / "weatherAUS.csv")
    for command in (["git", "init", "-q", "."], ["dvc", "init", "-q"], ["dvc", "config", "core.analytics", "false"]):
        subprocess.run(command, cwd=folder, check=True)


def our_folder(folder, data):
    (folder / "data").mkdir(parents=True)
    for name in ("contract.yaml", "features.yaml", "params.yaml"):
        shutil.copy(EXAMPLE / name, folder)
    shutil.copy(data, folder / "data" / "weatherAUS.csv")


def pipeline(rain, kind, *more):
    settings = ["--set", f"model.kind={kind}"] + [word for setting in more for word in ("--set", setting)]
    return [[rain, *words, *settings] for words in (["features", "build"], ["train"], ["evaluate"])]


def scores(folder):
    model = json.loads((folder / "metrics" / "scores.json").read_text())["model"]
    return {key: model[key]["value"] for key in SCORES}


def build(*options):
    """Minutes, processor time and disk of a build from nothing but fetched crates."""
    with tempfile.TemporaryDirectory() as target:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run(["cargo", "build", "--locked", "--quiet", *options, "--target-dir", target],
                       cwd=HERE.parent, check=True)
        seconds = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        files = [file for file in pathlib.Path(target).rglob("*") if file.is_file()]
        # A hard link is the same bytes again.
        size = {file.stat().st_ino: file.stat().st_size for file in files}
        program = next(file for file in files if file.name in ("rain", "rain.exe"))
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {
            "minutes": round(seconds / 60, 1),
            "processor_minutes": round(processor / 60, 1),
            "gigabytes": round(sum(size.values()) / 1e9, 1),
            "program_megabytes": round(program.stat().st_size / 1e6),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rain", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    rain, data = arguments.rain.resolve(), arguments.data.resolve()
    versions = {name: importlib.metadata.version(name) for name in ("scikit-learn", "pandas", "dvc")}
    result = {
        "cores": os.cpu_count(),
        "runs": arguments.runs,
        "versions": {"python": platform.python_version(), **versions},
        "scores": {},
    }

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        peer, ours = scratch / "peer", scratch / "ours"
        peer_folder(peer, data)
        our_folder(ours, data)
        jobs = {
            "python": lambda: measure([["dvc", "repro", "--force", "--quiet"]], peer),
            "forest": lambda: measure(pipeline(rain, "forest", RANDOM_SPLIT, SAME_COLUMNS), ours),
            "forest_all_features": lambda: measure(pipeline(rain, "forest", RANDOM_SPLIT), ours),
            "boosting": lambda: measure(pipeline(rain, "boosting"), ours),
        }
        runs = {name: [] for name in jobs}
        for name, job in jobs.items():
            job()
            if name != "python":
                result["scores"][name] = scores(ours)
        told = json.loads((peer / "results" / "metrics.json").read_text())
        result["scores"]["python"] = {key: told[key] for key in SCORES if key in told}
        for _ in range(arguments.runs):
            for name, job in jobs.items():
                runs[name].append(job())
        result["pipeline"] = {name: median(pairs) for name, pairs in runs.items()}
        python = result["pipeline"]["python"]
        for name in ("forest", "forest_all_features", "boosting"):
            mine = result["pipeline"][name]
            mine["times_faster"] = round(python["seconds"] / mine["seconds"], 1)
            mine["share_of_memory"] = round(mine["megabytes"] / python["megabytes"], 2)

        reading = {"pandas_read_only": [], "python_whole_process": [], "rain_read_only": [], "rain_read_and_check": [],
                   "rain_whole_process_with_check": []}
        # Short as they are, they are run more often.
        for _ in range(4 * arguments.runs + 1):
            started = time.perf_counter()
            told = subprocess.run([sys.executable, "-c", PANDAS, data], capture_output=True, text=True, check=True)
            reading["python_whole_process"].append(time.perf_counter() - started)
            reading["pandas_read_only"].append(float(told.stdout))
            reading["rain_whole_process_with_check"].append(measure([[rain, "data", "check", data]], ours)[0])
            told = subprocess.run([rain, "-v", "data", "check", data], cwd=ours, capture_output=True, text=True, check=True)
            seconds = re.search(r"read in ([0-9.]+) s, read and checked in ([0-9.]+) s", told.stderr)
            reading["rain_read_only"].append(float(seconds[1]))
            reading["rain_read_and_check"].append(float(seconds[2]))
        medians = {name: statistics.median(seconds[1:]) for name, seconds in reading.items()}
        result["reading"] = {f"{name}_seconds": round(seconds, 3) for name, seconds in medians.items()}
        result["reading"]["times_faster"] = round(medians["pandas_read_only"] / medians["rain_read_and_check"], 1)
        result["reading"]["whole_process_times_faster"] = round(
            medians["python_whole_process"] / medians["rain_whole_process_with_check"], 1)

        days, stations = 60_000, 49
        target = ours / "generated.csv"
        command = [rain, "data", "generate", "--days", str(days), "--stations", str(stations), "--seed", "1", "--out", target]
        generating = [measure([command], ours) for _ in range(arguments.runs)]
        result["generating"] = median(generating)
        result["generating"]["station_days"] = days * stations
        result["generating"]["million_station_days_per_second"] = round(
            days * stations / result["generating"]["seconds"] / 1e6, 2)

    if arguments.build:
        result["build"] = {
            "dev": build("--bin", "rain", "--bin", "xtask"),
            "release": build("--release", "--bin", "rain"),
        }
    elif arguments.out and arguments.out.exists():
        result["build"] = json.loads(arguments.out.read_text()).get("build")
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
