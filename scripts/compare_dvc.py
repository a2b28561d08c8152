"""Times data versioning against DVC: the same commands on the same data, on this machine, in one run.

usage: python scripts/compare_dvc.py --rain target/release/rain [--runs 3] [--scratch FOLDER]
           [--s3-server target/release/examples/s3_server] [--quick] [--out FILE.json]
needs: pip install dvc dvc-s3 'moto[server]'; Git
       cargo build --release --bin rain --example s3_server

Each figure is the median of whole processes, the two sides taking turns, after a turn that isn't counted; memory
is the peak of the largest process (less than this script's own, some 25 MB, shows as that). Both must come to the
same result, or the script fails. The scratch folder says which disk is measured; the large file needs three times
its size there. Without --s3-server the server is moto, which is slower than its clients. `--quick` takes sizes that
say nothing about speed, to see that all of it works.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

SIZES = (1_000, 10_000, 100_000)
S3_FILES = 10_000
STAGES = 12
SINGLE_STAGES = 1_000
WORKS = ("files", "stages", "large", "s3")
MIB = 1 << 20
# Longer than the step of a file system's clock, so that a change shows in the times.
SETTLE = 0.1


class Side:
    """One of the two programs, with a repository of its own."""

    def __init__(self, name, program, scratch):
        self.name, self.program, self.home = name, program, scratch / name
        self.root = self.home / "project"
        self.environment = {
            **os.environ,
            "DVC_NO_ANALYTICS": "1",
            # Where DVC keeps what it knows of files: forgotten together with the repository.
            "DVC_SITE_CACHE_DIR": str(self.home / "site"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

    def begin(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.root.mkdir(parents=True)
        self.call("git", "init", "-q", ".")
        self.run("init", "-q")

    def forget(self, cache=True):
        """As if nothing had been added, or fetched, yet."""
        names = [".dvc/tmp", *([".dvc/cache"] if cache else [])]
        for path in [self.home / "site", *(self.root / name for name in names)]:
            shutil.rmtree(path, ignore_errors=True)

    def call(self, *command):
        subprocess.run(command, cwd=self.root, env=self.environment, check=True)

    def run(self, *words):
        """Seconds, seconds of processor, and peak MB of a command."""
        command = [self.program, *words]
        os.sync()
        started = time.perf_counter()
        with open(os.devnull, "w") as nowhere:
            child = subprocess.Popen(command, cwd=self.root, stdout=nowhere, stderr=subprocess.PIPE, env=self.environment)
            error = child.stderr.read().decode()
            _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        if status != 0:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{error}")
        return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Figures:
    """What was measured, by work and side."""

    def __init__(self):
        self.works = {}

    def note(self, work, side, measured):
        self.works.setdefault(work, {}).setdefault(side.name, []).append(measured)

    def medians(self, counted):
        result = {}
        for work, sides in self.works.items():
            result[work] = {}
            for side, runs in sides.items():
                seconds, processor, megabytes = (statistics.median(column) for column in zip(*runs[-counted:]))
                result[work][side] = {
                    "seconds": round(seconds, 3), "processor": round(processor, 3), "megabytes": round(megabytes, 1)}
            result[work]["times_faster"] = round(result[work]["dvc"]["seconds"] / result[work]["rain"]["seconds"], 1)
        return result


def make_files(folder, count):
    """Small files in folders of a thousand, different from each other, the same each time."""
    shutil.rmtree(folder, ignore_errors=True)
    draw = random.Random(count)
    for number in range(count):
        part = folder / f"{number // 1000:03d}"
        if number % 1000 == 0:
            part.mkdir(parents=True)
        (part / f"{number:06d}.csv").write_text(f"{number},{draw.random()}\n" * 20)


def contents(folder):
    """One hash over the names and bytes of all files."""
    whole = hashlib.md5()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        whole.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return whole.hexdigest()


def same(what, sides, look):
    found = {side.name: look(side) for side in sides}
    if len(set(found.values())) != 1:
        sys.exit(f"the two sides differ in {what}: {found}")


def files(sides, count, turns, counted):
    for side in sides:
        side.begin()
        make_files(side.root / "data", count)
    figures = Figures()
    for turn in range(turns):
        for side in sides:
            side.forget()
            for name in ("data.dvc", ".gitignore"):
                (side.root / name).unlink(missing_ok=True)
            time.sleep(SETTLE)
            figures.note("add", side, side.run("add", "-q", "data"))
        same("data.dvc", sides, lambda side: (side.root / "data.dvc").read_text())
        for side in sides:
            side.run("status", "-q")
            figures.note("status", side, side.run("status", "-q"))
        for side in sides:
            with open(side.root / "data" / "000" / "000007.csv", "a") as file:
                file.write(f"changed in turn {turn}\n")
            time.sleep(SETTLE)
            figures.note("change", side, side.run("add", "-q", "data"))
        same("data.dvc after a change", sides, lambda side: (side.root / "data.dvc").read_text())
        for side in sides:
            shutil.rmtree(side.root / "data")
            figures.note("checkout", side, side.run("checkout", "-q"))
    same("what was checked out", sides, lambda side: contents(side.root / "data"))
    for side in sides:
        shutil.rmtree(side.home)
    return figures.medians(counted)


def large(sides, size, scratch, turns, counted):
    source = scratch / "large.bin"
    block = random.Random(1).randbytes(MIB)
    with open(source, "wb") as file:
        for at in range(0, size, len(block)):
            file.write(at.to_bytes(8, "little") + block[8:])
    figures = Figures()
    for side in sides:
        side.begin()
    for _ in range(turns):
        for side in sides:
            # One file for both, and one cache at a time: it is large.
            here = side.root / "large.bin"
            source.rename(here)
            side.forget()
            figures.note("add", side, side.run("add", "-q", "large.bin"))
            here.rename(source)
            figures.note("checkout", side, side.run("checkout", "-q"))
            with open(here, "rb") as one, open(source, "rb") as other:
                while True:
                    pieces = one.read(MIB), other.read(MIB)
                    if pieces[0] != pieces[1]:
                        sys.exit(f"{side.name} checked out other bytes than were added")
                    if not pieces[0]:
                        break
            here.unlink()
            side.forget()
        same("large.bin.dvc", sides, lambda side: (side.root / "large.bin.dvc").read_text())
    result = figures.medians(counted)
    result["gigabytes"] = size / (1 << 30)
    result["limits"] = limits(source, scratch / "copy.bin")
    source.unlink()
    for side in sides:
        shutil.rmtree(side.home)
    return result


def limits(source, copy):
    """What MD5 alone and the disk alone need for the same file, in seconds."""
    started = time.perf_counter()
    with open(source, "rb") as file:
        hashlib.file_digest(file, "md5")
    md5 = time.perf_counter() - started
    os.sync()
    started = time.perf_counter()
    with open(source, "rb") as file, open(copy, "wb") as target:
        shutil.copyfileobj(file, target, MIB)
        copied = time.perf_counter() - started
        os.fsync(target.fileno())
    flushed = time.perf_counter() - started
    copy.unlink()
    return {"md5": round(md5, 3), "copy": round(copied, 3), "copy_and_flush": round(flushed, 3)}


class S3:
    """A local S3 server: moto's, or a program that is given a folder and says its address."""

    def __init__(self, program, scratch):
        self.folder = scratch / "s3"
        self.folder.mkdir()
        self.program = program
        if program:
            self.process = subprocess.Popen([program, self.folder], stdout=subprocess.PIPE, text=True)
            self.url = self.process.stdout.readline().strip()
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        log = self.folder / "log"
        with open(log, "w") as told:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            self.process = subprocess.Popen(command, stdout=told, stderr=told)
        for _ in range(600):
            try:
                return self.ask("GET", "moto-api/")
            except OSError:
                time.sleep(0.1)
        sys.exit(f"the S3 server doesn't answer:\n{log.read_text()}")

    def ask(self, method, path):
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{path}", method=method), timeout=60).read()

    def empty(self):
        if self.program:
            shutil.rmtree(self.folder / "bucket", ignore_errors=True)
            (self.folder / "bucket").mkdir()
        else:
            self.ask("POST", "moto-api/reset")
            self.ask("PUT", "bucket")

    def processor(self):
        """Seconds it has worked so far."""
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def s3(sides, count, program, scratch, turns, counted):
    server = S3(program, scratch)
    figures, worked = Figures(), {}
    try:
        for side in sides:
            side.begin()
            with open(side.root / ".dvc" / "config", "a") as config:
                config.write(f"[core]\n    remote = s3\n['remote \"s3\"']\n    url = s3://bucket/data\n    endpointurl = {server.url}\n")
            make_files(side.root / "data", count)
            side.run("add", "-q", "data")
        for _ in range(turns):
            for side in sides:
                server.empty()
                for work, words in (("push", ("push", "-q")), ("pull", ("pull", "-q"))):
                    if work == "pull":
                        side.forget()
                        shutil.rmtree(side.root / "data")
                    before = server.processor()
                    figures.note(work, side, side.run(*words))
                    worked.setdefault(work, {}).setdefault(side.name, []).append(server.processor() - before)
        same("what was pulled", sides, lambda side: contents(side.root / "data"))
    finally:
        server.process.terminate()
        server.process.wait()
    result = figures.medians(counted)
    for work, by_side in worked.items():
        for name, seconds in by_side.items():
            result[work][name]["server"] = round(statistics.median(seconds[-counted:]), 3)
    result["files"] = count
    result["server"] = program.name if program else "moto"
    for side in sides:
        shutil.rmtree(side.home)
    return result


def repro(sides, turns, counted):
    stages = []
    for number in range(STAGES):
        before = f"out{number - 1}.txt" if number else "params.yaml"
        stages.append(
            f"  stage{number}:\n    cmd: cat {before} > out{number}.txt && echo {number} >> out{number}.txt\n"
            f"    deps: [{before}]\n    params: [rate.p{number}]\n    outs: [out{number}.txt]\n")
    figures = Figures()
    for side in sides:
        side.begin()
        (side.root / "dvc.yaml").write_text("stages:\n" + "".join(stages))
        rates = "".join(f"  p{number}: 0.{number}5\n" for number in range(STAGES))
        (side.root / "params.yaml").write_text("rate:\n" + rates)
        side.run("repro")
    same("dvc.lock", sides, lambda side: (side.root / "dvc.lock").read_text())
    for _ in range(turns):
        for side in sides:
            figures.note("nothing", side, side.run("repro"))
    same("dvc.lock after nothing", sides, lambda side: (side.root / "dvc.lock").read_text())
    result = figures.medians(counted)
    result["stages"] = STAGES
    for side in sides:
        shutil.rmtree(side.home)
    return result


def single(sides, count, turns, counted):
    """Stages of one small output each: what each costs beside its command, and to check all of them out."""
    # What DVC needs for a run grows with the square of the number: a tenth of the stages must do.
    counts = {"dvc": count // 10, "rain": count}
    theirs, ours = sides
    figures, alone = Figures(), []
    for _ in range(turns):
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(dir=ours.home.parent) as folder:
            shell = os.environ.get("SHELL") or "/bin/sh"
            for number in range(count):
                subprocess.run([shell, "-c", f"echo {number} > o_{number}"], cwd=folder, check=True)
        alone.append((time.perf_counter() - started) / count)
        for side in sides:
            side.begin()
            keys = ", ".join(map(str, range(counts[side.name])))
            stage = "{cmd: 'echo ${item} > o_${item}', outs: ['o_${item}']}"
            (side.root / "dvc.yaml").write_text(f"stages:\n  a:\n    foreach: [{keys}]\n    do: {stage}\n")
            jobs = ("--jobs", "1") if side is ours else ()
            figures.note("run", side, side.run("repro", *jobs))
        for name in ("dvc.yaml", "dvc.lock", ".gitignore"):
            shutil.copy(ours.root / name, theirs.root / name)
        shutil.copytree(ours.root / ".dvc" / "cache", theirs.root / ".dvc" / "cache", dirs_exist_ok=True)
        for side in sides:
            for number in range(count):
                (side.root / f"o_{number}").unlink(missing_ok=True)
            figures.note("checkout", side, side.run("checkout"))
        same("what was checked out", sides, lambda side: "".join((side.root / f"o_{number}").read_text() for number in range(count)))
    result = figures.medians(counted)
    del result["run"]["times_faster"]
    alone = statistics.median(alone[-counted:])
    result["stages"], result["command_alone_milliseconds"] = count, round(alone * 1000, 2)
    for side in sides:
        run = result["run"][side.name]
        run["stages"] = counts[side.name]
        run["own_milliseconds_per_stage"] = round((run["seconds"] / run["stages"] - alone) * 1000, 2)
        shutil.rmtree(side.home)
    return result


def table(result):
    rows = [("work", "DVC s", "rain s", "times", "DVC MB", "rain MB")]

    def add(title, work):
        rows.append((title, f"{work['dvc']['seconds']:.2f}", f"{work['rain']['seconds']:.3f}", f"{work['times_faster']:.1f}",
                     f"{work['dvc']['megabytes']:.0f}", f"{work['rain']['megabytes']:.0f}"))

    for count, works in result.get("files", {}).items():
        for name, title in (("add", "add"), ("status", "status"), ("change", "add, one changed"), ("checkout", "checkout")):
            add(f"{title} of {count} files", works[name])
    if "large" in result:
        for name in ("add", "checkout"):
            add(f"{name} of {result['large']['gigabytes']:.3g} GB", result["large"][name])
    if "s3" in result:
        for name in ("push", "pull"):
            add(f"{name} of {result['s3']['files']} files, S3 ({result['s3']['server']})", result["s3"][name])
    add(f"repro of {STAGES} stages, nothing to do", result["repro"]["nothing"])
    if "stages" in result:
        found = result["stages"]
        add(f"checkout of {found['stages']} stages of one file", found["checkout"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                       for column, (cell, width) in enumerate(zip(row, widths))) for row in rows]
    if "stages" in result:
        own = {name: found["run"][name]["own_milliseconds_per_stage"] for name in ("dvc", "rain")}
        lines.append(f"repro of stages of one file: beside its command ({found['command_alone_milliseconds']} ms), each costs "
                     f"DVC {own['dvc']} ms ({found['run']['dvc']['stages']} stages), rain {own['rain']} ms ({found['stages']})")
    if "large" in result:
        limit = result["large"]["limits"]
        lines.append(f"alone, for the large file: MD5 {limit['md5']} s, a copy {limit['copy']} s, flushed {limit['copy_and_flush']} s")
    return "\n".join(lines)


def file_system(folder):
    found = subprocess.run(["df", "--output=fstype", folder], capture_output=True, text=True)
    return found.stdout.split()[-1] if found.returncode == 0 else "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rain", type=pathlib.Path, required=True)
    parser.add_argument("--dvc", type=pathlib.Path, default=pathlib.Path(sys.executable).with_name("dvc"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scratch", type=pathlib.Path, help="a folder on the disk to be measured")
    parser.add_argument("--large", type=float, default=4, help="size of the large file in GiB")
    parser.add_argument("--s3-server", type=pathlib.Path, help="target/release/examples/s3_server: quicker than moto")
    parser.add_argument("--only", nargs="+", choices=WORKS, default=WORKS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    sizes, large_size, s3_files, counted, turns = SIZES, int(arguments.large * (1 << 30)), S3_FILES, arguments.runs, arguments.runs + 1
    if arguments.quick:
        sizes, large_size, s3_files, counted, turns = (100, 1_000), 64 * MIB, 300, 1, 1
    names = ("dvc", "dvc-s3", "moto")
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        scratch = pathlib.Path(scratch)
        sides = [Side("dvc", arguments.dvc.absolute(), scratch), Side("rain", arguments.rain.absolute(), scratch)]
        result = {
            "cores": os.cpu_count(),
            "runs": counted,
            "versions": {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}},
        }
        if arguments.out and arguments.out.exists():
            # What isn't measured now stays as it was measured before.
            result = {**json.loads(arguments.out.read_text()), **result}
        measured = {work: file_system(scratch) for work in arguments.only}
        result["file_systems"] = {**result.get("file_systems", {}), **measured}
        # First, while this process is small: a start of a child takes longer from a large one.
        result["repro"] = repro(sides, turns, counted)
        if "stages" in arguments.only:
            result["stages"] = single(sides, 50 if arguments.quick else SINGLE_STAGES, turns, counted)
        if "files" in arguments.only:
            result["files"] = {str(size): files(sides, size, turns, counted) for size in sizes}
        if "large" in arguments.only:
            result["large"] = large(sides, large_size, scratch, turns, counted)
        if "s3" in arguments.only:
            server = arguments.s3_server and arguments.s3_server.absolute()
            result["s3"] = s3(sides, s3_files, server, scratch, turns, counted)
    print(table(result))
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
