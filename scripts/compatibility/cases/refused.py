"""Cases in which one thing that is unsupported, unsound or absent stopped all the rest; and what others made."""

from .. import plots
from ..compare import read_metrics
from ..sandbox import TOOLS, Repository, start
from . import case

CONFLICT = """outs:
<<<<<<< HEAD
- md5: 009520053b00386d1173f3988c55d192
=======
- md5: 401b30e3b8b5d629635a5c613cdb7919
>>>>>>> x
  path: f
"""


@case
def folders_of_plots_are_drawn_file_by_file(c):
    c.begin({"dvclive/plots/metrics/acc.tsv": "step\tacc\n0\t1\n1\t2\n", "dvclive/plots/metrics/train/loss.tsv": "step\tloss\n0\t1\n1\t2\n",
             "dvclive/plots/images/1.png": b"\x89PNG", "dvc.yaml": "plots:\n- dvclive/plots/metrics: {x: step}\n- dvclive/plots/images\n"})
    for words in ("plots", "show"), ("plots", "diff", "HEAD"):
        done = c.run(*words, "--json")
        done["dvc"].out = done["dvc"].out.replace("HOME", str(c.pair.sides["dvc"].home))
        sides = {tool: plots.read_plots(done[tool], c.pair.sides[tool].project) for tool in TOOLS}
        plots.snap(sides["dvc"], sides["rain"])
        c.found.compare(" ".join(words), sides)
        c.expect_no_message(done, "WARN")


@case
def an_import_s_data_stays_at_its_source(c):
    def make(repository):
        source = Repository.new(repository.home / "source")
        source.put("big/a", "1\n")
        source.dvc("add", "big")
        source.commit("big")
        repository.dvc("remote", "add", "--default", "store", "../remote")
        repository.dvc("import", str(source.project), "big", "-o", "data")
        repository.put("own", "own\n")
        repository.dvc("add", "own")
        repository.commit("one")
    c.begin(make)
    c.compare_json("status", "--cloud")
    c.compare_exit("push", well=True)
    c.compare_state("remotes")
    c.pair.apply(lambda side: side.remove("data", ".dvc/cache"))
    done = c.run("pull")  # DVC gets it from its source
    if done["rain"].code == 0:
        c.compare_state("workspace")
    else:
        c.expect_message(done, r"\bdata\b", "import")
        c.expect("what isn't imported is there", (c.rain.project / "own").exists(), True)


@case
def a_partial_import_does_not_stop_the_rest(c):
    def make(repository):
        repository.put("own", "own\n")
        repository.dvc("add", "own")
        repository.dvc("remote", "add", "--default", "store", "../remote")
        (repository.home / "external").write_text("x\n")
        repository.dvc("import-url", "--no-download", str(repository.home / "external"), "part")
        repository.dvc("push")
        repository.commit("one")
        repository.put("own", "more\n")
    c.begin(make)
    c.compare_exit("commit", "--force", "own.dvc", well=True)
    c.compare_exit("push", well=True)
    c.compare_state("remotes")
    done = c.run("pull", "part.dvc")
    if done["rain"].code:
        c.expect_message(done, r"\bpart\b", "import")
    else:
        c.expect("the imported file is there", (c.rain.project / "part").exists(), True, done["rain"].text)


@case
def one_unsound_commit_stops_neither_push_nor_fetch_nor_metrics(c):
    def make(repository):
        repository.dvc("remote", "add", "--default", "store", str(repository.home / "remote"))
        repository.put("f", "1\n")
        repository.dvc("add", "f")
        repository.put("m.json", '{"a": 1}\n')
        repository.put("dvc.yaml", "metrics: [m.json]\n")
        repository.commit("one")
        sound = (repository.project / "f.dvc").read_text()
        repository.put("f.dvc", CONFLICT)
        repository.commit("broken")
        repository.put("f.dvc", sound)
        repository.commit("mended")
        repository.put("dvc.yaml", 'metrics: [m.json]\nstages: {s: {cmd: "true", deps: ["https://example.org/x"]}}\n')
        repository.commit("a stage that reads an address")
        repository.put("dvc.yaml", "metrics: [m.json]\n")
        repository.commit("no more")
    c.begin(make)
    c.pair.apply(lambda side: side.put(".dvc/config", f"[core]\n    remote = store\n['remote \"store\"']\n    url = {side.home / 'remote'}\n"))
    broken = c.rain.git("rev-parse", "HEAD~3").strip()
    done = c.compare_exit("push", "--all-commits", well=True)
    c.expect_message(done, broken[:7], r"f\.dvc")
    c.compare_state("remotes")
    c.pair.apply(lambda side: side.remove(".dvc/cache"))
    c.compare_exit("fetch", "--all-commits", well=True)
    c.compare_state("cache")
    done = c.run("metrics", "show", "--all-commits", "--json")
    c.found.compare("metrics show --all-commits", {tool: read_metrics(done[tool]) for tool in TOOLS})


@case
def a_stage_that_reads_an_address_stops_only_itself(c):
    c.begin({"m.json": '{"a": 1}\n', "params.yaml": "lr: 1\n", "dvc.yaml": """stages:
  get: {cmd: 'echo got > raw', deps: ['s3://bucket/raw.csv'], outs: [raw]}
  other: {cmd: 'echo "{\\"a\\": 1}" > m.json', params: [lr], metrics: [m.json: {cache: false}]}
"""})
    c.pair.apply(lambda side: side.put("params.yaml", "lr: 2\n"))
    for words in ("metrics", "show"), ("params", "diff"), ("metrics", "diff"):
        c.compare_json(*words)
    c.compare_exit("dag", "--mermaid", well=True)
    c.compare_exit("repro", "--single-item", "other", well=True)
    c.compare_state("workspace", "locks")
    done = c.run("repro", "--single-item", "get")
    c.expect("repro of that stage ends well", done["rain"].code == 0, False, done["rain"].text)
    c.expect_message(done, r"\bget\b", r"s3://bucket/raw\.csv")


@case
def parameters_in_python_stop_at_most_their_own_stage(c):
    c.begin({"params.py": "LR = 0.1\n", "dvc.yaml": """stages:
  a: {cmd: 'cp params.py a', params: [{params.py: [LR]}], outs: [a]}
  b: {cmd: 'echo b > b', outs: [b]}
"""})
    c.compare_exit("repro", "b", well=True)
    c.compare_exit("status", "b", well=True)
    c.compare_exit("dag", well=True)
    done = c.run("repro", "a")
    if done["rain"].code == 0:
        c.compare_state("workspace", "locks")
    else:
        c.expect_message(done, r"params\.py", r"\ba\b")


@case
def a_report_needs_no_metrics(c):
    def make(repository):
        for content in "1\n", "2\n":
            repository.put("f", content)
            repository.dvc("add", "f")
            repository.commit(content.strip())
    c.begin(make)
    done = {"rain": start("rain", c.rain.project, "report", "--base", "HEAD~1").wait()}
    c.expect("report ends well", done["rain"].code, 0, done["rain"].text)
    c.expect_message(done, r"\bf\b")
