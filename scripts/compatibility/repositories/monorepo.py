"""Several projects in one repository: nested dvc.yaml, variables, foreach, matrix, `wdir`, two remotes, `push: false`."""

FORECAST = """vars:
- ../../shared/places.yaml
- models: models
stages:
  clean:
    foreach: ${places}
    do:
      wdir: ../..
      cmd: mkdir -p work/${key} && grep ${item.name} data/raw/days.csv > work/${key}/days.csv
      deps:
      - data/raw/days.csv
      outs:
      - work/${key}/days.csv
  fit:
    matrix:
      place: ${kept}
      size: [small, large]
    cmd: mkdir -p ${models} && cat ../../work/${item.place}/days.csv > ${models}/${item.place}-${item.size}.txt && echo ${fit.rate} >> ${models}/${item.place}-${item.size}.txt
    deps:
    - ../../work/${item.place}/days.csv
    params:
    - fit.rate
    outs:
    - ${models}/${item.place}-${item.size}.txt:
        remote: ${fit.remote}
  score:
    wdir: ${fit.folder}
    cmd: ls ../${models} | wc -l > count.txt && echo "{\\"models\\":" $(cat count.txt)"}" > metrics.json
    deps:
    - ../${models}/
    params:
    - ../params.yaml:
      - fit.rate
    outs:
    - count.txt:
        push: false
    metrics:
    - metrics.json:
        cache: false
"""

PARAMS = """fit:
  rate: 0.1
  remote: models
  folder: scores
"""

PLACES = """places:
  hobart: {name: Hobart}
  darwin: {name: Darwin}
kept: [hobart, darwin]
"""

ALERTS = """stages:
  thresholds:
    foreach: [low, high]
    do:
      cmd: echo ${item} > ${item}.txt
      params:
      - limits.${item}
      outs:
      - ${item}.txt:
          push: false
          persist: true
  join:
    cmd:
    - cat low.txt high.txt > alerts.txt
    - cat ../forecast/scores/count.txt >> alerts.txt
    - printf 'a,b\\n1,2\\n' > table.csv
    deps:
    - low.txt
    - high.txt
    - ../forecast/scores/count.txt
    outs:
    - alerts.txt
    - table.csv:
        cache: false
    frozen: false
"""

TARGETS = ["projects/forecast/models/hobart-small.txt", "projects/alerts/dvc.yaml:join", "projects/forecast/dvc.yaml",
           "data/raw/days.csv", "work/perth/days.csv"]


def make(repository):
    """All projects have run; then a place is renamed, so that a stage and its outputs are others."""
    repository.dvc("remote", "add", "--default", "data", "../data-remote")
    repository.dvc("remote", "add", "models", "../models-remote")
    repository.put("data/raw/days.csv", "".join(f"{place},{n}\n" for n in range(5) for place in ("Hobart", "Darwin", "Perth")))
    repository.dvc("add", "data/raw/days.csv")
    repository.put("shared/places.yaml", PLACES)
    repository.put("projects/forecast/params.yaml", PARAMS)
    repository.put("projects/forecast/dvc.yaml", FORECAST)
    repository.put("projects/forecast/scores/.gitkeep", "")
    repository.put("projects/alerts/params.yaml", "limits:\n  low: 1\n  high: 9\n")
    repository.put("projects/alerts/dvc.yaml", ALERTS)
    repository.dvc("repro", "--all-pipelines")
    repository.dvc("push")
    repository.commit("Two projects")
    repository.git("tag", "two-places")
    repository.replace("shared/places.yaml", "  darwin: {name: Darwin}", "  perth: {name: Perth}")
    repository.replace("shared/places.yaml", "[hobart, darwin]", "[hobart, perth]")
    repository.dvc("repro", "--all-pipelines")
    repository.dvc("push")
    repository.commit("Perth instead of Darwin")


def edit(repository):
    """One project's parameter, and the data of all."""
    repository.replace("projects/forecast/params.yaml", "rate: 0.1", "rate: 0.2")
    repository.replace("projects/alerts/params.yaml", "high: 9", "high: 8")
    repository.put("data/raw/days.csv", (repository.project / "data/raw/days.csv").read_text() + "Perth,9\n")
