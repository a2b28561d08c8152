"""Times feature retrieval of the example against Feast's, on this machine, in one run.

usage: python scripts/compare_feast.py --rain target/release/rain [--runs 3] [--largest 100] [--out FILE.json]
       python scripts/compare_feast.py --rain target/debug/rain --quick    (the values only count, not the figures)
needs: pip install 'feast[duckdb,redis]', and redis-server on the PATH for the figures of Redis

The data is made here: a row a day for each of 49 stations, 145,481 rows, 12 numbers each, and the same many
times over for growth. For values of now it is generated weather of that size, as the example has it.
Feast's figure is the call alone, on a store that is open, and for materialize its command as well; ours is
the whole process, from its start to the written file. Only the time of one online answer is taken inside of the
process, on both sides.
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
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
os.environ["FEAST_USAGE"] = "False"

import feast_tables  # noqa: E402
import numpy  # noqa: E402
import pandas  # noqa: E402

DAYS, STATIONS, FIELDS = 2969, 49, 12
START = numpy.datetime64("2008-01-01", "us")
DAY = numpy.timedelta64(1, "D")
TTL_DAYS = 0  # for ever
NAMES = [f"field_{at}" for at in range(FIELDS)]
EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "example"
# Columns of the weather that the example gives as features, as they are.
WEATHER = {"min_temp": "MinTemp", "max_temp": "MaxTemp", "rainfall": "Rainfall", "evaporation": "Evaporation",
           "sunshine": "Sunshine", "gust_speed": "WindGustSpeed", "wind_9am": "WindSpeed9am",
           "wind_3pm": "WindSpeed3pm", "humidity_9am": "Humidity9am", "humidity_3pm": "Humidity3pm",
           "pressure_9am": "Pressure9am", "pressure_3pm": "Pressure3pm"}
FIRST = datetime.date(2008, 12, 1)


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
    feast_tables.for_rain(
        folder, "station", [feast_tables.table("weather", "weather.parquet", ["station"], TTL_DAYS, NAMES)])


def feast_store(folder, kind):
    """A store of Feast's: `file` (Dask) is its default, `duckdb` its other one that needs no server."""
    store = feast_tables.feast_store(folder, kind)
    store.apply(feast_tables.feast_view(
        "weather", folder / "weather.parquet", ["station"], TTL_DAYS, {name: "float32" for name in NAMES}))
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


def measured(command):
    """Seconds and megabytes of the whole process."""
    told = subprocess.run([sys.executable, "-S", "-c", MEASURE, *command], stdout=subprocess.PIPE, text=True)
    if told.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed")
    seconds, megabytes = map(float, told.stdout.split())
    return seconds, megabytes


def by_rain(rain, folder, entities, *options):
    return measured([rain, "-C", folder, "features", "get", "--entities", entities, "--features", "weather",
                     "--out", folder / "out.parquet", *options])


def medians(pairs):
    seconds, megabytes = zip(*pairs)
    return {"seconds": round(statistics.median(seconds), 4), "megabytes": round(statistics.median(megabytes), 1)}


def same(theirs, ours):
    """Whether both have the same values for the rows that Feast kept; it loses those without any."""
    keys = ["station", "event_timestamp"]
    both = theirs.merge(ours, on=keys, suffixes=("", "_ours"), how="left")
    for name in NAMES:
        if not (both[name].fillna(-9) == both[f"{name}_ours"].fillna(-9)).all():
            sys.exit(f"{name} differs between Feast and rain")
    return len(both)


def point_in_time(rain, folder, runs, chance, quick=False):
    """Entity rows against the whole history: some of them for Feast, all for us."""
    result = {}
    stores = {kind: feast_store(folder, kind) for kind in (["file"] if quick else ["file", "duckdb"])}
    for count in ([100] if quick else [1_000, 10_000]):
        entities = entity_rows(count, chance)
        file = folder / "entities.parquet"
        entities.to_parquet(file, index=False)
        ours = medians([by_rain(rain, folder, file, "--without-created") for _ in range(1 if quick else max(runs, 5))])
        told = {"rain": ours}
        for kind, store in stores.items():
            seconds, theirs = by_feast(store, entities)
            compared = same(theirs, pandas.read_parquet(folder / "out.parquet"))
            told[f"feast_{kind}"] = {"seconds": round(seconds, 2), "rows_compared": compared,
                                     "rain_times_faster": round(seconds / ours["seconds"])}
        result[str(count)] = told
    if quick:
        return result
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
        figures = medians([by_rain(rain, folder, file) for _ in range(runs)])
        result.append({"rows": DAYS * STATIONS * times,
                       "file_megabytes": round((folder / "weather.parquet").stat().st_size / 1e6, 1), **figures})
        times *= 10
    return result


class Redis:
    """A Redis server of our own, in memory only, for as long as the block lasts; `None` if there is no program."""

    def __enter__(self):
        program = shutil.which("redis-server")
        if not program:
            print("NOT RUN: there is no redis-server on the PATH (the figures of Redis)", file=sys.stderr)
            return None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.server = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL)
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.flush()
                return self
            time.sleep(0.05)
        self.__exit__()
        sys.exit("redis-server doesn't answer")

    def flush(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            if not connection.recv(100).startswith(b"+OK"):
                sys.exit("redis-server refused to be emptied")

    def __exit__(self, *_):
        if server := getattr(self, "server", None):
            server.terminate()
            server.wait()


class Weather:
    """The example as a project of its own, over generated weather."""

    def __init__(self, rain, folder, stations, days):
        self.rain, self.folder, self.days = rain, folder, days
        self.file = folder / "data" / "weather.parquet"
        self.file.parent.mkdir(exist_ok=True)
        for name in ("contract.yaml", "features.yaml", "params.yaml"):
            shutil.copy(EXAMPLE / name, folder / name)
        self.run("data", "generate", "--days", days, "--stations", stations, "--out", self.file)

    def command(self, *arguments):
        return [self.rain, "-C", self.folder, *map(str, arguments)]

    def run(self, *arguments):
        done = subprocess.run(self.command(*arguments), stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"rain {' '.join(map(str, arguments))} failed")
        return done.stdout

    def last(self):
        return FIRST + datetime.timedelta(days=self.days - 1)

    def materialize(self, store):
        """Into a store that is empty."""
        return measured(self.command("--set", f"online.store={store}", "features", "materialize", self.file,
                                     "--until", self.last()))

    def online(self, store, stations, times):
        """What the store gives of these stations, and how long an answer takes."""
        return json.loads(self.run("--json", "--set", f"online.store={store}", "features", "get-online", *stations,
                                   "--now", self.last(), "--repeat", times))


def feast_online(folder, weather, online):
    """A store of Feast's that has the same rows as its source: twelve of our columns."""
    rows = folder / "rows.parquet"
    if not rows.exists():
        frame = pandas.read_parquet(weather.file)
        known = {name: frame[column].astype("float32") for name, column in WEATHER.items()}
        event = pandas.to_datetime(frame["Date"]).dt.tz_localize("UTC").astype("datetime64[us, UTC]")
        pandas.DataFrame({"station": frame["Location"].astype(str), "event": event,
                          "created": event + pandas.Timedelta(days=1), **known}).to_parquet(rows, index=False)
    store = feast_tables.feast_store(folder, "file", online)
    store.apply(feast_tables.feast_view(
        "weather", rows, ["station"], TTL_DAYS, {name: "float32" for name in WEATHER}, text_keys=True))
    return store


def feast_materialize(store, weather):
    """Seconds of the call, on a store that is open."""
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        store.materialize(start_date=datetime.datetime.combine(FIRST, datetime.time(), datetime.timezone.utc),
                          end_date=datetime.datetime.combine(weather.last(), datetime.time(12), datetime.timezone.utc))
    return time.perf_counter() - started


def feast_command(folder, weather, online):
    """Seconds and megabytes of `feast materialize`, the whole process, as ours is measured."""
    store = feast_online(folder, weather, online)
    repository = folder / "repository"
    repository.mkdir(exist_ok=True)
    # JSON is YAML.
    (repository / "feature_store.yaml").write_text(json.dumps(feast_tables.feast_config(folder, "file", online)))
    figures = measured([pathlib.Path(sys.executable).with_name("feast"), "--log-level", "error", "--chdir", repository,
                        "materialize", f"{FIRST}T00:00:00", f"{weather.last()}T12:00:00"])
    station = pandas.read_parquet(weather.file, columns=["Location"])["Location"].iloc[0]
    answer = feast_answer(store, str(station))
    if all(answer[name][0] is None for name in WEATHER):
        sys.exit("`feast materialize` has brought no values")
    return figures


def feast_answer(store, station):
    return store.get_online_features(
        features=[f"weather:{name}" for name in WEATHER], entity_rows=[{"station": station}]).to_dict()


def feast_microseconds(store, stations, times):
    micros = []
    for at in range(times):
        started = time.perf_counter()
        feast_answer(store, stations[at % len(stations)])
        micros.append((time.perf_counter() - started) * 1e6)
    return round(statistics.median(micros), 1)


def same_online(store, stations, told):
    """Whether both give the same values; the number of them."""
    compared = 0
    for station, result in zip(stations, told["results"]):
        ours = dict(zip(told["features"], result["values"]))
        theirs = feast_answer(store, station)
        for name in WEATHER:
            value = theirs[name][0]
            value = None if value is None or value != value else numpy.float32(value)
            own = None if ours[name] is None else numpy.float32(ours[name])
            if value != own:
                sys.exit(f"{name} of {station}: {value} from Feast's online store, {own} from rain's")
            compared += own is not None
    if not compared:
        sys.exit("the online stores have no values to compare")
    return compared


def values_of_now(rain, folder, runs, quick=False):
    """All stations into the online store, and one station's features out of it."""
    weather = Weather(rain, folder, STATIONS, 60 if quick else DAYS)
    weather.run("--set", f"data.file={weather.file}", *(["--set", 'split.test_from="2009-01-15"'] if quick else []),
                "features", "build")
    times = 200 if quick else 5_000
    materialize, answer = {}, {}
    with Redis() as redis:
        for theirs, ours in {"sqlite": "redb", **({"redis": "redis"} if redis else {})}.items():
            seconds, calls, commands = [], [], []
            for at in range(runs):
                # Each into an empty store: a file of its own, or the server emptied.
                place = folder / f"online{at}.redb" if ours == "redb" else f"redis://127.0.0.1:{redis.port}/1"

                def empty(run):
                    if theirs == "sqlite":
                        return {"type": "sqlite", "path": str(folder / f"feast_{run}_{at}.db")}
                    redis.flush()
                    return {"type": "redis", "connection_string": f"127.0.0.1:{redis.port},db=0"}

                commands.append(feast_command(folder, weather, empty("command")))
                store = feast_online(folder, weather, empty("call"))
                seconds.append(weather.materialize(place))
                calls.append(feast_materialize(store, weather))
            figures, command, call = medians(seconds), medians(commands), statistics.median(calls)
            stations = sorted(pandas.read_parquet(weather.file, columns=["Location"])["Location"].astype(str).unique())
            told = weather.online(place, stations, times)
            compared = same_online(store, stations, told)
            micros = feast_microseconds(store, stations, times // 10)
            materialize[ours] = {
                "rain": figures, "feast_store": theirs, "feast": command, "feast_call_seconds": round(call, 3),
                "rain_times_faster": round(command["seconds"] / figures["seconds"], 1),
                "rain_times_faster_than_call": round(call / figures["seconds"], 1)}
            answer[ours] = {
                "rain_features": len(told["features"]), "rain_microseconds": round(told["timing"]["median"], 1),
                "rain_microseconds_p99": round(told["timing"]["p99"], 1), "feast_features": len(WEATHER),
                "feast_store": theirs, "feast_microseconds": micros, "values_compared": compared,
                "rain_times_faster": round(micros / told["timing"]["median"], 1)}
    return {"rows": STATIONS * weather.days, "materialize": materialize, "answer": answer}


def online_growth(rain, folder, runs, largest):
    """Ten and a hundred times the stations, into a file."""
    result = []
    times = 1
    while times <= largest:
        weather = Weather(rain, folder, STATIONS * times, DAYS)
        figures = medians([weather.materialize(folder / f"online{times}_{at}.redb") for at in range(runs)])
        result.append({"rows": STATIONS * times * DAYS, "stations": STATIONS * times,
                       "file_megabytes": round(weather.file.stat().st_size / 1e6, 1), **figures})
        times *= 10
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rain", type=pathlib.Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--largest", type=int, default=100, help="how many times the data to go up to")
    parser.add_argument("--only", choices=["point_in_time", "growth", "online", "online_growth"],
                        help="leave the other figures of FILE.json as they are")
    parser.add_argument("--quick", action="store_true",
                        help="few rows, once: whether both come to the same, and no figures to be believed")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    rain = arguments.rain.resolve()
    result = {}
    if arguments.only and arguments.out and arguments.out.exists():
        result = json.loads(arguments.out.read_text())
    result |= {
        "cores": os.cpu_count(),
        "runs": 1 if arguments.quick else arguments.runs,
        "versions": {"python": platform.python_version(), "feast": importlib.metadata.version("feast"),
                     "pandas": importlib.metadata.version("pandas")},
    }
    runs = 1 if arguments.quick else arguments.runs

    def with_history(part):
        def measure(folder):
            chance = numpy.random.default_rng(1)
            declare(folder)
            write_rows(folder / "weather.parquet", 1, chance)
            return part(folder, chance)
        return measure

    parts = {
        "point_in_time": with_history(
            lambda folder, chance: point_in_time(rain, folder, runs, chance, arguments.quick)),
        "growth": with_history(lambda folder, chance: growth(rain, folder, runs, arguments.largest, chance)),
        "online": lambda folder: values_of_now(rain, folder, runs, arguments.quick),
        "online_growth": lambda folder: online_growth(rain, folder, runs, arguments.largest),
    }
    if arguments.quick:
        parts = {name: part for name, part in parts.items() if "growth" not in name}
    for name, part in parts.items():
        if arguments.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                result[name] = part(pathlib.Path(folder))
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
