"""Measures how feature table and training grow with the data: generated weather of 1, 10 and 100 times the size.

usage: python scripts/measure_growth.py --rain target/release/rain [--largest 100] [--scratch FOLDER] [--out FILE.json]
needs: nothing but Python; 100 times takes a quarter of an hour, 20 GB of memory and 10 GB of disk

Each figure is of a whole process. More data is more stations over as many days: what a model of a whole continent
would see.
"""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile

from compare import EXAMPLE, measure

STATIONS, DAYS = 49, 2922


def project(folder):
    (folder / "data").mkdir(parents=True)
    for name in ("contract.yaml", "features.yaml", "params.yaml"):
        shutil.copy(EXAMPLE / name, folder)


def grown(rain, folder, times):
    """Seconds and MB of each command on so many times the data."""
    project(folder)
    weather = "data/weather.parquet"
    commands = {
        "generate": ["data", "generate", "--stations", STATIONS * times, "--days", DAYS, "--out", weather],
        "features": ["features", "build", weather],
        "train": ["train"],
    }
    told = {"times": times, "rows": STATIONS * times * DAYS}
    for name, words in commands.items():
        seconds, megabytes = measure([[rain, *map(str, words)]], folder)
        told[name] = {"seconds": round(seconds, 2), "megabytes": round(megabytes)}
        print(f"{times} times: {name} {seconds:.1f} s, {megabytes:.0f} MB", file=sys.stderr)
    told["table_megabytes"] = round((folder / "data" / "features.parquet").stat().st_size / 1e6)
    shutil.rmtree(folder)
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rain", type=pathlib.Path, required=True)
    parser.add_argument("--largest", type=int, default=100, help="how many times the data to go up to")
    parser.add_argument("--scratch", type=pathlib.Path, help="a folder with room")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    rain = options.rain.resolve()
    result = {"cores": os.cpu_count(), "growth": []}
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        times = 1
        while times <= options.largest:
            result["growth"].append(grown(rain, pathlib.Path(scratch) / str(times), times))
            times *= 10
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
