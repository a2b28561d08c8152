"""A tutorial's repository: four stages in a row, parameters, scores, and curves that are drawn by templates."""

PARAMS = """prepare:
  split: 0.25
  seed: 20170428
featurize:
  max_features: 3
  ngrams: 1
train:
  n_est: 50
  min_split: 0.01
"""

PIPELINE = """stages:
  prepare:
    cmd: sh src/prepare.sh data/days.csv ${prepare.split}
    deps:
    - data/days.csv
    - src/prepare.sh
    params:
    - prepare.seed
    - prepare.split
    outs:
    - data/prepared
  featurize:
    cmd: sh src/featurize.sh ${featurize.max_features}
    deps:
    - data/prepared
    - src/featurize.sh
    params:
    - featurize
    outs:
    - data/features
  train:
    cmd: sh src/train.sh
    deps:
    - data/features
    - src/train.sh
    params:
    - train
    outs:
    - model.txt
  evaluate:
    cmd: sh src/evaluate.sh
    deps:
    - data/features
    - model.txt
    - src/evaluate.sh
    metrics:
    - eval/metrics.json:
        cache: false
    - eval/train/scores.yaml
    outs:
    - eval/importance.svg
    plots:
    - eval/curve.csv:
        cache: false
        x: round
        y: loss
        title: Loss by round
    - eval/by_station.csv:
        template: bar_horizontal
        x: error
        y: station
    - eval/no_header.csv:
        header: false
plots:
- ROC:
    template: simple
    x: fpr
    y:
      eval/roc/train.json: tpr
      eval/roc/test.json: tpr
    x_label: False positive rate
    title: Receiver operating characteristic
- Confusion:
    template: confusion
    x: actual
    y:
      eval/confusion.json: predicted
- Normalised confusion:
    template: confusion_normalized
    x: actual
    y:
      eval/confusion.json: predicted
- Both columns:
    x: round
    y:
      eval/curve.csv: [loss, error]
- eval/importance.svg
- eval/roc/scatter.json:
    template: scatter
    x: fpr
    y: tpr
"""

PREPARE = """set -e
mkdir -p data/prepared
awk -F, 'NR > 1 && NR % 4 == 0' "$1" > data/prepared/test.csv
awk -F, 'NR > 1 && NR % 4 != 0' "$1" > data/prepared/train.csv
echo "$2" > data/prepared/split
"""

FEATURIZE = """set -e
mkdir -p data/features
for part in train test; do cut -d, -f1-"$1" data/prepared/$part.csv > data/features/$part.csv; done
"""

TRAIN = """set -e
n=$(sed -n 's/^  n_est: //p' params.yaml)
{ echo "trees $n"; sort data/features/train.csv; } > model.txt
"""

EVALUATE = r"""set -e
mkdir -p eval/roc eval/train
n=$(sed -n 's/^trees //p' model.txt)
awk -v n="$n" 'BEGIN { printf "{\"roc_auc\": %.4f, \"rain\": {\"precision\": %.3f, \"rows\": 12}}\n", 0.7 + n / 1000, 0.5 + n / 500 }' > eval/metrics.json
printf 'avg_prec: 0.%s\nbrier: 1e-05\nnone: null\nname: trees %s\n' "$n" "$n" > eval/train/scores.yaml
awk -v n="$n" 'BEGIN { print "round,loss,error"; for (i = 0; i < 6; i++) printf "%d,%.3f,%.3f\n", i, n / 100 / (i + 1), 1 / (i + 2) }' > eval/curve.csv
printf 'station,error\nHobart,0.%s\nDarwin,0.31\nPerth,0.12\n' "$n" > eval/by_station.csv
printf '0,0.9\n1,0.%s\n2,0.4\n' "$n" > eval/no_header.csv
for part in train test; do
  awk -v n="$n" -v p="$part" 'BEGIN { printf "["; for (i = 0; i <= 4; i++) printf "%s{\"fpr\": %.2f, \"tpr\": %.3f}", i ? ", " : "", i / 4, (i / 4) ^ (p == "train" ? 0.3 : n / 100); print "]" }' > eval/roc/$part.json
done
cp eval/roc/test.json eval/roc/scatter.json
printf '[{"actual": "dry", "predicted": "dry"}, {"actual": "rain", "predicted": "dry"}, {"actual": "rain", "predicted": "rain"}, {"actual": "dry", "predicted": "dry"}]\n' > eval/confusion.json
printf '<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="9"><rect width="9" height="9"/></svg>\n' "$n" > eval/importance.svg
"""

TARGETS = ["model.txt", "data/prepared", "prepare", "data/days.csv.dvc"]


def days(rows):
    """A table of made-up days."""
    lines = ["date,station,rainfall,rain_tomorrow"]
    stations = "Hobart", "Darwin", "Perth"
    lines += [f"2017-01-{n % 28 + 1:02},{stations[n % 3]},{n * 7 % 10}.{n % 10},{'Yes' if n % 3 else 'No'}" for n in range(rows)]
    return "\n".join(lines) + "\n"


def make(repository):
    """First everything is run; then the model has more trees; then a branch tries even more."""
    for name, text in ("prepare", PREPARE), ("featurize", FEATURIZE), ("train", TRAIN), ("evaluate", EVALUATE):
        repository.put(f"src/{name}.sh", text)
    repository.put("params.yaml", PARAMS)
    repository.put("dvc.yaml", PIPELINE)
    repository.put("data/days.csv", days(48))
    repository.dvc("add", "data/days.csv")
    repository.dvc("remote", "add", "--default", "storage", "../remote")
    repository.dvc("repro")
    repository.dvc("push")
    repository.commit("The pipeline")
    repository.git("tag", "v1")
    repository.replace("params.yaml", "n_est: 50", "n_est: 80")
    repository.dvc("repro")
    repository.dvc("push")
    repository.commit("More trees")
    repository.git("switch", "--quiet", "--create", "try")
    repository.replace("params.yaml", "n_est: 80", "n_est: 95")
    repository.dvc("repro")
    repository.dvc("push")
    repository.commit("Even more trees")
    repository.git("switch", "--quiet", "main")
    repository.dvc("checkout")


def edit(repository):
    """A parameter of the middle changes, and one is new."""
    repository.replace("params.yaml", "max_features: 3", "max_features: 2")
    repository.replace("params.yaml", "n_est: 80", "n_est: 70\n  depth: 4")
