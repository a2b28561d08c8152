"""Cases in which data was lost, or left the house."""

from . import case

TWO_STAGES = """stages:
  train: {cmd: 'mkdir models; echo 1 > models/m', outs: [models]}
  other: {cmd: 'echo o > o', outs: [o]}
"""


def retire_a_folder(repository):
    """A folder was tracked once; now .dvcignore has its name."""
    repository.put("legacy/x", "old\n")
    repository.dvc("add", "legacy/x")
    repository.commit("one")
    repository.git("rm", "--quiet", "legacy/x.dvc", "legacy/.gitignore")
    repository.remove("legacy")
    repository.put(".dvcignore", "legacy/\n")
    repository.commit("two")


@case
def gc_reads_each_commit_by_its_own_dvcignore(c):
    c.begin(retire_a_folder)
    c.compare_exit("gc", "--all-commits", "--workspace", "--force", well=True)
    c.compare_state("cache")
    c.pair.apply(lambda side: side.git("switch", "--quiet", "--detach", "HEAD~1"))
    c.compare_exit("checkout", well=True)
    c.compare_state("workspace")
    c.expect("the file of the first commit is back", (c.rain.project / "legacy/x").exists(), True)


@case
def a_lock_file_that_git_ignores_stops_every_command(c):
    def make(repository):
        repository.put("dvc.yaml", "stages:\n  train: {cmd: 'echo 1 > model', outs: [model]}\n")
        repository.dvc("remote", "add", "--default", "store", "../remote")
        repository.dvc("repro")
        repository.put(".gitignore", "/model\n*.lock\n")
        repository.git("rm", "--quiet", "--cached", "--ignore-unmatch", "dvc.lock")
        repository.commit("one")
    c.begin(make)
    before = c.rain.cache()
    for words in ("repro",), ("status",), ("push",), ("gc", "--workspace", "--force"), ("checkout",), ("pull",), ("commit", "--force"):
        done = c.compare_exit(*words, well=False)
        c.expect_message(done, r"dvc\.lock", r"ignore", r"\*\.lock")
    c.expect("the objects of the cache", c.rain.cache(), before)


def stale_entry(repository):
    """A stage is gone, its entry in dvc.lock is not, and its folder holds data of another kind."""
    repository.dvc("remote", "add", "--default", "store", "../remote")
    repository.put("dvc.yaml", TWO_STAGES)
    repository.dvc("repro")
    repository.commit("one")
    repository.put("dvc.yaml", "stages:\n" + TWO_STAGES.splitlines()[2] + "\n")
    repository.remove("models")
    repository.put(".gitignore", "/o\n")


@case
def a_folder_that_a_removed_stage_made_is_entered(c):
    def make(repository):
        stale_entry(repository)
        repository.put("models/resnet.bin", "pretrained\n")
        repository.dvc("add", "models/resnet.bin")
        repository.commit("two")
    c.begin(make)
    c.compare_json("status")
    c.compare_exit("push", well=True)
    c.compare_state("remotes")
    c.compare_exit("gc", "--workspace", "--force", well=True)
    c.compare_state("cache")
    c.pair.apply(lambda side: side.remove("models/resnet.bin"))
    c.compare_exit("checkout", well=True)
    c.compare_state("workspace")


@case
def a_renamed_stage_keeps_its_new_output(c):
    def make(repository):
        repository.put("dvc.yaml", "stages:\n  a: {cmd: 'echo old > x', outs: [x]}\n")
        repository.dvc("repro")
        repository.commit("one")
        repository.put("dvc.yaml", "stages:\n  b: {cmd: 'echo new > x', outs: [x]}\n")
    c.begin(make)
    c.compare_exit("repro", well=True)
    c.compare_exit("checkout", well=True)
    c.compare_state("workspace", "locks")
    c.expect("the output", (c.rain.project / "x").read_text(), "new\n")
    c.compare_json("status")


@case
def source_code_in_the_folder_of_a_removed_stage_stays(c):
    def make(repository):
        stale_entry(repository)
        repository.put("models/net.py", "import x\n")
        repository.commit("two")
        repository.put("models/wip.py", "my new work\n")
    c.begin(make)
    for words in ("checkout",), ("checkout", "--force"), ("push",), ("pull", "--force"):
        c.compare_exit(*words, well=True)
        c.compare_state("workspace", "remotes")
    c.expect("the new work is there", (c.rain.project / "models/wip.py").exists(), True)


@case
def flags_of_outputs_with_references_in_their_paths_hold(c):
    def make(repository):
        repository.dvc("remote", "add", "--default", "store", "../remote")
        repository.dvc("remote", "add", "own", "../own-remote")
        repository.put("params.yaml", "dir: o\n")
        repository.put("o/.gitkeep", "")
        repository.put("dvc.yaml", """stages:
  one:
    cmd: echo stays > o/np; echo plain > o/pl
    outs: ['${dir}/np': {push: false}, '${dir}/pl']
  each:
    foreach: [us, gb]
    do:
      cmd: echo secret ${item} > sec_${item}; echo own ${item} > own_${item}
      outs: ['sec_${item}': {push: false}, 'own_${item}': {remote: own}]
  fan:
    matrix: {n: [1, 2]}
    cmd: echo fan ${item.n} > fan_${item.n}; echo in git ${item.n} > git_${item.n}
    outs: ['fan_${item.n}': {push: false}, 'git_${item.n}': {cache: false}]
""")
        repository.dvc("repro")
        repository.commit("one")
    c.begin(make)
    c.compare_exit("push", well=True)
    c.compare_state("remotes")
    c.compare_json("status", "--cloud")


def reference_in_wdir(repository):
    repository.dvc("remote", "add", "--default", "store", "../remote")
    repository.put("proj/keep", "")
    repository.put("params.yaml", "p: proj\n")
    repository.put("dvc.yaml", "stages:\n  s: {wdir: '${p}', cmd: 'mkdir -p data; echo 1 > data/m', outs: [data]}\n")
    repository.dvc("repro")
    repository.put("data/raw.csv", "raw\n")
    repository.dvc("add", "data/raw.csv")
    repository.commit("one")


@case
def a_reference_in_wdir_moves_the_outputs(c):
    made = c.begin(reference_in_wdir)
    c.compare_exit("push", well=True)
    c.compare_state("remotes")
    c.pair = made.clone(c.home / "clone")
    c.compare_exit("pull", well=True)
    c.compare_state("workspace", "cache")
    c.pair = made
    c.compare_json("status")
    c.compare_exit("gc", "--workspace", "--force", well=True)
    c.compare_state("cache")
    c.pair.apply(lambda side: side.remove("data/raw.csv", "proj/data"))
    c.compare_exit("checkout", well=True)
    c.compare_state("workspace")


@case
def a_pin_that_git_ignores_is_not_passed_over_in_silence(c):
    """DVC leaves it out without a word, and `gc` removes what it pins; `rain` says so, and `gc` keeps that."""
    def make(repository):
        repository.put("env/res/a", "x\n")
        repository.dvc("add", "env/res")
        repository.put(".gitignore", "env/\n")
        repository.git("add", "--all")
        repository.git("add", "--force", "env/res.dvc")
        repository.git("commit", "--quiet", "--message", "one")
    c.begin(make)
    before = c.rain.cache()
    done = c.compare_exit("checkout", "env/res.dvc", well=False)
    c.expect_message(done, r"env/res\.dvc", r"ignore")
    for words in ("status",), ("gc", "--workspace", "--force"), ("push",):
        done = c.run(*words)
        c.expect_message(done, r"env/res\.dvc", r"ignore")
    c.expect("the objects of the cache", c.rain.cache(), before)


@case
def links_into_a_moved_cache_are_repaired(c):
    def make(repository):
        repository.put(".dvc/config", "[cache]\n    type = symlink\n")
        repository.commit("one")
    c.begin(make)
    c.pair.apply(lambda side: (side.put("data/a", "a\n"), side.put("f", "f\n")))
    c.compare_exit("add", "data", "f", well=True)
    c.pair.apply(lambda side: (side.project / ".dvc/cache").rename(side.home / "cache"))
    c.pair.apply(lambda side: side.put(".dvc/config", "[cache]\n    type = symlink\n    dir = ../../cache\n"))
    c.compare_exit("checkout", well=True)
    for name, content in ("data/a", "a\n"), ("f", "f\n"):
        c.expect(name, (c.rain.project / name).exists() and (c.rain.project / name).read_text(), content)
    c.compare_json("status")
