"""What DVC and `rain` say and do, command by command, on two copies of a repository.

`Comparisons` counts what is the same and keeps what isn't with both sides. A deliberate difference, or one
that waits to be mended, is in `differences.py`, and is asserted as well.
"""

import json
import re
import shutil

from . import plots
from .differences import DELIBERATE, OPEN
from .sandbox import TOOLS, Repository, start

RUNS = re.compile(r"^(?:Running stage|Stage|Verifying data sources in stage:) '([^']*)'(:| is cached)?", re.MULTILINE)


class Comparisons:
    """Of one repository: how many held, and how the others differ."""

    def __init__(self, repository):
        self.repository, self.held, self.differences = repository, 0, []
        self.rules = {what: rule for of, what, rule in [*DELIBERATE, *OPEN] if of == repository}

    def compare(self, what, sides):
        dvc, rain = sides["dvc"], sides["rain"]
        rule = self.rules.pop(what, None)
        if rule is None and dvc == rain or rule and dvc != rain and rule.holds(dvc, rain):
            self.held += 1
        elif rule and dvc == rain:
            self.add_difference(f"{what}: the same now, so that there is a rule too many ({rule.why})", dvc, rain)
        else:
            self.add_difference(f"{what}{f' (otherwise than it should: {rule.why})' if rule else ''}", dvc, rain)

    def add_difference(self, what, dvc, rain):
        self.differences.append((what, dvc, rain))

    def report(self):
        """Each difference with both sides, without what they have in common."""
        for what, dvc, rain in self.differences:
            dvc, rain = remove_common(dvc, rain)
            yield f"{self.repository}: {what}\n    DVC:  {shorten(dvc)}\n    rain: {shorten(rain)}"


def remove_common(one, other):
    """Two values without what both have."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if one.get(key, ...) != other.get(key, ...)]
        parts = {key: remove_common(one.get(key, "nothing"), other.get(key, "nothing")) for key in keys}
        return {key: part[0] for key, part in parts.items()}, {key: part[1] for key, part in parts.items()}
    if isinstance(one, list) and isinstance(other, list):
        return [item for item in one if item not in other], [item for item in other if item not in one]
    if isinstance(one, str) and isinstance(other, str) and "\n" in one + other:
        return remove_common(one.splitlines(), other.splitlines())
    return one, other


def shorten(value):
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return text if len(text) < 900 else text[:900] + " …"


def exit_states(done):
    """Well or not; which code says what is each tool's own."""
    return {tool: "ends well" if done[tool].code == 0 else "fails" for tool in TOOLS}


def compare_exit(c, what, pair, *words, rain=None):
    """Whether a command ends well."""
    done = pair.run(*words, rain=rain)
    c.compare(what, exit_states(done))
    return done


def compare_output(c, what, pair, meaning, *words):
    """What a command says, as `meaning` reads it."""
    c.compare(what, {tool: meaning(done) for tool, done in pair.run(*words).items()})


def read_graph(done):
    """Nodes and edges of a drawing for Graphviz."""
    if done.code:
        return {"exit code": done.code, "printed": done.text.strip()}
    return sorted(line.strip() for line in done.out.splitlines() if line.strip().startswith('"'))


def compare_list(c, what, pair, *revision):
    """What is tracked: path -> kind, mode and hash. `rain` may name outputs that Git has; DVC doesn't."""
    done = pair.run("list", ".", "--recursive", "--dvc-only", "--json", *revision, rain=("list", "--recursive", "--json", *revision))
    c.compare(what, {tool: read_list(done[tool], pair.sides[tool]) for tool in TOOLS})


def read_list(done, side):
    found, in_git = done.json(), set(side.git("ls-files").splitlines())
    if isinstance(found, dict):
        return found
    return {entry["path"]: [entry["isdir"], entry["isexec"], entry.get("md5")] for entry in found if entry["path"] not in in_git}


def read_json(done):
    return sort_lists(done.json())


def sort_lists(value):
    """The order of files and of changes is nobody's promise."""
    if isinstance(value, dict):
        return {key: sort_lists(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((sort_lists(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def read_metrics(done):
    """Without the class names of errors, which are Python's."""
    return sort_lists(drop_errors(done.json()))


def drop_errors(value):
    if isinstance(value, dict):
        return {key: "an error" if key == "error" else drop_errors(item) for key, item in value.items()}
    return value


def compare_plots(c, what, pair, *words):
    """The plots, drawn by both."""
    done = pair.run(*words, "--json")
    done["dvc"].out = done["dvc"].out.replace("HOME", str(pair.sides["dvc"].home))
    sides = {tool: plots.read_plots(done[tool], pair.sides[tool].project) for tool in TOOLS}
    if all(isinstance(plot, dict) for side in sides.values() for plot in side.values()):
        plots.snap(sides["dvc"], sides["rain"])
    c.compare(what, sides)


def stages_run(done):
    """Which stages ran, or came from the cache of runs."""
    if done.out.startswith("{"):
        found = done.json()
        return {"ran": sorted(found["ran"]), "restored": sorted(found["restored"])}
    found = {"ran": [], "restored": []}
    for name, how in RUNS.findall(done.out):
        if how == ":" and not name.endswith(".dvc"):
            found["ran"].append(name)
        elif how == " is cached":
            found["restored"].append(name)
    return {key: sorted(names) for key, names in found.items()}


def compare_reads(c, pair, when, target, revisions=True):
    """What the commands say that only read."""
    def say(what, meaning, *words):
        compare_output(c, f"{what}, {when}", pair, meaning, *words)

    say("dag", read_graph, "dag", "--dot")
    say("dag --full", read_graph, "dag", "--full", "--dot", target)
    say("dag --outs", read_graph, "dag", "--outs", "--dot")
    say("status", read_json, "status", "--json")
    c.compare(f"status --quiet, {when}", {tool: done.code for tool, done in pair.run("status", "--quiet").items()})
    say("diff", read_json, "diff", "--json", "--show-hash")
    say("params diff", read_metrics, "params", "diff", "--json")
    if revisions:
        say("diff of commits", read_json, "diff", "--json", "--show-hash", "HEAD~1", "HEAD")
        say("params diff of commits", read_metrics, "params", "diff", "--json", "--all", "HEAD~1", "HEAD")
        say("params diff --deps", read_metrics, "params", "diff", "--json", "--deps", "HEAD~1")
    compare_results(c, pair, when, revisions)
    # The last, since DVC fetches the lists of folders for it.
    say("status --cloud", read_json, "status", "--cloud", "--json")


def compare_results(c, pair, when, revisions):
    """What a run made, as the commands show it; DVC reads it from the remote if it isn't here."""
    def say(what, meaning, *words):
        compare_output(c, f"{what}, {when}", pair, meaning, *words)

    say("metrics show", read_metrics, "metrics", "show", "--json")
    say("metrics diff", read_metrics, "metrics", "diff", "--json")
    compare_plots(c, f"plots show, {when}", pair, "plots", "show")
    compare_list(c, f"list --recursive, {when}", pair)
    if revisions:
        say("metrics show --all-commits", read_metrics, "metrics", "show", "--json", "--all-commits")
        say("metrics show --all-tags", read_metrics, "metrics", "show", "--json", "--all-tags")
        say("metrics diff of commits", read_metrics, "metrics", "diff", "--json", "--all", "HEAD~1", "HEAD")
        compare_plots(c, f"plots diff, {when}", pair, "plots", "diff", "HEAD~1")
        compare_list(c, f"list --rev, {when}", pair, "--rev", "HEAD~1")


STATE = {"workspace": Repository.workspace, "cache": Repository.cache, "data": Repository.data,
         "remotes": Repository.remote_objects, "locks": Repository.locks}


def compare_state(c, when, pair, *parts):
    """Workspace, cache, remotes, or the files that a command writes for Git."""
    for part in parts:
        c.compare(f"{part}, {when}", pair.map(STATE[part]))


def compare_status_of_both(c, when, pair):
    """Each finds the other's work as its own."""
    found = {tool: {} for tool in TOOLS}
    for tool in TOOLS:
        for other, side in pair.sides.items():
            found[tool][other] = read_json(start(tool, side.project, "status", "--json").wait())
    c.compare(f"status of each in both, {when}", found)


def compare_clone(c, pair, targets, home):
    """A colleague clones, asks, fetches, checks out, and gets single targets."""
    clone = pair.clone(home / "clone")
    asked = clone.copy(home / "asked")
    compare_reads(c, asked, "in a clone", targets[0])
    for number, target in enumerate(targets):
        single = clone.copy(home / f"single {number}")
        compare_exit(c, f"pull {target}", single, "pull", target)
        compare_state(c, f"after pull {target}", single, "workspace", "cache")
    for when, command in ("checkout before fetch", "checkout"), ("fetch", "fetch"), ("checkout", "checkout"), ("pull", "pull"):
        compare_exit(c, f"{when}, in a clone", clone, command)
        compare_state(c, f"after {when} in a clone", clone, "workspace", "cache")
    compare_output(c, "status, after pull", clone, read_json, "status", "--json")


def compare_edit(c, pair, module, home):
    """The owner edits, asks, runs, commits, pushes."""
    work = pair.copy(home / "edited")
    work.apply(module.edit)
    if hasattr(module, "lose"):
        lost = work.copy(home / "lost")
        lost.apply(module.lose)
        for words in ("status", "--json"), ("diff", "--json"):
            compare_output(c, f"{words[0]}, with an output lost", lost, read_json, *words)
        compare_exit(c, "checkout, with an output lost", lost, "checkout", "--force")
        compare_state(c, "after checkout with an output lost", lost, "workspace")
    compare_reads(c, work, "edited", module.TARGETS[0], revisions=False)
    accepted = work.copy(home / "accepted")
    compare_exit(c, "commit", accepted, "commit", "--force")
    compare_state(c, "after commit", accepted, "workspace", "data", "locks")
    compare_status_of_both(c, "after commit", accepted)
    compare_exit(c, "repro --dry", work, "repro", "--dry", "--all-pipelines")
    done = compare_exit(c, "repro", work, "repro", "--all-pipelines", rain=("repro", "--all-pipelines", "--json"))
    c.compare("stages that repro runs", {tool: stages_run(done[tool]) for tool in TOOLS})
    compare_state(c, "after repro", work, "workspace", "cache", "locks")
    compare_status_of_both(c, "after repro", work)
    compare_output(c, "status --cloud, after repro", work, read_json, "status", "--cloud", "--json")
    compare_exit(c, "push", work, "push")
    compare_state(c, "after push", work, "remotes")
    compare_output(c, "status --cloud, after push", work, read_json, "status", "--cloud", "--json")


def compare_checkout(c, pair, home):
    """A colleague goes to the commit before, and forth."""
    work = pair.clone(home / "back")
    work.apply(lambda side: side.use_absolute_remote_urls())
    work.run("fetch", "--all-commits")
    work.run("checkout")
    for revision in "HEAD~1", "main":
        work.apply(lambda side: side.git("switch", "--quiet", *(["--detach"] if revision != "main" else []), revision))
        compare_output(c, f"status, before checkout of {revision}", work, read_json, "status", "--json")
        compare_exit(c, f"checkout of {revision}", work, "checkout")
        compare_state(c, f"after checkout of {revision}", work, "workspace")
        compare_output(c, f"status, after checkout of {revision}", work, read_json, "status", "--json")


GC = {
    "gc --workspace": ["--workspace"],
    "gc --all-commits": ["--all-commits"],
    "gc --all-branches": ["--all-branches"],
    "gc --all-tags": ["--all-tags"],
    "gc --rev": ["--rev", "HEAD~1"],
    "gc --rev --num": ["--rev", "HEAD", "--num", "2"],
    "gc --not-in-remote": ["--workspace", "--not-in-remote"],
    "gc": [],
}


def compare_gc(c, pair, module, home):
    """What garbage collection leaves while a change is saved and not in Git; of the remote, too."""
    saved = pair.copy(home / "saved")
    saved.apply(module.edit)
    saved.apply(lambda side: side.dvc("commit", "--force"))
    for name, options in GC.items():
        work = saved.copy(home / name)
        compare_exit(c, name, work, "gc", *options, "--force")
        compare_state(c, f"after {name}", work, "data")
    work = pair.copy(home / "cloud")
    words = "gc", "--workspace", "--cloud", "--force"
    compare_exit(c, "gc --cloud", work, *words, rain=(*words, "--grace", "0"))
    compare_state(c, "after gc --cloud", work, "remotes")


def compare_incomplete_remote(c, pair, home):
    """One object of the remote is gone: who says so, and what comes nevertheless?"""
    clone = pair.clone(home / "incomplete")
    lost = sorted(path for path in clone.sides["dvc"].remotes()[-1].rglob("*") if path.is_file() and path.suffix != ".dir")[0]
    name = lost.relative_to(clone.sides["dvc"].home)
    clone.apply(lambda side: (side.home / name).unlink())
    tolerant, asked = clone.copy(home / "tolerant"), clone.copy(home / "asked incomplete")
    compare_output(c, "status --cloud, of an incomplete remote", asked, read_json, "status", "--cloud", "--json")
    for command in "fetch", "checkout", "pull":
        compare_exit(c, f"{command}, of an incomplete remote", clone, command)
        compare_state(c, f"after {command} of an incomplete remote", clone, "workspace", "cache")
    for tool in TOOLS:  # what one tool left undone, each finishes
        found = clone.copy(home / f"found by {tool}")
        found.apply(lambda side: shutil.copy(pair.sides["dvc"].home / name, side.home / name))
        done = {other: start(tool, found.sides[other].project, "pull").wait() for other in TOOLS}
        c.compare(f"{tool} pull, when the lost object is there again", exit_states(done))
        compare_state(c, f"after {tool} pull, when the lost object is there again", found, "workspace")
    compare_exit(c, "pull --allow-missing", tolerant, "pull", "--allow-missing")
    compare_state(c, "after pull --allow-missing", tolerant, "workspace", "cache")


def compare_remotes(c, pair, home):
    """Pushes into empty remotes, and fetches into an empty cache: what the workspace needs, and all commits."""
    work = pair.copy(home / "everything")
    work.apply(lambda side: side.use_absolute_remote_urls())
    for options in (), ("--all-commits",), ("--all-tags",), ("--all-branches",):
        when = " ".join(("push", *options, "into empty remotes"))
        work.apply(lambda side: [shutil.rmtree(remote) for remote in side.remotes()])
        compare_exit(c, when, work, "push", *options)
        compare_state(c, f"after {when}", work, "remotes")
    work.apply(lambda side: [shutil.rmtree(remote) for remote in side.remotes()])
    work.run("push", "--all-commits")
    for options in (), ("--all-commits",), ("--all-tags",):
        when = " ".join(("fetch", *options, "into an empty cache"))
        work.apply(lambda side: side.remove(".dvc/cache"))
        compare_exit(c, when, work, "fetch", *options)
        compare_state(c, f"after {when}", work, "cache")


def compare_repository(name, module, pair, home):
    """All of it for one repository."""
    c = Comparisons(name)
    compare_reads(c, pair, "as made", module.TARGETS[0])
    compare_clone(c, pair, module.TARGETS, home)
    compare_edit(c, pair, module, home)
    compare_checkout(c, pair, home)
    compare_gc(c, pair, module, home)
    compare_incomplete_remote(c, pair, home)
    compare_remotes(c, pair, home)
    for what in c.rules:
        c.add_difference(f"{what}: there is a rule for this, but nothing compares it", None, None)
    return c
