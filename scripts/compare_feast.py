"""Times feature retrieval of the example against Feast's, on this machine, in one run.

usage: python scripts/compare_feast.py --rain target/release/rain [--runs 3] [--largest 100] [--out FILE.json]
needs: pip install 'feast[duckdb]'

The data is made here: a row a day for each of 49 stations, 145,481 rows, 12 numbers each, and the same many
times over for growth. Feast's figure is the call alone, on a store that is open; ours is the whole process,
from its start to the written file.
"""

import argparse
import contextlib
import datetime
import importlib.metadata
import io
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
os.environ["FEAST_USAGE"] = "False"

import numpy  # noqa: E402
import pandas  # noqa: E402

DAYS, STATIONS, FIELDS = 2969, 49, 12
START = numpy.datetime64("2008-01-01", "us")
DAY = numpy.timedelta64(1, "D")
TTL_DAYS = 0  # for ever
NAMES = [f"field_{at}" for at in range(FIELDS)]
CONTRACT = """
table: weather
key: [event_timestamp, station]
time: event_timestamp
entity: station
label: {column: label, positive: "yes"}
columns:
- {name: event_timestamp, type: date, known_at: 0}
- {name: station, type: category, known_at: 0}
- {name: label, type: category, values: ["no", "yes"], known_at: 48}
"""


def rows(days, chance, first=0):
    """A row a day and station, known a day later, in order of time."""
    station = numpy.tile(numpy.arange(STATIONS, dtype="int64"), days)
    event = numpy.repeat(START + DAY * numpy.arange(first, first + days), STATIONS)
    columns = {"station": station, "event": event, "created": event + DAY}
    columns |= {name: chance.standard_normal(days * STATIONS, dtype="float32") for name in NAMES}
    frame = pandas.DataFrame(columns)
    for name in ("event", "created"):
        frame[name] = frame[name].dt.tz_localize("UTC")
    return frame


def entity_rows(count, chance, days=DAYS):
    # Every second apart from the next: Feast merges equal ones.
    seconds = numpy.sort(chance.choice(days * 86_400, size=count, replace=False))
    frame = pandas.DataFrame({
        "station": chance.integers(0, STATIONS, count), "event_timestamp": START + seconds * numpy.timedelta64(1, "s")})
    frame["event_timestamp"] = frame["event_timestamp"].dt.tz_localize("UTC")
    return frame


def write_rows(path, times, chance):
    """The rows, so many times over, piece by piece: memory stays small here too."""
    import pyarrow
    import pyarrow.parquet

    writer = None
    for piece in range(times):
        frame = rows(DAYS, chance, piece * DAYS)
        table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pyarrow.parquet.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=1 << 16)
    writer.close()


def declare(folder):
    """What `rain features get` reads beside the tables."""
    table = {"name": "weather", "file": "weather.parquet", "keys": ["station"], "event": "event",
             "created": "created", "ttl_days": TTL_DAYS, "fields": NAMES}
    # JSON is YAML.
    (folder / "features.yaml").write_text(
        json.dumps({"entities": [], "sources": [], "views": [], "services": [], "tables": [table]}))
    (folder / "contract.yaml").write_text(CONTRACT)


def feast_store(folder, kind):
    """A store of Feast's: `file` (Dask) is its default, `duckdb` its other one that needs no server."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float32

    store = FeatureStore(config=RepoConfig(
        project="compare", provider="local", registry=str(folder / f"{kind}.db"), offline_store={"type": kind},
        online_store={"type": "sqlite", "path": str(folder / "online.db")}, entity_key_serialization_version=3))
    station = Entity(name="station", join_keys=["station"], value_type=ValueType.INT64)
    view = FeatureView(
        name="weather", entities=[station], ttl=datetime.timedelta(days=TTL_DAYS),
        schema=[Field(name=name, dtype=Float32) for name in NAMES],
        source=FileSource(path=str(folder / "weather.parquet"), timestamp_field="event",
                          created_timestamp_column="created"))
    store.apply([station, view])
    return store


def by_feast(store, entities):
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        got = store.get_historical_features(
            entity_df=entities, features=[f"weather:{name}" for name in NAMES]).to_df()
    return time.perf_counter() - started, got


# A process that a large one starts is said to have been as large: so a small one starts it.
MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
sys.exit(status)
"""


def by_rain(rain, folder, entities, *options):
    """Seconds and megabytes of the whole process."""
    command = [rain, "-C", folder, "features", "get", "--entities", entities, "--features", "weather",
               "--out", folder / "out.parquet", *options]
    told = subprocess.run([sys.executable, "-S", "-c", MEASURE, *command], stdout=subprocess.PIPE, text=True)
    if told.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed")
    seconds, megabytes = map(float, told.stdout.split())
    return seconds, megabytes


def medians(measured):
    seconds, megabytes = zip(*measured)
    return {"seconds": round(statistics.median(seconds), 4), "megabytes": round(statistics.median(megabytes), 1)}


def same(theirs, ours):
    """Whether both have the same values for the rows that Feast kept; it loses those without any."""
    keys = ["station", "event_timestamp"]
    both = theirs.merge(ours, on=keys, suffixes=("", "_ours"), how="left")
    for name in NAMES:
        if not (both[name].fillna(-9) == both[f"{name}_ours"].fillna(-9)).all():
            sys.exit(f"{name} differs between Feast and rain")
    return len(both)


def point_in_time(rain, folder, runs, chance):
    """Entity rows against the whole history: some of them for Feast, all for us."""
    result = {}
    stores = {kind: feast_store(folder, kind) for kind in ("file", "duckdb")}
    for count in (1_000, 10_000):
        entities = entity_rows(count, chance)
        file = folder / "entities.parquet"
        entities.to_parquet(file, index=False)
        ours = medians([by_rain(rain, folder, file, "--without-created") for _ in range(max(runs, 5))])
        told = {"rain": ours}
        for kind, store in stores.items():
            seconds, theirs = by_feast(store, entities)
            compared = same(theirs, pandas.read_parquet(folder / "out.parquet"))
            told[f"feast_{kind}"] = {"seconds": round(seconds, 2), "rows_compared": compared,
                                     "rain_times_faster": round(seconds / ours["seconds"])}
        result[str(count)] = told
    entities = entity_rows(DAYS * STATIONS, chance)
    file = folder / "entities.parquet"
    entities.to_parquet(file, index=False)
    result["all"] = {"entity_rows": len(entities), "rain": medians([by_rain(rain, folder, file) for _ in range(max(runs, 5))])}
    return result


def growth(rain, folder, runs, largest, chance):
    """The same entity rows against a history many times as long."""
    result = []
    times = 1
    while times <= largest:
        write_rows(folder / "weather.parquet", times, chance)
        entities = entity_rows(DAYS * STATIONS, chance, DAYS * times)
        file = folder / "entities.parquet"
        entities.to_parquet(file, index=False)
        measured = medians([by_rain(rain, folder, file) for _ in range(runs)])
        result.append({"rows": DAYS * STATIONS * times,
                       "file_megabytes": round((folder / "weather.parquet").stat().st_size / 1e6, 1), **measured})
        times *= 10
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rain", type=pathlib.Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--largest", type=int, default=100, help="how many times the data to go up to")
    parser.add_argument("--only", choices=["point_in_time", "growth"], help="leave the other figures of FILE.json as they are")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    rain = arguments.rain.resolve()
    result = {}
    if arguments.only and arguments.out and arguments.out.exists():
        result = json.loads(arguments.out.read_text())
    result |= {
        "cores": os.cpu_count(),
        "runs": arguments.runs,
        "versions": {"python": platform.python_version(), "feast": importlib.metadata.version("feast"),
                     "pandas": importlib.metadata.version("pandas")},
    }
    parts = {
        "point_in_time": lambda folder, chance: point_in_time(rain, folder, arguments.runs, chance),
        "growth": lambda folder, chance: growth(rain, folder, arguments.runs, arguments.largest, chance),
        # Online retrieval goes here: a function of its own, and its figures under "online".
    }
    for name, part in parts.items():
        if arguments.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                chance = numpy.random.default_rng(1)
                declare(folder)
                write_rows(folder / "weather.parquet", 1, chance)
                result[name] = part(folder, chance)
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
