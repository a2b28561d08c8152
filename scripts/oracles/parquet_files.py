"""Small Parquet files as Arrow's own writer makes them, and what is in them.

    python3 scripts/oracles/parquet_files.py > example/crates/data/tests/golden/parquet_files.json

Each has the columns Day, Shop, Price and More of a shop. Needs pyarrow 26.0.1; another version may write other bytes.
"""

import base64
import datetime
import decimal
import io
import json
import sys
import zoneinfo

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 40
DAY = datetime.date(2020, 1, 1)
DAYS = [DAY + datetime.timedelta(row) for row in range(ROWS)]
SHOPS = [None if row % 11 == 10 else ["north", "south", "the shop at the end of the road"][row % 3] for row in range(ROWS)]
PRICES = [None if row % 7 == 6 else row / 4 for row in range(ROWS)]
WHOLE = [None if row % 7 == 6 else row % 100 for row in range(ROWS)]


def midnights(zone):
    place = zoneinfo.ZoneInfo(zone)
    at = [datetime.datetime(day.year, day.month, day.day, tzinfo=place) for day in DAYS]
    return pa.array(at, pa.timestamp("us", tz=zone))


def table(**columns):
    names = {
        "Day": pa.array(DAYS),
        "Shop": pa.array(SHOPS),
        "Price": pa.array(PRICES),
        "More": pa.array(["yes" if row % 3 else "no" for row in range(ROWS)]),
    }
    return pa.table({**names, **columns})


def decimals(kind):
    return pa.array([None if price is None else decimal.Decimal(str(price)) for price in PRICES], kind)


PLAIN = {"compression": "none", "use_dictionary": False}
FILES = {
    "plain": (table(), PLAIN),
    "checksums": (table(), {**PLAIN, "write_page_checksum": True}),
    "checksums of second pages": (
        table(),
        {"compression": "zstd", "data_page_version": "2.0", "data_page_size": 64, "write_page_checksum": True},
    ),
    "dictionary": (table(), {"compression": "snappy"}),
    "gzip in groups": (table(), {"compression": "gzip", "row_group_size": 25}),
    "differences": (
        table(Price=pa.array(WHOLE, pa.int64())),
        {
            "use_dictionary": False,
            "compression": "zstd",
            "column_encoding": {
                "Day": "DELTA_BINARY_PACKED",
                "Price": "DELTA_BINARY_PACKED",
                "Shop": "DELTA_BYTE_ARRAY",
                "More": "DELTA_LENGTH_BYTE_ARRAY",
            },
        },
    ),
    "split bytes": (table(), {**PLAIN, "column_encoding": {"Price": "BYTE_STREAM_SPLIT"}}),
    "category": (table(Shop=pa.array(SHOPS).dictionary_encode()), {}),
    "large text": (table(Shop=pa.array(SHOPS, pa.large_string())), {}),
    "int8": (table(Price=pa.array(WHOLE, pa.int8())), PLAIN),
    "uint16": (table(Price=pa.array(WHOLE, pa.uint16())), PLAIN),
    "float16": (table(Price=pa.array(PRICES, pa.float16())), PLAIN),
    "decimal": (table(Price=decimals(pa.decimal128(38, 6))), PLAIN),
    "short decimal": (table(Price=decimals(pa.decimal128(7, 2))), {**PLAIN, "store_decimal_as_integer": True}),
    "date64": (table(Day=pa.array(DAYS, pa.date64())), PLAIN),
    "nothing": (table(Price=pa.nulls(ROWS)), PLAIN),
    "Sydney": (table(Day=midnights("Australia/Sydney")), PLAIN),
    "offset": (table(Day=pa.array([datetime.datetime(d.year, d.month, d.day) - datetime.timedelta(hours=9.5) for d in DAYS], pa.timestamp("ms", tz="+09:30"))), PLAIN),
}
REFUSED = {
    "evenings in New York": table(
        Day=pa.array(
            [datetime.datetime(d.year, d.month, d.day, 19, tzinfo=zoneinfo.ZoneInfo("America/New_York")) for d in DAYS],
            pa.timestamp("us", tz="America/New_York"),
        )
    ),
    "Atlantis": table(Day=pa.array([0] * ROWS, pa.timestamp("ms", tz="Atlantis"))),
}


def said(value):
    if value is None:
        return "NA"
    if isinstance(value, (float, decimal.Decimal)):
        return f"{float(value):g}"
    return str(value)


def main():
    cells = lambda content, name: [said(value) for value in content[name].to_pylist()]

    def written(name, content, options):
        target = io.BytesIO()
        pq.write_table(content, target, **options)
        encoded = base64.b64encode(target.getvalue()).decode()
        return {"name": name, "prices": " ".join(cells(content, "Price")), "base64": encoded}

    files = [written(name, content, options) for name, (content, options) in FILES.items()]
    refused = [written(name, content, {}) for name, content in REFUSED.items()]
    every = {
        "days": " ".join(str(day) for day in DAYS),
        "shops": "|".join(cells(table(), "Shop")),
        "more": " ".join(cells(table(), "More")),
    }
    made_by = f"scripts/oracles/parquet_files.py with pyarrow {pa.__version__}"
    json.dump({"made_by": made_by, "every": every, "files": files, "refused": refused}, sys.stdout, indent=1)
    print()


main()
