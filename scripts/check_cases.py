#!/usr/bin/env python3
"""DVC and `rain` on small repositories, each with one thing that is easily got wrong.

usage: check_cases.py FOLDER [WORD …]     (needs git and `rain` on the PATH, and a Python that has dvc)

Each case of `compatibility/cases` asserts that both do the same, or that `rain` does better in the way that the case
says. WORDs choose the cases that have one of them in their names.
"""

import multiprocessing
import shutil
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from compatibility import cases, sandbox


def check(home, number):
    """One case: its name, how many assertions held, and what didn't."""
    function = cases.ALL[number]
    case = cases.Case(function, home / function.__name__)
    try:
        function(case)
        fault = []
    except Exception:
        fault = [f"{case.found.repository}: the case itself failed\n{traceback.format_exc()}"]
    return case.found.repository, case.found.held, [*case.found.report(), *fault]


def main():
    home, words = Path(sys.argv[1]).resolve(), sys.argv[2:]
    shutil.rmtree(home, ignore_errors=True)
    sandbox.environment(home / "own")
    sandbox.import_dvc()
    numbers = [n for n, function in enumerate(cases.ALL) if not words or any(word in function.__name__ for word in words)]
    sound, held, differences = 0, 0, []
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as both:
        for name, number, report in both.map(check, [home] * len(numbers), numbers):
            print(f"  {name}: {number} held{f', {len(report)} not' if report else ''}", flush=True)
            sound += not report
            held += number
            differences += report
    if differences:
        sys.exit("\n".join([*differences, f"FAILED: {len(numbers) - sound} of {len(numbers)} versioning cases"]))
    print(f"{sound} versioning cases held, in {held} comparisons with DVC")


if __name__ == "__main__":
    main()
