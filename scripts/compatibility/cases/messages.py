"""Cases in which a message sent people the wrong way."""

from ..sandbox import start
from . import case
from .refused import CONFLICT


def run_rain(c, *words):
    return {"rain": start("rain", c.rain.project, *words).wait()}


@case
def a_merge_conflict_is_called_one(c):
    conflict = "<<<<<<< HEAD\nlr: 1\n=======\nlr: 2\n>>>>>>> x\n"
    stage = "stages: {s: {cmd: 'echo 1 > out', params: [lr], outs: [out]}}\n"
    files = {"f.dvc": {"f.dvc": CONFLICT}, "params.yaml": {"params.yaml": conflict, "dvc.yaml": stage},
             "dvc.yaml": {"params.yaml": "lr: 1\n", "dvc.yaml": conflict + stage},
             "dvc.lock": {"params.yaml": "lr: 1\n", "dvc.yaml": stage, "dvc.lock": conflict}}
    for name, texts in files.items():
        c.begin(texts)
        for words in ("status",), ("repro",):
            done = c.run(*words)
            c.expect(f"{words[0]} with a conflict in {name} ends well", done["rain"].code == 0, False, done["rain"].text)
            c.expect_message(done, name.replace(".", r"\."), "conflict")


@case
def a_frozen_stage_that_lost_its_output_has_not_run(c):
    def make(repository):
        repository.put("foo", "1\n")
        repository.put("dvc.yaml", "stages:\n  two: {cmd: 'cat foo > o2', deps: [foo], outs: [o2]}\n")
        repository.dvc("repro")
        repository.put("dvc.yaml", "stages:\n  two: {cmd: 'cat foo > o2', deps: [foo], outs: [o2], frozen: true}\n")
        repository.commit("one")
        repository.remove("o2")
    c.begin(make)
    done = c.run("repro")
    c.expect_no_message(done, "ended well", "didn't make")
    c.compare_exit("checkout", well=True)
    c.compare_state("workspace")


@case
def a_pull_that_brought_nothing_does_not_say_up_to_date(c):
    def make(repository):
        repository.dvc("remote", "add", "--default", "store", "../remote")
        repository.put("f", "x\n")
        repository.dvc("add", "f")
        repository.commit("one")
        repository.remove("f", ".dvc/cache")
        (repository.home / "remote").mkdir()
    made = c.begin(make)
    tolerant = made.copy(c.home / "tolerant")
    done = c.compare_exit("pull", well=False)
    c.expect_message(done, r"\bf\b")
    c.expect_no_message(done, r"run `?(rain )?pull")
    c.pair = tolerant
    done = c.compare_exit("pull", "--allow-missing", well=True)
    c.expect_no_message(done, "up to date")
    c.expect_message(done, r"\bf\b|missing|nowhere|lack")


@case
def a_lock_file_of_dvc_1_is_named_as_one(c):
    c.begin({"in": "in\n", "dvc.lock": "s:\n  cmd: cat in > out\n  outs:\n  - path: out\n    md5: ba8d2b9408ed255ee92a112fe7ba59be\n",
             "dvc.yaml": "stages:\n  s: {cmd: 'cat in > out', outs: [out]}\n"})
    done = c.run("status")
    if done["rain"].code:
        c.expect_message(done, r"dvc\.lock", r"DVC 1|version 1|old", r"dvc (repro|commit)|remove|delete|again")
    else:
        c.compare_json("status")


@case
def where_nothing_is_tracked_status_says_so(c):
    c.begin({"readme": "nothing\n"})
    done = c.compare_exit("status", well=True)
    c.expect_no_message(done, "up to date")
    c.expect_message(done, r"no |nothing", "track")


@case
def the_help_names_no_option_that_is_refused(c):
    c.begin({"params.yaml": "lr: 1\n"})
    for command in "repro", "push", "gc", "status", "checkout", "dag":
        text = run_rain(c, command, "--help")["rain"].text
        offered, taken = "--set" in text, run_rain(c, "--set", "lr=1", command, "--help")["rain"].code == 0
        c.expect(f"{command} --help names --set as an option", offered, offered and taken, text)


@case
def a_command_of_dvc_that_is_not_here_is_answered_as_one(c):
    c.begin({"params.yaml": "lr: 1\n"})
    for command, alike in ("import", "plots|export|report"), ("stage", "status"), ("exp", "export|explain"), ("unprotect", "protect us"):
        done = run_rain(c, command)
        c.expect(f"{command} ends well", done["rain"].code, 2, done["rain"].text)
        c.expect_message(done, "DVC")
        c.expect_no_message(done, rf"similar.*({alike})")


@case
def cache_type_is_set_by_a_command_or_the_message_says_what_to_edit(c):
    c.begin({"readme": "nothing\n"})
    done = run_rain(c, "config", "cache.type", "symlink")
    if done["rain"].code == 0:
        c.expect("the setting", "type = symlink" in (c.rain.project / ".dvc/config").read_text(), True)
    else:
        c.expect_message(done, r"\.dvc/config")


@case
def a_remote_over_http_is_refused_by_name(c):
    def make(repository):
        repository.put("f", "x\n")
        repository.dvc("add", "f")
        repository.put(".dvc/config", "[core]\n    remote = web\n['remote \"web\"']\n    url = https://example.invalid/store\n")
        repository.commit("one")
    c.begin(make)
    done = run_rain(c, "push")
    c.expect("push ends well", done["rain"].code == 0, False, done["rain"].text)
    c.expect_message(done, "web|https://example.invalid/store", "https?://", "S3|folder|supported|only DVC")
