"""A repository with data and a pipeline, in which the checks of this folder try `rain`."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TEMPORARY = re.compile(r"\.[\w-]{22}\.tmp")
TARGETS = ["few", "data", "large.bin"]
FILES = 40
PIPELINE = """stages:
  sort:
    cmd: sort data/0 > sorted.txt
    deps: [data]
    outs: [sorted.txt]
  count:
    cmd: mkdir parts; wc -l < sorted.txt | tee parts/n > count.txt
    deps: [sorted.txt]
    outs:
    - parts
    - count.txt:
        cache: false
"""


class Scratch:
    """`home/project` and what is beside it: the remote, and a home for Git."""

    def __init__(self, home):
        self.home, self.project = Path(home), Path(home) / "project"
        self.variables = os.environ | {
            "HOME": str(self.home / "own"), "GIT_CONFIG_GLOBAL": str(self.home / "own/git"), "GIT_CONFIG_NOSYSTEM": "1"}
        for name in ("MLOPS_CRASH_AT", "MLOPS_CRASH_COUNT", "MLOPS_CRASH_TRACE"):
            self.variables.pop(name, None)

    @classmethod
    def new(cls, home):
        """With a first version of the data in the workspace, nothing added."""
        scratch = cls(home)
        scratch.project.mkdir(parents=True)
        (scratch.home / "own").mkdir()
        scratch.run("git", "init", "--quiet")
        scratch.rain("init", "--quiet")
        (scratch.project / "dvc.yaml").write_text(PIPELINE)
        scratch.write("first")
        return scratch

    def copy(self, home):
        """The same at another place."""
        shutil.copytree(self.home, home, symlinks=True, dirs_exist_ok=True)
        return Scratch(home)

    def run(self, *command):
        subprocess.run(command, cwd=self.project, env=self.variables, check=True, stdout=subprocess.DEVNULL)

    def ask(self, *command, **options):
        """Runs a command and gives how it ended, whatever that is."""
        options = {"cwd": self.project, "env": self.variables} | options
        return subprocess.run(command, capture_output=True, text=True, errors="replace", **options)

    def rain(self, *arguments):
        """Runs `rain`, which must go well."""
        done = self.ask("rain", *arguments)
        if done.returncode:
            sys.exit(f"FAILED: rain {' '.join(arguments)}, in {self.project}\n{done.stdout}{done.stderr}")
        return done.stdout

    def write(self, version):
        """A few files, many (which are flushed together), and a large one; every other file stays as it is."""
        for name in ["few/a", "few/below/b", *(f"data/{n}" for n in range(FILES))]:
            text = "stays" if name.endswith(("1", "3", "5", "7", "9")) else version
            self.put(name, f"{text} {name}\n".encode() * 20)
        self.put("large.bin", version.encode() * 500_000)

    def put(self, name, content):
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # what is checked out may be read-only
        path.write_bytes(content)

    def remove(self, *names):
        for name in names:
            path = self.project / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def links(self, kind):
        """Has files linked from now on as `cache.type` says."""
        (self.project / ".dvc/config.local").write_text(f"[cache]\n    type = {kind}\n")

    def paths(self):
        """All files but Git's, by their paths from home."""
        found = {}
        for folder, below, names in os.walk(self.home):
            below[:] = [name for name in below if name != ".git"]
            for name in names:
                path = Path(folder, name)
                found[str(path.relative_to(self.home))] = path
        return found

    def tree(self):
        """The content that counts: neither temporary files nor what DVC calls its own scratch."""
        return {name: path.read_bytes() for name, path in self.paths().items()
                if not TEMPORARY.fullmatch(path.name) and not name.startswith(("project/.dvc/tmp/", "own/"))}

    def objects(self):
        """The names of all objects of cache and remote; ends if one isn't what its name says."""
        found = set()
        for name, path in self.paths().items():
            parts = re.search(r"files/md5/(..)/(.{30})(\.dir)?$", name)
            if parts and not TEMPORARY.fullmatch(path.name):
                found.add(name)
                content = path.read_bytes()
                if hashlib.md5(content).hexdigest() != parts[1] + parts[2]:
                    sys.exit(f"FAILED: {path}: {len(content)} bytes that are not what the name says")
        return found

    def temporary(self):
        """Files that are neither old nor new."""
        return [name for name, path in self.paths().items() if TEMPORARY.fullmatch(path.name)]
