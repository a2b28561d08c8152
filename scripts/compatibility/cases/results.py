"""Cases in which a command ended well and had done the wrong thing, or nothing."""

import hashlib
import time

from ..sandbox import start
from . import case


@case
def an_output_that_is_nowhere_is_named_and_fails(c):
    def make(repository):
        repository.dvc("remote", "add", "--default", "store", "../remote")
        repository.put("in", "in\n")
        repository.dvc("add", "in")
        repository.dvc("push")
        repository.put("dvc.yaml", "stages:\n  train: {cmd: 'cp in model.bin; echo trained >> model.bin; mkdir d; echo 1 > d/1', deps: [in], outs: [model.bin, d]}\n")
        repository.dvc("repro")
        repository.commit("one")
        repository.remove("model.bin", "d", "in", ".dvc/cache")
    made = c.begin(make)
    for number, words in enumerate([("pull",), ("pull", "model.bin"), ("pull", "train"), ("fetch",), ("fetch", "train"), ("checkout",)]):
        c.pair = made.copy(c.home / f"missing {number}")
        done = c.run(*words)
        c.expect(f"{' '.join(words)} ends well", done["rain"].code == 0, False, done["rain"].text)
        c.expect_message(done, r"model\.bin")
        c.compare_state("workspace", "cache")
    c.pair = made
    c.compare_json("status")


@case
def commit_saves_the_outputs_of_stages(c):
    c.begin({"dvc.yaml": "stages:\n  s: {cmd: 'echo 1 > out', outs: [out]}\n"})
    c.compare_exit("repro", "--no-commit", well=True)
    c.compare_exit("commit", "--force", well=True)
    c.compare_state("cache", "locks")
    c.compare_json("status")


@case
def commit_accepts_outputs_after_a_change_that_does_not_matter(c):
    def make(repository):
        repository.put("params.yaml", "lr: 1\n")
        repository.put("run.sh", "echo 1 > out\n")
        repository.put("dvc.yaml", "stages:\n  s: {cmd: sh run.sh, deps: [run.sh], params: [lr], outs: [out]}\n  t: {cmd: 'cp out two', deps: [out], outs: [two]}\n")
        repository.dvc("repro")
        repository.put("run.sh", "echo 1 > out\n# comment\n")
        repository.put("params.yaml", "lr: 2\n")
    c.begin(make)
    c.compare_exit("commit", "--force", "s", well=True)
    c.compare_state("cache", "locks")
    c.compare_json("status")


@case
def numbers_in_json_stay_as_they_are(c):
    made = c.begin({
        "p.json": '{"lr": 0.9731049537658691, "big": 123456789012345678901234567890, "small": 1e-7, "zero": -0.0}\n',
        "dvc.yaml": """vars: [p.json]
stages:
  train: {cmd: 'echo ${lr} > model; cp p.json m.json', params: [{p.json: [lr, big, small, zero]}], outs: [model], metrics: [{m.json: {cache: false}}]}
"""})
    c.compare_exit("repro", well=True)
    c.compare_state("locks", "workspace")
    c.compare_json("metrics", "show")
    dvc, rain = made.sides["dvc"].project, made.sides["rain"].project
    (dvc / "dvc.lock").write_bytes((rain / "dvc.lock").read_bytes())
    c.compare_json("status")


@case
def each_remote_is_asked_although_one_lacks_something(c):
    def make(repository):
        repository.dvc("remote", "add", "--default", "store", "../remote")
        repository.dvc("remote", "add", "own", "../own-remote")
        for name in "pub", "sec", "loc":
            repository.put(name, f"{name}\n")
        repository.dvc("add", "pub", "sec", "loc")
        for name, line in ("sec", "remote: own"), ("loc", "push: false"):
            repository.put(f"{name}.dvc", (repository.project / f"{name}.dvc").read_text() + f"  {line}\n")
        repository.dvc("push")
        repository.commit("one")
        repository.remove("pub", "sec", "loc", ".dvc/cache")
    made = c.begin(make)
    tolerant = made.copy(c.home / "tolerant")
    done = c.compare_exit("pull", well=False)
    c.expect_message(done, r"\bloc\b")
    c.compare_state("workspace", "cache")
    c.pair = tolerant
    c.compare_exit("pull", "--allow-missing", well=True)
    c.compare_state("workspace", "cache")


@case
def a_file_that_persists_is_its_own_while_the_command_runs(c):
    c.begin({"in": "a\n", ".dvc/config": "[cache]\n    type = symlink\n",
             "dvc.yaml": "stages:\n  s: {cmd: 'cat in >> log; stat -c %a log > mode', deps: [in], outs: [log: {persist: true}, mode: {cache: false}]}\n"})
    for content in "a\n", "b\n":
        c.pair.apply(lambda side: side.put("in", content))
        c.compare_exit("repro", well=True)
        c.compare_state("locks")
        c.found.compare("mode and kind", c.pair.map(lambda side: [(side.project / "log").is_symlink(), oct((side.project / "log").stat().st_mode)]))
    c.compare_json("status")


@case
def a_dependency_that_dvcignore_names_is_read(c):
    c.begin({"in.log": "hi\n", ".dvcignore": "*.log\n", "dvc.yaml": "stages:\n  v: {cmd: 'cat in.log > v', deps: [in.log], outs: [v]}\n"})
    c.compare_exit("repro", well=True)
    c.compare_json("status")
    c.pair.apply(lambda side: side.put("in.log", "changed\n"))
    c.compare_json("status")
    c.compare_exit("repro", well=True)
    c.compare_state("workspace", "locks")


@case
def an_output_that_dvcignore_names_is_refused(c):
    c.begin({".dvcignore": "*.log\n", "dvc.yaml": "stages:\n  u: {cmd: 'echo 1 > u.log', outs: [u.log]}\n"})
    done = c.compare_exit("repro", well=False)
    c.expect_message(done, r"u\.log", r"\.dvcignore", r"\*\.log")


@case
def a_stage_s_output_is_not_added_besides(c):
    c.begin({"dvc.yaml": "stages:\n  a: {cmd: 'echo 1 > out; mkdir d; echo 1 > d/x', outs: [out, d]}\n"})
    c.pair.apply(lambda side: (side.put("out", "x\n"), side.put("d/x", "x\n")))
    done = c.compare_exit("add", "out", well=False)
    c.expect_message(done, r"\bout\b", r"\bstage\b|dvc\.yaml", r"\ba\b")
    c.compare_exit("add", "d/x", well=False)
    c.compare_state("workspace")
    c.compare_json("status")
    c.compare_exit("repro", well=True)
    c.compare_state("workspace")


OLD_STAGE = """cmd: cat in > model
deps:
- path: in
  md5: 13b5bfe96f3e2fe411c9f66f4a582adf
outs:
- path: model
"""


@case
def a_stage_in_a_dvc_file_is_named_as_one(c):
    c.begin({"in": "in\n", "model.dvc": OLD_STAGE})
    for words in ("status",), ("repro", "model.dvc"), ("checkout",), ("pull",), ("commit", "--force"):
        done = c.run(*words)
        c.expect(f"{words[0]} ends well", done["rain"].code == 0, False, done["rain"].text)
        c.expect_message(done, r"model\.dvc", r"\bcmd\b")


@case
def hundreds_of_outputs_of_one_file_are_checked_out_as_fast_as_dvc_does(c):
    number = 400
    keys = ", ".join(map(str, range(number)))
    def make(repository):
        repository.put("dvc.yaml", f"stages:\n  a:\n    foreach: [{keys}]\n    do: {{cmd: 'echo ${{item}} > o_${{item}}', outs: ['o_${{item}}']}}\n")
        lines = ["schema: '2.0'", "stages:"]
        repository.put("dvc.lock", "\n".join(lines) + "\n" + "".join(entry(repository, n) for n in range(number)))
        repository.commit("one")
    c.begin(make)
    taken = {}
    for tool, side in c.pair.sides.items():
        started = time.monotonic()
        done = start(tool, side.project, "checkout").wait()
        taken[tool] = time.monotonic() - started
        c.expect(f"{tool} checkout ends well", done.code, 0, done.text)
    c.compare_state("workspace")
    c.expect("rain takes no longer than DVC", taken["rain"] <= taken["dvc"], True, str(taken))
    c.compare_json("status")


def entry(repository, n):
    """Puts an object into the cache, and gives the stage's entry of dvc.lock."""
    content = f"{n}\n".encode()
    name = hashlib.md5(content).hexdigest()
    repository.put(f".dvc/cache/files/md5/{name[:2]}/{name[2:]}", content, 0o444)
    return (f"  a@{n}:\n    cmd: echo {n} > o_{n}\n    outs:\n    - path: o_{n}\n      hash: md5\n"
            f"      md5: {name}\n      size: {len(content)}\n")


@case
def a_cache_that_a_group_shares_has_the_group_s_modes(c):
    def make(repository):
        repository.put(".dvc/config", "[cache]\n    shared = group\n")
        repository.commit("one")
    c.begin(make)
    c.pair.apply(lambda side: (side.put("data/a", "a\n"), side.put("f", "f\n")))
    c.compare_exit("add", "data", "f", well=True)
    c.found.compare("modes", c.pair.map(modes))


def modes(side):
    """Of all that is in the cache."""
    return {str(path.relative_to(side.project)): oct(path.stat().st_mode)
            for path in sorted((side.project / ".dvc/cache/files/md5").rglob("*"))}


@case
def with_autostage_what_is_written_is_staged(c):
    def make(repository):
        repository.put(".dvc/config", "[core]\n    autostage = true\n")
        repository.put("dvc.yaml", "stages:\n  s: {cmd: 'cat f > out; echo 1 > m.json', deps: [f], outs: [out], metrics: [m.json: {cache: false}]}\n")
        repository.commit("one")
    c.begin(make)
    c.pair.apply(lambda side: side.put("f", "f\n"))
    for words in ("add", "f"), ("repro",):
        c.compare_exit(*words, well=True)
        c.found.compare(f"what Git has staged after {words[0]}", c.pair.map(lambda side: side.git("status", "--porcelain").splitlines()))


@case
def gc_without_a_scope_is_refused(c):
    def make(repository):
        repository.put("f", "1\n")
        repository.dvc("add", "f")
        repository.put("f", "2\n")
        repository.dvc("add", "f")
        repository.commit("two")
    c.begin(make)
    c.compare_exit("gc", "--force", well=False)
    c.compare_state("cache")
