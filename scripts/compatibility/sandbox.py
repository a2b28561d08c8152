"""A repository in two copies, one for the real DVC and one for `rain`, and each command run in both.

Real DVC needs a second to start. So it is imported once, and each of its commands is a fork of this process:
as quick as a call, and as separate as a process of its own.
"""

import configparser
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import traceback
from pathlib import Path

TOOLS = ("dvc", "rain")
# What isn't compared as the workspace: what a tool keeps for itself, and what is compared by itself.
PRIVATE = {".git", ".dvc/tmp", ".dvc/cache", ".dvc/config.local", "dvc_plots", ".gitignore"}


class Outcome:
    """How a command ended."""

    def __init__(self, code, out, error):
        self.code, self.out, self.error = code, out, error

    @property
    def text(self):
        return self.out + self.error

    def json(self):
        """What `--json` printed; the words of the failure if it isn't JSON."""
        try:
            return json.loads(self.out)
        except ValueError:
            return {"exit code": self.code, "printed": self.text.strip()}


def environment(home):
    """Settings of nobody, times of nobody, and no questions to servers."""
    home.mkdir(parents=True, exist_ok=True)
    (home / ".config/dvc").mkdir(parents=True, exist_ok=True)
    (home / ".config/dvc/config").write_text("[core]\n    check_update = false\n    analytics = false\n")
    (home / "git").write_text("[user]\n    name = nobody\n    email = nobody@example.invalid\n"
                              "[init]\n    defaultBranch = main\n[advice]\n    detachedHead = false\n")
    os.environ.update({
        "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "GIT_CONFIG_GLOBAL": str(home / "git"),
        "GIT_CONFIG_NOSYSTEM": "1", "DVC_NO_ANALYTICS": "1", "COLUMNS": "200", "LC_ALL": "C.UTF-8",
        "DVC_SITE_CACHE_DIR": str(home / "site"), "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1"})


def run(folder, *command):
    """Runs a program that must go well."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        sys.exit(f"FAILED: {' '.join(map(str, command))}, in {folder}\n{done.stdout}{done.stderr}")
    return done.stdout


def import_dvc():
    """What the commands would import one after another, each in its own process."""
    import dvc.cli
    import dvc.commands.plots
    import dvc.parsing
    import dvc.repo.gc
    import dvc.repo.index
    import dvc.repo.plots
    import dvc.stage.cache
    import dvc_data.index
    import dvc_render
    import networkx
    import pygit2
    return dvc.cli, dvc.commands.plots, dvc.parsing, dvc_data.index, dvc_render, networkx, pygit2


class DvcProcess:
    """A command of DVC that runs in a fork."""

    def __init__(self, folder, words, log):
        self.log = log
        sys.stdout.flush()
        sys.stderr.flush()
        self.process = os.fork()
        if not self.process:
            self._be_dvc(folder, words)

    def _be_dvc(self, folder, words):
        code = 70
        try:
            for number, name in (0, os.devnull), (1, self.log + ".out"), (2, self.log + ".error"):
                file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
                os.dup2(file, number)
            os.chdir(folder)
            from dvc.cli import main
            code = main([str(word) for word in words])
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def wait(self):
        _, status = os.waitpid(self.process, 0)
        out, error = (Path(f"{self.log}.{kind}").read_text(errors="replace") for kind in ("out", "error"))
        return Outcome(os.waitstatus_to_exitcode(status), out, error)


class RainProcess:
    """A command of `rain` that runs."""

    def __init__(self, folder, words):
        self.process = subprocess.Popen(["rain", *map(str, words)], cwd=folder, text=True, errors="replace",
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait(self):
        out, error = self.process.communicate(timeout=300)
        return Outcome(self.process.returncode, out, error)


def start(tool, folder, *words):
    return RainProcess(folder, words) if tool == "rain" else DvcProcess(folder, words, str(Path(folder).parent / "log"))


class Repository:
    """`home/project`, and beside it what is not in Git: the remotes."""

    def __init__(self, home):
        self.home, self.project = Path(home), Path(home) / "project"

    @classmethod
    def new(cls, home):
        repository = cls(home)
        repository.project.mkdir(parents=True)
        repository.git("init", "--quiet")
        repository.dvc("init", "--quiet")
        return repository

    def copy(self, home):
        shutil.copytree(self.home, home, symlinks=True)
        return Repository(home)

    def clone(self, home):
        """What a colleague gets: Git's part, and the same remotes."""
        Path(home).mkdir(parents=True)
        run(home, "git", "clone", "--quiet", self.project, "project")
        run(Path(home) / "project", "git", "remote", "remove", "origin")
        for branch in self.branches():
            run(Path(home) / "project", "git", "fetch", "--quiet", self.project, f"+{branch}:{branch}", "--update-head-ok")
        for remote in self.remotes():
            shutil.copytree(remote, Path(home) / remote.name)
        return Repository(home)

    def branches(self):
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def remotes(self):
        return sorted(path for path in self.home.iterdir() if path.is_dir() and path.name.endswith("remote"))

    def use_absolute_remote_urls(self):
        """DVC takes a relative address for one from `/` when it reads a commit, so that `push -A` would go there."""
        config = configparser.ConfigParser()
        config.read_string((self.project / ".dvc/config").read_text().replace("    ", ""))
        sections = [section for section in config.sections() if section.startswith("'remote")]
        self.put(".dvc/config.local", "".join(
            f"[{section}]\n    url = {(self.project / '.dvc' / config[section]['url']).resolve()}\n" for section in sections))

    def git(self, *words):
        return run(self.project, "git", *words)

    def dvc(self, *words):
        """Runs DVC, which must go well: so repositories are made."""
        done = start("dvc", self.project, *words).wait()
        if done.code:
            sys.exit(f"FAILED: dvc {' '.join(words)}, in {self.project}\n{done.text}")
        return done.out

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def put(self, name, content, mode=None):
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if mode:
            path.chmod(mode)

    def replace(self, name, old, new):
        """Edits a file as a person would."""
        text = (self.project / name).read_text()
        if old not in text:
            sys.exit(f"FAILED: {self.project / name} lacks {old!r}")
        self.put(name, text.replace(old, new))

    def remove(self, *names):
        for name in names:
            path = self.project / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)

    def workspace(self):
        """All files but what a tool keeps for itself: name, mode, content."""
        return tree(self.project, PRIVATE)

    def cache(self):
        """Objects and results of runs: name, mode, content."""
        return tree(self.project / ".dvc/cache", {"runs"})

    def data(self):
        """The cache without what Git has as well: of outputs with `cache: false`, no tool promises to keep or remove copies."""
        objects, root = self.cache(), self.project / ".dvc/cache"
        in_git = {hashlib.md5(content).hexdigest() for content in self.git_contents()}
        names = {name: name.replace("/", "")[-32:] for name in objects if not name.endswith(".dir")}
        of_git = {name for name, checksum in names.items() if checksum in in_git}
        for name in objects.keys() - names.keys():
            if all(entry["md5"] in in_git for entry in json.loads((root / name).read_bytes())):
                of_git.add(name)
        return {name: object for name, object in objects.items() if name not in of_git}

    def git_contents(self):
        """Of all files that Git knows, in all commits and in the workspace."""
        found = self.git("cat-file", "--batch-all-objects", "--batch-check").split("\n")
        for line in found:
            if " blob " in line:
                yield subprocess.run(["git", "cat-file", "blob", line.split()[0]], cwd=self.project, capture_output=True, check=True).stdout
        for name in self.git("ls-files", "-z").split("\0"):
            if name and (self.project / name).is_file():
                yield (self.project / name).read_bytes()

    def remote_objects(self):
        return {remote.name: sorted(tree(remote, {"runs"})) for remote in self.remotes()}

    def locks(self):
        """The bytes of every file that a run or a commit writes for Git."""
        found = {}
        for path in sorted(self.project.rglob("*")):
            if path.name == "dvc.lock" or path.suffix == ".dvc" and path.is_file():
                found[str(path.relative_to(self.project))] = path.read_text()
        return found


def tree(root, without):
    """What lies below a folder: path -> mode, and hash of the content or target of the link."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if any(name == other or name.startswith(other + "/") or path.name == other for other in without):
            continue
        if path.is_symlink():
            found[name] = "link to " + os.readlink(path)
        elif path.is_file():
            mode = stat.S_IMODE(path.stat().st_mode)
            found[name] = f"{mode:o} {hashlib.md5(path.read_bytes()).hexdigest()}"
    return found


class Pair:
    """The two copies."""

    def __init__(self, sides):
        self.sides = sides

    @classmethod
    def of(cls, repository, home):
        return cls({tool: repository.copy(home / tool) for tool in TOOLS})

    def clone(self, home):
        """Both as colleagues who have just cloned."""
        return Pair({tool: side.clone(home / tool) for tool, side in self.sides.items()})

    def copy(self, home):
        return Pair({tool: side.copy(home / tool) for tool, side in self.sides.items()})

    def apply(self, change):
        """The same by hand in both."""
        for side in self.sides.values():
            change(side)

    def run(self, *words, rain=None):
        """Runs a command in both at once; `rain` has its words where they are others."""
        words = {"dvc": words, "rain": words if rain is None else rain}
        running = [start(tool, side.project, *words[tool]) for tool, side in self.sides.items()]
        return {tool: self.hide_home(tool, process.wait()) for tool, process in zip(self.sides, running)}

    def hide_home(self, tool, done):
        """The outcome without the folder of the copy, so that messages can be compared."""
        place = str(self.sides[tool].home)
        return Outcome(done.code, done.out.replace(place, "HOME"), done.error.replace(place, "HOME"))

    def map(self, question):
        """The same question about both."""
        return {tool: question(side) for tool, side in self.sides.items()}
