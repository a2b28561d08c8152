#!/usr/bin/env python3
"""Several processes at once: two on one repository, sixteen on one remote.

usage: check_crowd.py FOLDER     (needs git and `rain` on the PATH; moto_server for the remote on S3)

Of two commands on one repository each does its work, or says who holds it and does it when called again; the
end is that of one after the other. Sixteen repositories that push to one remote, and pull from it, all get
what is theirs.
"""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from scratch import TARGETS, Scratch

CROWD = 16
ROUNDS = 4
HELD = re.compile(r"held by another process \(process \d+\)|busy, blocked by process \d+")
PAIRS = {
    "add and add": (["add", "few", "large.bin"], ["add", "data"]),
    "add and checkout": (["add", "data"], ["checkout", "--force", "few"]),
    "add and push": (["add", "data", "few"], ["push"]),
    "commit and gc": (["commit", "--force"], ["gc", "--workspace", "--yes"]),
    "commit and commit": (["commit", "--force"], ["commit", "--force"]),
    "repro and repro": (["repro"], ["repro"]),
    "repro and gc": (["repro"], ["gc", "--workspace", "--yes"]),
    "gc and gc": (["gc", "--workspace", "--yes"], ["gc", "--workspace", "--yes"]),
}


def fail(what):
    sys.exit(f"FAILED: {what}")


def start(scratch, command):
    return subprocess.Popen(["rain", *command], cwd=scratch.project, env=scratch.variables, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def all_at_once(scratches, *command):
    """Starts the same command in many repositories; all must go well."""
    for scratch, running in [(scratch, start(scratch, command)) for scratch in scratches]:
        out, error = running.communicate(timeout=300)
        if running.returncode:
            fail(f"rain {' '.join(command)} of {scratch.project}: {out}{error}")


def ended(scratch):
    """What is left when all is pushed and garbage collected; the order of lines in .gitignore is that of the commands."""
    scratch.rain("verify")
    scratch.rain("push")
    scratch.rain("gc", "--workspace", "--yes")
    if scratch.temporary():
        fail(f"temporary files are left: {scratch.temporary()}")
    return {name: sorted(content.splitlines()) if name.endswith(".gitignore") else content
            for name, content in scratch.tree().items()}


def two_at_once(home):
    """Each pair, some times, from a repository whose data has changed."""
    base = Scratch.new(home / "base")
    base.rain("remote", "add", "--default", "elsewhere", "../remote")
    base.rain("add", *TARGETS)
    base.rain("repro")
    base.rain("push")
    base.write("second")
    done = told = 0
    for name, pair in PAIRS.items():
        wanted = base.copy(home / "wanted")
        for command in pair:
            wanted.rain(*command)
        wanted = ended(wanted)
        shutil.rmtree(home / "wanted")
        for turn in range(ROUNDS):
            scratch = base.copy(home / "pair")
            both = [(command, start(scratch, command)) for command in pair[::1 if turn % 2 else -1]]
            for command, running in both:
                out, error = running.communicate(timeout=120)
                if running.returncode == 1 and HELD.search(error):
                    told += 1
                    scratch.rain(*command)
                elif running.returncode:
                    fail(f"{name}: rain {' '.join(command)}: {out}{error}")
            got = ended(scratch)
            differ = sorted(path for path in wanted.keys() | got.keys() if wanted.get(path) != got.get(path))
            if differ:
                fail(f"{name}: {differ[:5]} are not as after one and then the other")
            shutil.rmtree(scratch.home)
            done += 1
    print(f"  {done} pairs of commands on one repository, {told} of them were told who holds it", flush=True)
    return done + held_for_long(home, base) + stage_runs(home, base)


def held_for_long(home, base):
    """Somebody keeps the repository's lock: the command gives up and names him."""
    scratch = base.copy(home / "held")
    with open(scratch.project / ".dvc/tmp/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f" {os.getpid()}\n")
        lock.flush()
        for command in ("add", "data"), ("status",), ("gc", "--workspace", "--yes"):
            done = scratch.ask("rain", *command)
            if done.returncode != 1 or f"held by another process (process {os.getpid()})" not in done.stderr:
                fail(f"rain {command[0]} of a locked repository: {done.returncode} {done.stderr}")
    scratch.rain("add", "data")
    shutil.rmtree(scratch.home)
    print("  3 commands told who keeps the lock", flush=True)
    return 3


def stage_runs(home, base):
    """A stage runs: others may work on what it doesn't use, and are told who uses the rest."""
    scratch = base.copy(home / "stage")
    (scratch.project / "dvc.yaml").write_text(
        "stages:\n"
        "  slow:\n    cmd: touch began; until test -e go; do sleep 0.05; done; cp few/a made\n    deps: [few]\n    outs: [made]\n"
        "  quick:\n    cmd: cp large.bin other\n    deps: [large.bin]\n    outs: [other]\n")
    running = start(scratch, ["repro", "slow"])
    deadline = time.monotonic() + 60
    while not (scratch.project / "began").exists():
        if time.monotonic() > deadline or running.poll() is not None:
            fail(f"the stage did not begin: {running.communicate()}")
        time.sleep(0.05)
    scratch.rain("add", "data")
    scratch.rain("repro", "quick")
    for command in ("repro", "slow"), ("add", "few"):
        done = scratch.ask("rain", *command)
        if done.returncode != 1 or f"blocked by process {running.pid}" not in done.stderr:
            fail(f"rain {command[0]} of what a stage uses: {done.returncode} {done.stderr}")
    scratch.put("go", b"")
    out, error = running.communicate(timeout=60)
    if running.returncode:
        fail(f"rain repro slow: {out}{error}")
    if "Data and pipelines are up to date" not in scratch.rain("status"):
        fail(f"after all of it: {scratch.rain('status')}")
    scratch.rain("verify")
    print("  4 commands beside a stage that runs", flush=True)
    return 4


def sixteen_at_once(home, url, where, settings=()):
    """Everybody pushes what all have and what only he has, and then pulls into an empty cache."""
    base = Scratch.new(home / "one")
    base.rain("remote", "add", "--default", "shared", url)
    for key, value in settings:
        base.rain("remote", "modify", "shared", key, value)
    scratches = []
    for n in range(CROWD):
        scratch = base.copy(home / f"crowd/{n}")
        scratch.put("own/file", f"only of {n}\n".encode() * 1000)
        scratch.rain("add", "data", "large.bin", "own")
        scratches.append(scratch)
    before = [scratch.tree() for scratch in scratches]
    all_at_once(scratches, "push")
    for scratch in scratches:
        scratch.remove(".dvc/cache", "data", "large.bin", "own")
    all_at_once(scratches, "pull")
    for scratch, tree in zip(scratches, before):
        if scratch.tree() != tree:
            fail(f"what came back from {url} isn't what {scratch.project} pushed")
    scratches[0].rain("verify", "--cloud")
    shutil.rmtree(home / "crowd")
    shutil.rmtree(home / "one")
    print(f"  {CROWD} repositories pushed to {where} at once, and pulled from it at once", flush=True)
    return 2 * CROWD


def on_s3(home):
    """The same with a server that speaks S3; none of it without moto."""
    if not shutil.which("moto_server"):
        print(f"NOT RUN: {CROWD} at once on S3 (pip install moto[server])")
        return 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with open(home / "moto.log", "w") as log:
        server = subprocess.Popen(["moto_server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(urllib.request.Request(f"{endpoint}/bucket", method="PUT"), timeout=10).close()
                break
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or server.poll() is not None:
                    fail(f"moto_server doesn't answer: {(home / 'moto.log').read_text()[-2000:]}")
                time.sleep(0.2)
        return sixteen_at_once(home, "s3://bucket/crowd", "S3", [("endpointurl", endpoint), ("region", "us-east-1")])
    finally:
        server.terminate()
        server.wait()


def main():
    home = Path(sys.argv[1]).resolve()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    cases = two_at_once(home) + sixteen_at_once(home, str(home / "shared"), "a folder") + on_s3(home)
    print(f"{cases} crowded cases held")


if __name__ == "__main__":
    main()
