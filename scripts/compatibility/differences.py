"""Where `rain` differs from DVC on purpose: in which repository, in what, why, and how exactly.

A rule whose difference is gone, or is another, counts as a difference: so no rule outlives its reason.
"""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Rule:
    """Why they differ, and whether two answers differ in just that way."""

    why: str
    holds: Callable


def fold_folders(*elsewhere):
    """`rain` names a folder as a whole whose list isn't here, and asks the remotes of single outputs as well."""
    def holds(dvc, rain):
        left = dict(dvc)
        for name, state in rain.items():
            below = [name] if name in left else [key for key in left if key.startswith(name + "/")]
            if not below and name not in elsewhere or any(left.pop(key) != state for key in below):
                return False
        return not left
    return holds


def ignore_manifests(dvc, rain):
    """The same objects, but for lists of folders that only `rain` has."""
    more = rain.keys() - dvc.keys()
    return all(name.endswith(".dir") for name in more) and dvc == {name: rain.get(name) for name in dvc}


def have_more(dvc, rain):
    """All that DVC has, and more."""
    return dvc != rain and dvc.items() <= rain.items()


def mark_executable(*names):
    """The same, but DVC doesn't say which files may be run."""
    def holds(dvc, rain):
        return all(rain.get(name, dvc[name])[1] and not dvc[name][1] for name in names) and dvc == {
            name: [entry[0], entry[1] and name not in names, entry[2]] for name, entry in rain.items()}
    return holds


def draw_bars(dvc, rain):
    """The same values, as bars: texts have no place on an axis of numbers."""
    def as_bars(plot):
        return sorted(point for _, points in plot["series"] for point in points)
    return dvc.keys() == rain.keys() and all(
        rain[name]["kind"] == "bars" and [tuple(bar) for bar in rain[name]["series"]] == as_bars(dvc[name]) for name in dvc)


def leave_out(*names):
    """The same without these files."""
    return lambda dvc, rain: rain == {name: value for name, value in dvc.items() if name not in names}


def keep_more(dvc, rain):
    """All objects that DVC keeps, and more."""
    return dvc.keys() == rain.keys() and dvc != rain and all(set(dvc[name]) <= set(rain[name]) for name in dvc)


def list_as_one(dvc, rain):
    """A folder whose list isn't here stands as one in place of its files; modes aside, all else is the same."""
    folders = [name for name, entry in rain.items() if isinstance(entry, list) and entry[0]]
    def plain(listed):
        return {name: [entry[0], entry[2]] for name, entry in listed.items() if isinstance(entry, list) and not entry[0]}
    rest = {name: entry for name, entry in plain(dvc).items() if not any(name.startswith(folder + "/") for folder in folders)}
    return bool(folders) and rest == plain(rain)


def fail_where_dvc_warns(dvc, rain):
    return (dvc, rain) == ("ends well", "fails")


def know_less(dvc, rain):
    """Where DVC read a file from the remote, `rain` says that it isn't here, or leaves it out; all else is the same."""
    if not isinstance(dvc, dict) or not isinstance(rain, dict) or "error" in rain and "data" in dvc:
        return isinstance(rain, dict) and rain.get("error") == "an error"
    return rain.keys() <= dvc.keys() and all(
        key not in rain or rain[key] == value or know_less(value, rain[key]) for key, value in dvc.items())


CLOUD = "rain names a folder whose list isn't in the cache as one, and fetches no list to say more"
OWN = "rain also asks the remotes of outputs that have one of their own"
LISTS = "rain keeps the list of a folder of which a file is lost, so that it can name the file"
BARS = "rain draws bars over texts, where DVC has an axis of numbers without any"
ALLOWED = "rain leaves out what is lost, as it is told; DVC fails at a lost file of a folder"
WORDS = "described/words.txt"
MODELS = [f"projects/forecast/models/{place}-{size}.txt" for place in ("hobart", "perth") for size in ("small", "large")]
INCOMPLETE = [f"cache, after {command} of an incomplete remote" for command in ("fetch", "checkout", "pull")]

ONE = "rain lists a folder whose list isn't in the cache as one, and says so; DVC reads it from the remote"
OF_GIT = "rain lists a folder with `cache: false`, too, which Git holds"
NOT_CACHED = [
    ("experiments", "list --recursive", ("as made", "edited")),
    ("vineyard", "list --recursive", ("as made", "edited", "in a clone")),
    ("vineyard", "list --rev", ("as made", "in a clone")),
]
REMOTE = "rain asks no remote for an answer, and says what isn't here; DVC reads it there"
FETCH = "rain fetch fails where something is lost, as pull does; DVC only warns"
NOT_HERE = [f"{what}, in a clone" for what in ("metrics show", "metrics diff", "metrics show --all-commits", "metrics show --all-tags",
                                               "plots show", "plots diff")]
# The object that is lost is no part of a folder here; DVC fetch fails at those, too.
LOST = ["fetch, of an incomplete remote"]

DELIBERATE = [
    *[(repository, what, Rule(CLOUD, fold_folders(*elsewhere)))
      for repository, elsewhere in (("get-started", ()), ("experiments", ()), ("registry", (WORDS,)))
      for what in ("status --cloud, in a clone", "status --cloud, of an incomplete remote")],
    ("registry", "status --cloud, after repro", Rule(OWN, fold_folders(WORDS))),
    ("monorepo", "status --cloud, in a clone", Rule(OWN, fold_folders(*MODELS))),
    ("monorepo", "status --cloud, of an incomplete remote", Rule(OWN, fold_folders(*MODELS))),
    ("monorepo", "status --cloud, after repro", Rule(OWN, fold_folders(*MODELS))),
    *[("registry", f"list --recursive, {when}", Rule("DVC calls no file executable", mark_executable("tools/run.sh")))
      for when in ("as made", "edited")],
    *[(repository, f"{what}, in a clone", Rule(ONE, list_as_one)) for repository in ("get-started", "experiments", "registry")
      for what in ("list --recursive", "list --rev")],
    *[(repository, f"{what}, {when}", Rule(OF_GIT, list_as_one)) for repository, what, whens in NOT_CACHED for when in whens],
    ("registry", "list --rev, as made", Rule("DVC calls no file executable", mark_executable("tools/run.sh"))),
    *[("vineyard", what, Rule(BARS, draw_bars)) for what in ("plots show, as made", "plots show, edited", "plots diff, as made")],
    *[("registry", what, Rule(LISTS, ignore_manifests)) for what in INCOMPLETE],
    *[(repository, what, Rule(REMOTE, know_less)) for repository, left_out in (("get-started", ()), ("experiments", ()))
      for what in NOT_HERE if what not in left_out],
    *[("vineyard", f"{what}, in a clone", Rule(BARS, draw_bars)) for what in ("plots show", "plots diff")],
    *[(repository, what, Rule(FETCH, fail_where_dvc_warns)) for repository in ("experiments", "monorepo", "vineyard") for what in LOST],
    # An output with `push: false` is on no remote.
    *[("monorepo", what, Rule(FETCH, fail_where_dvc_warns))
      for what in ("fetch, in a clone", *(f"fetch{options} into an empty cache" for options in ("", " --all-commits", " --all-tags")))],
    ("registry", "pull --allow-missing", Rule(ALLOWED, lambda dvc, rain: (dvc, rain) == ("fails", "ends well"))),
    ("registry", "workspace, after pull --allow-missing", Rule(ALLOWED, have_more)),
    ("registry", "cache, after pull --allow-missing", Rule(LISTS, ignore_manifests)),
]

# Faults of `rain` that wait to be mended. Each is held to be just this, so that no other hides behind it.
VARS = "params diff leaves out what a foreach takes from a file of `vars`"
OPEN = [
    *[("monorepo", f"params diff {what}", Rule(VARS, leave_out("shared/places.yaml")))
      for what in ("of commits, as made", "--deps, as made", "of commits, in a clone", "--deps, in a clone")],
    ("monorepo", "data, after gc --not-in-remote", Rule("gc --not-in-remote asks one remote, not each output's own", have_more)),
    ("monorepo", "remotes, after gc --cloud", Rule("gc --cloud cleans one remote, not those of single outputs", keep_more)),
]
