"""A project in R: inputs and outputs locked by frozen stages, reports with `cache: false`, and a cache that others can't read.

Its stages are run on its owner's machine by hand and accepted with `dvc commit`.
"""

PIPELINE = """stages:
  ingest:
    cmd: Rscript pipeline/00-ingest.R
    desc: >
      Gathers the harvests from a database that only the owner reaches
    deps:
    - pipeline/00-ingest.R
    params:
    - params.yaml:
      - input.min_year
      - run.note
    outs:
    - input/harvests.csv
    - input/soil.parquet
    frozen: true
  train:
    cmd: Rscript pipeline/01-train.R
    deps:
    - pipeline/01-train.R
    - input/harvests.csv
    - input/soil.parquet
    params:
    - model
    outs:
    - output/workflow/fit.zip
    - output/parameters/final.csv:
        cache: false
    metrics:
    - output/performance/scores.csv:
        cache: false
    frozen: true
  report:
    cmd: sh pipeline/02-report.sh
    deps:
    - output/workflow/fit.zip
    - pipeline/02-report.sh
    params:
    - settings.yaml:
    outs:
    - reports/performance.html:
        cache: false
    - reports/tables:
        cache: false
    plots:
    - reports/timing.csv:
        cache: false
        x: stage
        y: minutes
"""

PARAMS = """run:
  note: >-
    Frost in spring,
    and little rain
  full: true
input:
  min_year: 2014
  max_year: 2024
  columns:
  - acid
  - sugar
model:
  engine: lightgbm
  learning_rate: [0.001, 0.4]
  trees: 1_500
  missing: ~
  quoted: "yes"
"""

REPORT = r"""set -e
mkdir -p reports/tables
printf '<p>%s</p>\n' "$(wc -c < output/workflow/fit.zip)" > reports/performance.html
printf 'a,b\n1,2\n' > reports/tables/a.csv
printf 'stage,minutes\ningest,1.5\ntrain,%s\n' "$(sed -n 's/^minutes: //p' settings.yaml)" > reports/timing.csv
"""

TARGETS = ["ingest", "output/workflow/fit.zip", "reports/performance.html"]


def outputs(repository, season):
    """What the owner's machine made in a season."""
    repository.put("input/harvests.csv", f"year,sugar\n2014,{season}\n")
    repository.put("input/soil.parquet", b"PAR1" + bytes([season]) * 30 + b"PAR1")
    repository.put("output/workflow/fit.zip", b"PK" + bytes([season]) * 50)
    repository.put("output/parameters/final.csv", f"name,value\ntrees,{season}\n")
    repository.put("output/performance/scores.csv", f"name,rmse\nall,0.{season}\n")


def make(repository):
    """Two seasons, each accepted as it is; then the outputs of one stage are lost to all but the owner."""
    repository.dvc("remote", "add", "--default", "storage", "../remote")
    repository.put("dvc.yaml", PIPELINE)
    repository.put("params.yaml", PARAMS)
    repository.put("settings.yaml", "minutes: 7\nlist:\n- 1\n- {a: b}\n")
    repository.put("pipeline/00-ingest.R", "harvests <- db_read()\n")
    repository.put("pipeline/01-train.R", "fit <- train(harvests)\n")
    repository.put("pipeline/02-report.sh", REPORT)
    repository.put("renv.lock", "{}\n")
    repository.put(".gitignore", "/*.Rproj\n.Rhistory\n*.log\n")
    outputs(repository, 21)
    repository.dvc("commit", "--force", "ingest", "train")
    repository.dvc("repro")
    repository.dvc("push")
    repository.commit("Season 2023")
    repository.git("tag", "2023")
    repository.replace("params.yaml", "min_year: 2014", "min_year: 2015")
    outputs(repository, 22)
    repository.dvc("commit", "--force", "ingest", "train")
    repository.dvc("repro")
    repository.dvc("push")
    repository.commit("Season 2024")


def edit(repository):
    """A parameter of a frozen stage, an output of a frozen stage, and what the report reads."""
    repository.replace("params.yaml", "min_year: 2015", "min_year: 2016")
    repository.put("input/soil.parquet", "PAR1 damaged")
    repository.replace("settings.yaml", "minutes: 7", "minutes: 8")
