#!/usr/bin/env python3
"""What `rain` asks of the system when it writes, seen with strace.

usage: check_syscalls.py FOLDER     (needs git, strace, and a `rain` built with debug assertions on the PATH)

Each command that writes runs in a scratch repository. Of its own system calls (not those of Git, nor of a
stage's commands) this must hold:

- Whatever changes a file or folder is done between two crash points, which are passed in `mlops_disk`
  only: the crash matrix kills there, so nothing escapes it. (The log of a stage is no data, nor is the number of its processes.)
- It changes what the command is there to change, and nothing else.
- What takes a name was flushed before (fsync; syncfs for many at once) and not written to since.
- A folder in which a name was given is flushed after that. (Not in .dvc/tmp: what lies there is made again.)
- A pointer (.dvc file, dvc.lock, a folder's list) takes its name when what it points to is on the disk.

To show that it can fail, each trace is looked at again with the flushes of files, those of folders, and
the crash points left out.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from scratch import TARGETS, Scratch

CALL = re.compile(r"^(\d+)\s+(\w+)\((.*)(?:\)\s+=\s+(.+)| <unfinished \.\.\.>)$")
RESUMED = re.compile(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)\)\s+=\s+(.+)$")
OPENED = re.compile(r"^-?\w+<(.*?)(?: \(deleted\))?>$")
NAMED = re.compile(r'^"(.*)"$')

# Which argument says what is changed.
OPENS = {"open": 0, "openat": 1, "creat": 0}
CONTENT = {"write": 0, "pwrite64": 0, "writev": 0, "pwritev": 0, "pwritev2": 0, "ftruncate": 0, "fallocate": 0,
           "fchmod": 0, "fchown": 0, "fsetxattr": 0, "copy_file_range": 2, "sendfile": 0, "splice": 2}
RENAMES = {"rename": (0, 1), "renameat": (1, 3), "renameat2": (1, 3)}
LINKS = {"link": (0, 1), "linkat": (1, 3), "symlink": (None, 1), "symlinkat": (None, 2)}
FOLDERS = {"mkdir": 0, "mkdirat": 1}
REMOVALS = {"unlink": 0, "unlinkat": 1, "rmdir": 0}
ATTRIBUTES = {"chmod": 0, "fchmodat": 1, "fchmodat2": 1, "truncate": 0, "chown": 0, "lchown": 0, "fchownat": 1,
              "setxattr": 0, "lsetxattr": 0, "mknod": 0, "mknodat": 1, "utimensat": 1}
FLUSHES = {"fsync", "fdatasync", "syncfs"}
# Ways to write that can't be followed here.
HIDDEN = {"io_uring_setup", "io_submit", "process_vm_writev"}
# The name of the crash points around a call of a bucket.
BUCKET = "call the bucket"
STARTS = {"clone", "clone3", "fork", "vfork"}


def split(text):
    """The arguments of a call: commas within strings, paths of files and structures don't divide."""
    arguments, depth, start, at = [], 0, 0, 0
    while at < len(text):
        char = text[at]
        if char == '"':
            at += 1
            while at < len(text) and text[at] != '"':
                at += 2 if text[at] == "\\" else 1
        elif char in "<[{":
            depth += 1
        elif char in ">]}":
            depth -= text[at - 1] != "="  # "=>" closes nothing
        elif char == "," and depth == 0:
            arguments.append(text[start:at].strip())
            start = at + 1
        at += 1
    return arguments + [text[start:].strip()]


class Call:
    """One call: the lines of the trace where it begins and ends."""

    def __init__(self, line, thread, name, arguments, result, ended, folder):
        self.line, self.thread, self.name, self.ended, self.folder = line, thread, name, ended, folder
        self.arguments, self.result = split(arguments), result
        self.failed = result.startswith(("-1 ", "?"))

    def path(self, at):
        """The path that an argument says, of an open file or by name."""
        opened = OPENED.match(self.arguments[at])
        if opened:
            return opened[1]
        named = NAMED.match(self.arguments[at])
        if not named:
            return ""
        below = OPENED.match(self.arguments[at - 1]) if at else None
        return os.path.normpath(os.path.join(below[1] if below else self.folder, named[1]))

    def writes(self):
        """The paths that it is to change."""
        name, arguments = self.name, self.arguments
        if name in OPENS:
            at = OPENS[name]
            wanted = name == "creat" or re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", arguments[at + 1])
            return [self.path(at)] if wanted else []
        if name == "mmap":
            shared = "PROT_WRITE" in arguments[2] and "MAP_SHARED" in arguments[3]
            return [self.path(4)] if shared else []
        if name == "ioctl":
            return [self.path(0)] if "FICLONE" in arguments[1] else []
        if name in RENAMES:
            return [self.path(at) for at in RENAMES[name]]
        if name in LINKS:
            return [self.path(LINKS[name][1])]
        for table in (CONTENT, FOLDERS, REMOVALS, ATTRIBUTES):
            if name in table:
                return [self.path(table[name])]
        return []


def read(trace, folder):
    """The calls in the order in which they ended."""
    begun, calls = {}, []
    for number, line in enumerate(trace.read_text(errors="replace").splitlines(), 1):
        resumed, whole = RESUMED.match(line), CALL.match(line)
        if resumed:
            thread, rest, result = resumed.groups()
            start, name, arguments = begun.pop(thread)
            calls.append(Call(start, thread, name, arguments + rest, result, number, folder))
        elif whole:
            thread, name, arguments, result = whole.groups()
            if result is None:
                begun[thread] = (number, name, arguments)
            else:
                calls.append(Call(number, thread, name, arguments, result, number, folder))
    return calls


class Check:
    """Follows a command through its calls; `faults` says what must not be."""

    def __init__(self, calls, points, home, places):
        self.points, self.home, self.places = points, home, places
        self.inside = {}  # thread: whether it is between two points
        self.others = set()  # threads of other programs
        self.is_started = False
        self.unflushed = {}  # path: line of the last change of its content
        self.flushed = set()
        self.given = []  # names not flushed yet: line, folder, name, whether a file was moved there
        self.made = {}  # path of a file: line where it was made, 0 since its folder was flushed
        self.origin = {}  # path: the file that it is a second name of
        self.faults, self.changes, self.renames = [], 0, 0
        for call in calls:
            self.see(call)
        for line, folder, name, _ in self.given:
            if os.path.isdir(folder):
                self.fault(line, f"{folder} isn't flushed after {name} was put there")

    def fault(self, line, what):
        self.faults.append(f"line {line} of the trace: {what.replace(self.home + '/', '')}")

    def see(self, call):
        if call.name == "execve" and not call.failed:
            if self.is_started:
                self.others.add(call.thread)
            self.is_started = True
        elif call.thread in self.others:
            if call.name in STARTS and not call.failed:
                self.others.add(call.result)
        elif call.name in HIDDEN:
            self.fault(call.line, f"{call.name} can't be followed")
        elif call.name in FLUSHES and not call.failed:
            self.flush(call)
        elif call.name == "write" and call.path(0) == self.points:
            # While a bucket is waited for, its thread does other things.
            if BUCKET not in call.arguments[1]:
                self.inside[call.thread] = not self.inside.get(call.thread, False)
        else:
            paths = [path for path in call.writes() if path.startswith("/") and not path.startswith("/dev/")]
            if self.points in paths or not paths:
                return
            self.changes += 1
            for path in paths:
                self.is_allowed(call, path)
            if not call.failed:
                self.follow(call)

    def is_allowed(self, call, path):
        below = path.removeprefix(f"{self.home}/")
        is_note = re.fullmatch(r"project/\.dvc/tmp/repro/[^/]+\.(log|running)", below)
        if not is_note and not self.inside.get(call.thread, False):
            self.fault(call.line, f"{call.name} of {path}: not between two crash points")
        if not any(re.match(place, below) for place in self.places):
            self.fault(call.line, f"{call.name} of {path}: this command should not change it")

    def follow(self, call):
        name = call.name
        if name in RENAMES:
            self.rename(call, *(call.path(at) for at in RENAMES[name]))
        elif name in LINKS:
            source, target = LINKS[name]
            path = call.path(target)
            if source is not None:
                self.origin[path] = call.path(source)
            self.made[path] = call.ended
            self.give(call, path, False)
        elif name in FOLDERS:
            self.give(call, call.path(FOLDERS[name]), False)
        elif name in REMOVALS:
            path = call.path(REMOVALS[name])
            self.unflushed.pop(path, None)
            self.made.pop(path, None)
            self.given = [entry for entry in self.given if os.path.join(*entry[1:3]) != path]
        else:
            for path in call.writes():
                self.unflushed[path] = call.ended
                if name in OPENS:
                    self.made[path] = call.ended

    def is_scratch(self, path):
        """Tables of known hashes, locks of living processes, outputs that lie aside: nobody misses them after a power cut."""
        return path.startswith(f"{self.home}/project/.dvc/tmp/")

    def give(self, call, path, is_moved):
        folder, name = os.path.split(path)
        if self.is_scratch(path):
            return
        self.given.append((call.ended, folder, name, is_moved))

    def rename(self, call, source, target):
        self.renames += 1
        self.given = [entry for entry in self.given if os.path.join(*entry[1:3]) != source]
        # A folder is moved with all that was made in it.
        below = [path for path in self.made if path.startswith(f"{source}/")]
        for path in [source, *below]:
            self.appears(call, path, target + path[len(source):])
            line = self.made.pop(path, 0)
            if path != source and line:
                self.fault(call.line, f"{target} is given to a folder in which the name of {path} isn't flushed")
        self.give(call, target, True)
        if os.path.dirname(source) != os.path.dirname(target) and not self.is_scratch(target):
            self.give(call, source, True)

    def appears(self, call, source, target):
        """A file gets its name, or a folder does."""
        origin = self.origin.pop(source, None)
        if origin and not origin.startswith(f"{self.home}/project/.dvc/cache/") and origin not in self.flushed:
            self.fault(call.line, f"{target} is a second name of {origin}, which isn't flushed")
        if source in self.unflushed and not self.is_scratch(target):
            self.fault(call.line, f"{target} takes the place of a file that isn't flushed")
        is_list, is_pointer = target.endswith(".dir"), target.endswith((".dvc", "/dvc.lock"))
        for line, folder, name, is_moved in self.given:
            is_object = "/files/md5" in folder and not (is_list and (name.endswith(".dir") or not is_moved))
            if (is_pointer or is_list) and is_object:
                self.fault(call.line, f"{target} points to what isn't on the disk: {folder}/{name} of line {line}")

    def flush(self, call):
        path, begun = call.path(0), call.line
        if call.name == "syncfs":
            self.unflushed = {path: line for path, line in self.unflushed.items() if line > begun}
            self.given = [entry for entry in self.given if entry[0] > begun]
            self.made = {path: line if line > begun else 0 for path, line in self.made.items()}
            self.flushed.update(self.origin.values())
            return
        self.flushed.add(path)
        if self.unflushed.get(path, begun) <= begun:
            self.unflushed.pop(path, None)
        self.given = [entry for entry in self.given if entry[1] != path or entry[0] > begun]
        for name, line in self.made.items():
            if os.path.dirname(name) == path and line <= begun:
                self.made[name] = 0


def traced(scratch, command, places):
    """Runs a command of rain and gives its number of changes and renames; ends with a fault's message."""
    points, trace = scratch.home / "points", scratch.home / "trace"
    points.unlink(missing_ok=True)
    done = scratch.ask(
        "strace", "-f", "-y", "-s", "64", "-o", str(trace),
        "-e", "trace=%file,%desc,%process,io_uring_setup,process_vm_writev", "rain", *command,
        env=scratch.variables | {"MLOPS_CRASH_TRACE": str(points)})
    what = "rain " + " ".join(command)
    if done.returncode:
        sys.exit(f"FAILED: {what}\n{done.stdout}{done.stderr}")
    if not points.is_file():
        sys.exit("FAILED: no crash point was passed: is this `rain` built with debug assertions?")
    calls = read(trace, str(scratch.project))
    arguments = str(points), str(scratch.home), [re.compile(place) for place in places]
    check = Check(calls, *arguments)
    if check.faults:
        kept = shutil.copy(trace, "/tmp/check_syscalls.trace")
        sys.exit(f"FAILED: {what} ({kept})\n  " + "\n  ".join(check.faults[:20]))

    def is_folder(call):
        return os.path.isdir(call.path(0)) and call.name != "syncfs"

    without = {
        "flushes of files": lambda call: call.name in FLUSHES and not is_folder(call),
        "flushes of folders": lambda call: call.name in FLUSHES and (call.name == "syncfs" or is_folder(call)),
        "crash points": lambda call: call.name == "write" and call.path(0) == str(points),
    }
    for name, left_out in without.items():
        rest = [call for call in calls if not left_out(call)]
        if len(rest) < len(calls) and not Check(rest, *arguments).faults:
            sys.exit(f"FAILED: {what}: without its {name} no fault is found, so the check is blind")
    print(f"  {what}: {check.changes} changes, {check.renames} renames")
    return check.changes, check.renames


def main():
    home = Path(sys.argv[1]).resolve()
    shutil.rmtree(home, ignore_errors=True)
    scratch = Scratch.new(home)
    notes, cache, remote = r"project/\.dvc/tmp(/|$)", r"project/\.dvc/cache(/|$)", r"remote(/|$)"
    pins, config = r"project/([^/]+\.dvc|\.gitignore|\.[\w-]{22}\.tmp)$", r"project/\.dvc/(config|\.[\w-]{22}\.tmp)$"
    data = r"project/(few|data|large\.bin|\.[\w-]{22}\.tmp)(/|$)"
    stages = r"project/(sorted\.txt|count\.txt|parts|dvc\.lock)(/|$)"
    seen = []

    def check(command, *places):
        seen.append(traced(scratch, command, places))

    check(["remote", "add", "--default", "elsewhere", "../remote"], config, notes)
    check(["add", *TARGETS], cache, notes, pins)
    check(["push"], remote, notes)
    scratch.write("second")
    check(["commit", "--force"], cache, notes, pins)
    scratch.remove(*TARGETS)
    check(["checkout"], data, notes)
    check(["push"], remote, notes)
    check(["repro"], stages, cache, notes, pins)
    scratch.put("data/0", b"third\n")
    check(["repro"], stages, cache, notes, pins)
    scratch.put("data/0", b"fourth\n")
    check(["commit", "--force"], stages, cache, notes, pins)
    check(["gc", "--workspace", "--force"], cache, notes)
    check(["push"], remote, notes)
    scratch.remove(".dvc/cache", *TARGETS)
    check(["pull", *TARGETS], data, cache, notes)
    for kind in ("hardlink", "symlink"):
        scratch.links(kind)
        scratch.write(kind)
        check(["add", *TARGETS], data, cache, notes, pins)
        scratch.remove(*TARGETS)
        check(["checkout"], data, notes)
    changes, renames = (sum(column) for column in zip(*seen))
    print(f"{len(seen)} commands traced: {changes} changes of files and folders, {renames} renames, all as they must be")


if __name__ == "__main__":
    main()
