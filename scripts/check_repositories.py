#!/usr/bin/env python3
"""DVC and `rain` on five repositories in the manner of public ones: what they say and do is compared.

usage: check_repositories.py FOLDER [NAME …]     (needs git and `rain` on the PATH, and a Python that has dvc)

Compared is what is meant: JSON, exit codes, edges of the read_graph, points of plots, and the files in workspace,
cache and remote with contents and modes. Each difference is named with both sides; none may be there but those of
`compatibility/differences.py`, which must be.
"""

import multiprocessing
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from compatibility import compare, repositories, sandbox


def check(home, name):
    """One repository: its line, how many held, and the differences."""
    started, module = time.monotonic(), repositories.ALL[name]
    repository = sandbox.Repository.new(home / name / "made")
    module.make(repository)
    pair = sandbox.Pair.of(repository, home / name / "pair")
    found = compare.compare_repository(name, module, pair, home / name)
    line = f"  {name}: {found.held} held, {len(found.differences)} differ ({time.monotonic() - started:.0f} s)"
    return line, found.held, list(found.report())


def main():
    home, names = Path(sys.argv[1]).resolve(), sys.argv[2:] or list(repositories.ALL)
    shutil.rmtree(home, ignore_errors=True)
    sandbox.environment(home / "own")
    sandbox.import_dvc()
    held, differences = 0, []
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as both:
        for line, number, report in both.map(check, [home] * len(names), names):
            print(line, flush=True)
            held += number
            differences += report
    if differences:
        sys.exit("\n".join([*differences, f"FAILED: {len(differences)} public-like comparisons differ, {held} held"]))
    print(f"{held} public-like comparisons held")


if __name__ == "__main__":
    main()
