"""Writes the test vectors of the YAML writer: what DVC's own writer makes of a value.

    python -m venv V && V/bin/pip install dvc==3.67.1
    V/bin/python scripts/oracles/yaml_vectors.py > example/crates/repository/src/yaml/vectors.json

Each vector is [the value as JSON, the text that dvc.utils.serialize writes for it, whether it
reads that text back as the same value]; the values are made here, most of them at random from
a fixed seed. U+0085, U+2028 and U+2029 are left out: DVC writes them as line breaks and reads
something else back, so ours are written escaped.
"""

import json
import random
import sys

from dvc.utils.serialize import dumps_yaml, loads_yaml

PIECES = [
    "a", "b1", "train.py", "--lr", "0.1", "1e-05", "it's", '"quoted"', "#", "# note", ":", "a: b",
    "-", "--", "---", "...", "?", "!tag", "&x", "*x", "%", "@", "`", "|", ">", ",", "[", "]", "{",
    "}", "=", "<<", "~", "null", "true", "no", "2.0", "0x1f", "0o7", "1_000", "2015-07-01", "12:30",
    " ", "  ", "\n", "\n\n", "\t", "é", "日本", "😀", "\u00a0", "\ufeff", "\u0000",
    "\u001b", "\\", "${x}", "data/very/long/path/" + "x" * 30, "word", "another word",
]


def text(rng):
    joiner = rng.choice(["", " ", " ", " "])
    return joiner.join(rng.choice(PIECES) for _ in range(rng.choice([1, 1, 2, 3, 8, 20, 40])))


def value(rng, depth):
    kind = rng.randrange(10 if depth < 3 else 6)
    if kind < 3:
        return text(rng)
    if kind == 3:
        return rng.choice([0, 1, -7, 10**20, True, False, None])
    if kind == 4:
        return rng.choice([1e-05, 1.0, -0.0, 1e16, 1e22, 0.1 + 0.2, 123456789.125, 5e-324, 1e100])
    if kind == 5:
        return rng.choice([[], {}, "", "x" * 90, ("word " * 40).strip(), "l1\nl2 " + "word " * 30 + "\n"])
    if kind < 8:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {key(rng): value(rng, depth + 1) for _ in range(rng.randrange(4))}


def key(rng):
    return text(rng)[:70] if rng.random() < 0.3 else rng.choice(["cmd", "deps", "path", "md5", "a.b", "train@1", ""])


rng = random.Random(20261121)
cases = [
    {"schema": "2.0", "stages": {"train": {"cmd": "python train.py", "deps": [
        {"path": "data", "hash": "md5", "md5": "5ea40360f5b4ec688df672a4db9c17d1.dir", "size": 6, "nfiles": 2}],
        "params": {"params.yaml": {"lr": 1e-05, "list": [1, [2.5, "3"]], "empty": {}, "none": None}},
        "outs": [{"path": "model.bin", "hash": "md5", "md5": "acbd18db4cc2f85cedef654fccc4a4d8", "size": 3, "isexec": True}]}}},
    {}, [], {"a": None}, [None, 1], {"k" * 122: 1}, {"k" * 123: 1}, {"x\ny": 1},
]
for piece in PIECES:
    cases.append({"cmd": piece, piece: [piece]})
for _ in range(300):
    case = value(rng, 0)
    cases.append(case if isinstance(case, (dict, list)) else {"cmd": case, "list": [case]})


def reads_back(text, value):
    try:
        return loads_yaml(text) == value
    except Exception:
        return False


lines = []
for case in cases:
    text = dumps_yaml(case)
    lines.append(json.dumps([json.dumps(case), text, reads_back(text, case)]))
sys.stdout.write("[\n" + ",\n".join(lines) + "\n]\n")
