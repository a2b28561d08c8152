#!/usr/bin/env python3
"""What `rain` does on a full disk, a read-only one, and where it lacks permission.

usage: check_hardship.py FOLDER     (needs git and `rain` on the PATH; a full and a read-only disk need root)

Each command that writes is tried in each hardship. It must end with the right exit code and an error that
names a file and says what to do; what was saved is still there, and each file is the old one or the new one;
when the hardship is over, the same command finishes, and garbage collection leaves no temporary files.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from scratch import TARGETS, Scratch

IS_ROOT = os.geteuid() == 0
# Root may do anything; without its capabilities it may do what its files' modes say.
PLAIN = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if IS_ROOT else []
COMMANDS = {
    "remote add": ["remote", "add", "--force", "another", "../another"],
    "add": ["add", *TARGETS],
    "commit": ["commit", "--force"],
    "checkout": ["checkout"],
    "push": ["push"],
    "pull": ["pull", *TARGETS],
    "repro": ["repro"],
    "gc": ["gc", "--workspace", "--yes"],
}
# KiB that are left on the disk, or that a file may have: none at all, part of a small file, of all small
# ones, of the large one.
ROOM = [0, 4, 24, 150, 1000, 3000]
DISK = 24 << 20
# Commands of the model's life, which write a table into a folder, and the file that they write.
TABLES = {
    "data generate, CSV": ("w.csv", "data generate --days 300 --stations 9 --out {}"),
    "data generate, Parquet": ("w.parquet", "data generate --days 300 --stations 9 --out {}"),
    "data import": ("t.csv", "data import data/weatherAUS.csv --set data.file={}"),
    "data fault": ("f.parquet", "data fault data/weatherAUS.csv --out {} offset MaxTemp 1"),
    "data check": ("c.parquet", "data check data/weatherAUS.csv --out {}"),
    "features build": ("b.parquet", "features build --out {}"),
    "predict, CSV": ("p.csv", "predict data/weatherAUS.csv --features --out {}"),
    "predict, JSON lines": ("p.jsonl", "predict data/weatherAUS.csv --out {}"),
}
EXAMPLE = Path(__file__).resolve().parent.parent / "example"
FULL = "the disk is full. Free some space"
READ_ONLY = "the file system is read-only. Mount it writable, or choose another place"
DENIED = "permission denied. Check the owner and the mode of the file and of its folder"

held = 0
faults = []


class Fault(Exception):
    """What must not be."""


def states(home):
    """What each command starts from."""
    base = Scratch.new(home / "base")
    base.rain("remote", "add", "--default", "elsewhere", "../remote")
    base.rain("add", *TARGETS)
    base.rain("repro")
    base.run("git", "add", ".")
    base.rain("push")
    second = base.copy(home / "second")
    second.write("second")
    saved = second.copy(home / "saved")
    saved.rain("add", *TARGETS)
    bare = base.copy(home / "bare")
    bare.remove(*TARGETS)
    empty = bare.copy(home / "empty")
    empty.remove(".dvc/cache")
    return {"remote add": base, "add": second, "commit": second, "checkout": bare, "push": saved, "pull": empty,
            "repro": second, "gc": saved}


class Case:
    """A command, what it starts from, and what it gives undisturbed."""

    def __init__(self, name, start, home):
        self.name, self.start, self.command = name, start, COMMANDS[name]
        self.before, self.objects = start.tree(), start.objects()
        undisturbed = start.copy(home / "undisturbed")
        undisturbed.rain(*self.command)
        self.after = undisturbed.tree()
        self.kept = self.objects & undisturbed.objects()
        shutil.rmtree(undisturbed.home)

    def hold(self, hardship, place, trouble, codes, words, end):
        """Tries the command in `place`; says whether it failed. `end` ends the hardship."""
        global held
        done = place.ask(*PLAIN, "rain", *self.command, **trouble)
        is_ended = False
        try:
            if done.returncode:
                self.check_failure(place, done, codes, words)
            self.check_files(place)
            end()
            is_ended = True
            self.check_again(place)
            held += 1
        except (Fault, SystemExit) as fault:
            faults.append(f"rain {self.name}, {hardship}: {fault}")
            if not is_ended:
                end()
        return bool(done.returncode)

    def check_failure(self, place, done, codes, words):
        error = done.stderr
        if done.returncode not in codes:
            raise Fault(f"exit code {done.returncode}, not one of {codes}: {error}")
        if not any(word in error for word in words) or "panicked" in error:
            raise Fault(f"nothing of {words} in: {error}")
        if str(place.home) not in error:
            raise Fault(f"no file is named in: {error}")

    def check_again(self, place):
        again = place.ask("rain", *self.command)
        if again.returncode:
            raise Fault(f"the same command again: {again.stderr}")
        got = place.tree()
        differ = [name for name in self.after.keys() | got.keys() if self.after.get(name) != got.get(name)]
        if differ:
            raise Fault(f"done again, {sorted(differ)[:5]} are not as without the hardship")
        place.rain("verify")
        place.rain("gc", "--workspace", "--cloud", "--yes", "--grace", "0")
        if place.temporary():
            raise Fault(f"temporary files are left: {place.temporary()[:5]}")

    def check_files(self, place):
        lost = self.kept - place.objects()
        if lost:
            raise Fault(f"objects are lost: {sorted(lost)[:5]}")
        for name, content in place.tree().items():
            known = self.before.get(name), self.after.get(name)
            is_made = name.endswith(("sorted.txt", "count.txt", "parts/n"))  # by a stage, which may do as it likes
            is_object = "/files/md5/" in name  # objects are what their names say
            if content not in known and not is_made and not is_object:
                raise Fault(f"{name} is neither the old nor the new one: {content[:60]}")


def mount(folder, *options):
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.run(["mount", *options, str(folder)], capture_output=True).returncode == 0


@contextlib.contextmanager
def disk(folder, start):
    """A small disk of its own with a copy of a scratch; none if there can't be one."""
    if not (IS_ROOT and mount(folder, "-t", "tmpfs", "-o", f"size={DISK}", "none")):
        yield None
        return
    try:
        yield start.copy(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def full(case, home):
    """The disk has so much room and no more."""
    failed = 0
    for room in ROOM:
        with disk(home / "disk", case.start) as place:
            if place is None:
                return None
            system = os.statvfs(place.home)
            filler = place.home / "own/filler"
            with open(filler, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, system.f_bfree * system.f_bsize - room * 1024)
            failed += case.hold(f"{room} KiB left", place, {}, [1], [FULL, "No space left"], filler.unlink)
    return failed


def limited(case, home):
    """No file may be larger than this, which needs no root."""
    failed = 0
    for room in ROOM:
        def limit(room=room):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room * 1024, resource.RLIM_INFINITY))

        place = case.start.copy(home / "place")
        words = [FULL, "File too large"]
        failed += case.hold(f"files of {room} KiB at most", place, {"preexec_fn": limit}, [1], words, lambda: None)
        shutil.rmtree(place.home)
    return failed


def read_only(case, home):
    """The disk can be read only."""
    with disk(home / "disk", case.start) as place:
        if place is None or not mount(place.home, "-o", "remount,ro"):
            return None
        return int(case.hold("on a read-only disk", place, {}, [2], [READ_ONLY], lambda: mount(place.home, "-o", "remount,rw")))


# What may not be read, or not be written to.
FORBIDDEN = {
    "remote add": ["project/.dvc", "project/.dvc/config", "project/.dvc/tmp"],
    "add": ["project", "project/.dvc/cache", "project/.dvc/tmp", "project/data", "project/data/2", "project/large.bin",
            "project/data.dvc"],
    "commit": ["project", "project/.dvc/cache", "project/few/below", "project/few/below/b"],
    "checkout": ["project", "project/.dvc/cache", "project/large.bin.dvc", "project/.dvc/tmp/hashes"],
    "push": ["remote", "project/.dvc/cache"],
    "pull": ["remote", "project", "project/.dvc"],
    "repro": ["project/.dvc/cache", "project/dvc.yaml", "project/dvc.lock", "project/data/0"],
    "gc": ["project/.dvc/cache", "project/.dvc/tmp", "project/few.dvc"],
}


def forbidden(case, home):
    """A file can't be read, a folder can't be written to, nor those below it."""
    failed = 0
    for name in FORBIDDEN[case.name]:
        for mode in (0o500, 0o000) if (case.start.home / name).is_dir() else [0o000]:
            place = case.start.copy(home / "place")
            path = place.home / name
            was = {found: found.stat().st_mode for found in [path, *(Path(folder) for folder, _, _ in os.walk(path))]}
            for found in reversed(was):
                found.chmod(mode)

            def lift(was=was):
                for found, mode in was.items():
                    found.chmod(mode)

            # In one of many transfers, the run failed; else it is the user's turn.
            codes = [1, 2] if case.name in ("push", "pull", "repro") else [2]
            words = [DENIED, "Permission denied"] if case.name == "repro" else [DENIED]
            failed += case.hold(f"{name} of mode {mode:o}", place, {}, codes, words, lift)
            shutil.rmtree(place.home)
    return failed


def project(home):
    """A project with a small model."""
    place = Scratch(home)
    place.project.mkdir(parents=True)
    (home / "own").mkdir()
    for name in ("contract", "features", "params"):
        shutil.copy(EXAMPLE / f"{name}.yaml", place.project)
    (place.project / "params.yaml").write_text(
        (EXAMPLE / "params.yaml").read_text().replace("2015-07-01", "2009-09-01").replace("trees: 200", "trees: 10"))
    place.rain(*"data generate --days 400 --stations 9 --out data/weatherAUS.csv".split())
    place.rain("features", "build")
    place.rain("train")
    return place


def tables(home):
    """A table that has no room is no table: the error says so, and nothing is left of it."""
    global held
    place, small, failed = project(home / "model"), home / "small", 0
    for name, (file, command) in TABLES.items():
        for room in (0, 4, 40):
            if not (IS_ROOT and mount(small, "-t", "tmpfs", "-o", f"size={room or 4}k", "none")):
                return None
            try:
                if not room:
                    (small / "filler").write_bytes(bytes(4096))
                before = sorted(small.iterdir())
                done = place.ask("rain", *command.format(small / file).split())
                failed += bool(done.returncode)
                said = f"rain {name}, {room} KiB left: exit code {done.returncode}: {done.stderr}"
                if done.returncode != 1 or done.stderr.count(FULL) != 1 or str(small) not in done.stderr:
                    faults.append(said)
                elif sorted(small.iterdir()) != before:
                    faults.append(f"{said}\nleft: {sorted(small.iterdir())}")
                else:
                    held += 1
            finally:
                subprocess.run(["umount", str(small)], check=True)
    return failed


def check(home):
    """Every command in every hardship."""
    starts = states(home)
    missing = set()
    for name, start in starts.items():
        case = Case(name, start, home)
        told = []
        for hardship in (full, limited, read_only, forbidden):
            failed = hardship(case, home)
            if failed is None:
                missing.add(hardship.__doc__)
                continue
            told.append(f"{hardship.__name__.replace('_', ' ')} {failed}")
            # What makes room must not need any.
            if (failed == 0) != (name == "gc" and hardship in (full, limited)):
                faults.append(f"rain {name}: failed {failed} times: {hardship.__doc__}")
        print(f"  rain {name} failed as it should: {', '.join(told)}", flush=True)
    failed = tables(home)
    if failed is None:
        missing.add(tables.__doc__)
    else:
        print(f"  tables failed as they should: {failed}", flush=True)
    if faults:
        sys.exit("\n".join(f"FAILED: {fault}" for fault in faults))
    for hardship in sorted(missing):
        print(f"NOT RUN, since this user can't mount a disk: {hardship}")
    print(f"{held} hardships held")


def main():
    home = Path(sys.argv[1]).resolve()
    shutil.rmtree(home, ignore_errors=True)
    # In memory, where nobody waits for a disk.
    in_memory = IS_ROOT and mount(home, "-t", "tmpfs", "none")
    try:
        check(home)
    finally:
        if in_memory:
            subprocess.run(["umount", str(home)], check=True)


if __name__ == "__main__":
    main()
