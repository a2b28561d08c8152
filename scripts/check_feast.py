"""Point-in-time joins by Feast's file offline store and by `rain features get`, value by value.

usage: python scripts/check_feast.py FOLDER      (a folder to work in)
needs: pip install feast, and `rain` on the PATH

Both read the same Parquet files. A third party says what is right: the definition, word by word, in
`by_definition` below. Ours must always agree with it. Feast must too, but for three things that it is known
to do, which are counted: it merges entity rows with equal keys and instant (its issue 6787), it drops an
entity row all of whose candidates lie outside the ttl or after its instant, and among rows with one event time
it doesn't always take the last created. Ends with
the number of joins that held.
"""

import contextlib
import datetime
import io
import os
import pathlib
import random
import subprocess
import sys
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")
os.environ["FEAST_USAGE"] = "False"

import pandas  # noqa: E402
import feast_tables  # noqa: E402

MICROSECOND = datetime.timedelta(microseconds=1)
DAY = datetime.timedelta(days=1)
START = datetime.datetime(2020, 2, 28, tzinfo=datetime.timezone.utc)


class Case:
    """Source rows (keys, event, created), entity rows (keys, instant)."""

    def __init__(self, name, keys, rows, asked, ttl_days=0):
        self.name, self.keys, self.ttl_days = name, keys, ttl_days
        self.rows = pandas.DataFrame(
            [(*key, event, created, float(at), f"row {at}") for at, (key, event, created) in enumerate(rows)],
            columns=[*keys, "event", "created", "number", "word"])
        # Every third value is missing: that is another thing than a missing row.
        self.rows.loc[self.rows.index % 3 == 2, "number"] = float("nan")
        for column in ("event", "created"):
            self.rows[column] = pandas.to_datetime(self.rows[column], utc=True).astype("datetime64[us, UTC]")
        self.asked = pandas.DataFrame(
            [(*key, at, number) for number, (key, at) in enumerate(asked)], columns=[*keys, "event_timestamp", "asked"])
        self.asked["event_timestamp"] = self.asked["event_timestamp"].astype("datetime64[us, UTC]")

    def candidates(self, asked, honour_created):
        rows = self.rows
        keep = rows["event"] <= asked["event_timestamp"]
        for key in self.keys:
            keep &= rows[key] == asked[key]
        if self.ttl_days:
            keep &= rows["event"] >= asked["event_timestamp"] - self.ttl_days * DAY
        if honour_created:
            keep &= rows["created"] <= asked["event_timestamp"]  # false where created is missing
        return rows[keep]

    def of_entity(self, asked):
        keep = self.rows["event"].notna()
        for key in self.keys:
            keep &= self.rows[key] == asked[key]
        return self.rows[keep]

    def by_definition(self, asked, honour_created):
        """The values of the row with the latest event; of several, of the one created last."""
        rows = self.candidates(asked, honour_created)
        if rows.empty:
            return None, None
        rows = rows[rows["event"] == rows["event"].max()]
        best = rows.sort_values("created", na_position="first", kind="stable").iloc[-1]
        return (None if pandas.isna(best["number"]) else best["number"]), best["word"]


def cases():
    def at(days, more=datetime.timedelta()):
        return START + days * DAY + more

    yield Case("latest", ["driver"],
               [((1,), at(0), at(0)), ((1,), at(1), at(1)), ((2,), at(1), at(1)), ((1,), at(3), at(3))],
               [((1,), at(2)), ((1,), at(3)), ((1,), at(9)), ((2,), at(0)), ((2,), at(1)), ((3,), at(9))])
    yield Case("ttl_boundary", ["driver"],
               [((1,), at(0), at(0)), ((2,), at(0, MICROSECOND), at(0, MICROSECOND)), ((3,), at(0, -MICROSECOND), at(0))],
               [((driver,), at(days, more)) for driver in (1, 2, 3) for days in (0, 2)
                for more in (-MICROSECOND, datetime.timedelta(), MICROSECOND)], ttl_days=2)
    yield Case("ties", ["driver"],
               [((1,), at(1), at(1, hour * datetime.timedelta(hours=1))) for hour in (3, 1, 4, 2)]
               + [((1,), at(0), at(5))],
               [((1,), at(1, hour * datetime.timedelta(hours=1))) for hour in range(6)] + [((1,), at(6))])
    yield Case("null_created", ["driver"],
               [((1,), at(1), None), ((1,), at(1), at(2)), ((1,), at(3), None), ((2,), at(1), None)],
               [((1,), at(1)), ((1,), at(2)), ((1,), at(4)), ((2,), at(9))])
    yield Case("filled_in_later", ["driver"],
               [((1,), at(0), at(0)), ((1,), at(1), at(9)), ((1,), at(2), at(2)), ((2,), at(1), at(9))],
               [((1,), at(1)), ((1,), at(2)), ((1,), at(9)), ((2,), at(2)), ((2,), at(9))], ttl_days=30)
    yield Case("two_keys", ["driver", "route"],
               [((1, 23), at(0), at(0)), ((12, 3), at(1), at(1)), ((1, 2), at(0), at(0))],
               [((1, 23), at(2)), ((12, 3), at(2)), ((12, 23), at(2)), ((1, 2), at(0)), ((1, 3), at(5))])
    yield Case("text_keys", ["driver", "route"],
               [(("1", "23"), at(0), at(0)), (("12", "3"), at(1), at(1)), (("", "123"), at(0), at(0))],
               [(("1", "23"), at(2)), (("12", "3"), at(2)), (("", "123"), at(2)), (("123", ""), at(5))])
    yield Case("equal_entity_rows", ["driver"],
               [((1,), at(0), at(0)), ((2,), at(5), at(5))],
               [((1,), at(1)), ((1,), at(1)), ((1,), at(1)), ((2,), at(1)), ((2,), at(1))])
    chance = random.Random(4)
    for name, ttl_days in (("random", 0), ("random_ttl", 2)):
        rows = []
        for _ in range(150):
            event = at(chance.randrange(12))
            created = None if chance.random() < 0.1 else event + chance.randrange(5) * DAY
            rows.append(((chance.randrange(5),), event, created))
        # One row a creation: which of two equal ones is taken is nobody's promise.
        rows = list({(key, event, created): (key, event, created) for key, event, created in rows}.values())
        yield Case(name, ["driver"], rows,
                   [((chance.randrange(6),), at(chance.randrange(16))) for _ in range(60)], ttl_days)


def declare(case, folder):
    """The source as a feature view of Feast's and as a table of ours."""
    file = folder / f"{case.name}.parquet"
    case.rows.to_parquet(file, index=False)
    text_keys = case.rows[case.keys[0]].dtype == object or str(case.rows[case.keys[0]].dtype).startswith("str")
    objects = feast_tables.feast_view(
        case.name, file, case.keys, case.ttl_days, {"number": "float64", "word": "string"}, text_keys)
    return objects, feast_tables.table(case.name, file, case.keys, case.ttl_days, ["number", "word"])


def by_feast(store, case, honour_created):
    with contextlib.redirect_stdout(io.StringIO()):
        return store.get_historical_features(
            entity_df=case.asked.copy(), features=[f"{case.name}:number", f"{case.name}:word"],
            filter_by_created_timestamp=honour_created).to_df()


def by_rain(folder, case, honour_created):
    entities, out = folder / f"{case.name}.entities.parquet", folder / f"{case.name}.out.parquet"
    case.asked.to_parquet(entities, index=False)
    command = ["rain", "-C", folder, "features", "get", "--entities", entities, "--features", case.name, "--out", out]
    subprocess.run(command + ([] if honour_created else ["--without-created"]), check=True, stdout=subprocess.DEVNULL)
    return pandas.read_parquet(out)


def values(row):
    number, word = row["number"], row["word"]
    return (None if pandas.isna(number) else number), (None if pandas.isna(word) else word)


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    every = list(cases())
    objects, tables = [], []
    for case in every:
        declared, table = declare(case, folder)
        objects += declared
        tables.append(table)
    feast_tables.for_rain(folder, "driver", tables)
    store = feast_tables.feast_store(folder)
    store.apply(objects)

    joins = compared = merged = lost = ties = 0
    failures = []
    for case in every:
        for honour_created in (False, True):
            ours = by_rain(folder, case, honour_created)
            feasts = by_feast(store, case, honour_created)
            joins += 1
            if list(ours["asked"]) != list(case.asked["asked"]):
                failures.append(f"{case.name}: our rows aren't the entity rows in their order")
            for number, asked in case.asked.iterrows():
                expected = case.by_definition(asked, honour_created)
                where = f"{case.name}, created {'honoured' if honour_created else 'not honoured'}, {dict(asked)}"
                if (got := values(ours.iloc[number])) != expected:
                    failures.append(f"{where}: rain gives {got}, the definition {expected}")
                compared += 2
                same = feasts["event_timestamp"] == asked["event_timestamp"]
                for key in case.keys:
                    same &= feasts[key] == asked[key]
                theirs = feasts[same]
                equal_rows = case.asked[case.keys + ["event_timestamp"]].eq(asked[case.keys + ["event_timestamp"]]).all(axis=1)
                if theirs.empty:
                    if case.candidates(asked, False).empty and not case.of_entity(asked).empty:
                        lost += 1
                    else:
                        failures.append(f"{where}: Feast has no such row, and it isn't known why")
                    continue
                if len(theirs) < equal_rows.sum():
                    merged += 1
                if (got := values(theirs.iloc[0])) != expected:
                    rows = case.candidates(asked, honour_created)
                    if (rows["event"] == rows["event"].max()).sum() > 1:
                        ties += 1
                    else:
                        failures.append(f"{where}: Feast gives {got}, the definition {expected}")
                        continue
                compared += 2
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    if failures:
        sys.exit(1)
    print(f"Feast merged {merged} entity rows with others, lost {lost}, took another than the last created {ties} times")
    print(f"{joins} joins held, {compared} values of them compared, between rain, Feast {version('feast')} and the definition")


if __name__ == "__main__":
    main()
