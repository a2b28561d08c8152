"""Experiments as DVCLive logs them: a folder of curves, pictures, scores and parameters, named at the top of dvc.yaml.

DVCLive writes `dvclive/dvc.yaml` at first; later the project has a stage and names the folder at its own top.
"""

LOGGED = """params:
- params.yaml
metrics:
- metrics.json
plots:
- plots/metrics:
    x: step
- plots/images
- plots/sklearn/confusion_matrix.json:
    template: confusion
    x: actual
    y: predicted
    title: Confusion Matrix
    x_label: True Label
    y_label: Predicted Label
"""

PIPELINE = """params:
- results/train/params.yaml
metrics:
- results/train/metrics.json
- results/evaluate/metrics.json
plots:
- results/train/plots/images
- results/train/plots/metrics:
    x: step
- Losses:
    x: step
    y:
      results/train/plots/metrics/train/loss.tsv: loss
      results/train/plots/metrics/eval/loss.tsv: loss
    y_label: loss
- results/evaluate/plots/images
artifacts:
  rain-model:
    path: models/model.bin
    type: model
    desc: Says whether it rains tomorrow
    labels: [weather, binary]
    meta:
      framework: none
stages:
  train:
    cmd: sh train.sh
    deps:
    - train.sh
    - data/pool
    params:
    - base
    - train.lr
    - train.epochs
    outs:
    - models/model.bin:
        desc: The model
    - results/train:
        cache: false
  evaluate:
    cmd: sh evaluate.sh
    deps:
    - evaluate.sh
    - models/model.bin
    outs:
    - results/evaluate
"""

PARAMS = """base:
  seed: 20
train:
  lr: 0.001
  epochs: 3
  arch: tree
"""

TRAIN = r"""set -e
lr=$(sed -n 's/^  lr: //p' params.yaml) epochs=$(sed -n 's/^  epochs: //p' params.yaml)
mkdir -p models results/train/plots/metrics/train results/train/plots/metrics/eval results/train/plots/images
cat data/pool/* > models/model.bin; echo "$lr" >> models/model.bin
printf 'step\tacc\n' > results/train/plots/metrics/acc.tsv
for part in train eval; do printf 'step\tloss\n' > results/train/plots/metrics/$part/loss.tsv; done
for step in $(seq 0 "$epochs"); do
  printf '%s\t0.%s\n' "$step" "$((50 + step * 7))" >> results/train/plots/metrics/acc.tsv
  printf '%s\t%s.5\n' "$step" "$((9 - step))" >> results/train/plots/metrics/train/loss.tsv
  printf '%s\t%s.75\n' "$step" "$((9 - step))" >> results/train/plots/metrics/eval/loss.tsv
done
printf '\211PNG train %s' "$lr" > results/train/plots/images/sample.png
printf 'lr: %s\nepochs: %s\n' "$lr" "$epochs" > results/train/params.yaml
printf '{"acc": 0.6%s, "step": %s, "train": {"loss": 0.9731049537658691}}\n' "$epochs" "$epochs" > results/train/metrics.json
"""

EVALUATE = r"""set -e
mkdir -p results/evaluate/plots/images
printf '\211PNG evaluate %s' "$(wc -c < models/model.bin)" > results/evaluate/plots/images/errors.png
printf '{"dice": 0.%s}\n' "$(wc -c < models/model.bin)" > results/evaluate/metrics.json
"""

TARGETS = ["models/model.bin", "results/evaluate", "data/pool.dvc", "evaluate"]


def log_live(repository, steps):
    """What a training script logs by itself, without a stage."""
    for name, first in ("train/loss", 9.5), ("eval/loss", 9.75), ("acc", 0.5):
        column = name.rsplit("/", 1)[-1]
        rows = [f"{step}\t{first / (step + 1)}" for step in range(steps)]
        repository.put(f"dvclive/plots/metrics/{name}.tsv", "\n".join([f"step\t{column}", *rows]) + "\n")
    repository.put("dvclive/plots/images/sample.png", b"\x89PNG " + bytes([steps]))
    repository.put("dvclive/plots/images/deep/1.jpg", b"\xff\xd8 " + bytes([steps]))
    days = ("dry", "dry"), ("rain", "dry"), ("rain", "rain")
    pairs = ", ".join(f'{{"actual": "{actual}", "predicted": "{predicted}"}}' for actual, predicted in days[:steps])
    repository.put("dvclive/plots/sklearn/confusion_matrix.json", f"[{pairs}]\n")
    repository.put("dvclive/metrics.json", f'{{"acc": {0.5 / steps}, "step": {steps - 1}, "train": {{"loss": {9.5 / steps}}}}}\n')
    repository.put("dvclive/params.yaml", f"epochs: {steps}\nlr: 0.001\nlayers:\n- 16\n- {steps}\n")
    repository.put("dvclive/dvc.yaml", LOGGED)


def make(repository):
    """Two runs that a script logged; then a pipeline whose training logs into a folder in Git."""
    repository.dvc("remote", "add", "--default", "storage", "../remote")
    for n in range(4):
        repository.put(f"data/pool/{n}.jpg", bytes(range(n, n + 40)))
    repository.dvc("add", "data/pool")
    log_live(repository, 2)
    repository.commit("A first run, logged")
    log_live(repository, 3)
    repository.commit("A longer run, logged")
    repository.put("train.sh", TRAIN)
    repository.put("evaluate.sh", EVALUATE)
    repository.put("params.yaml", PARAMS)
    repository.put("dvc.yaml", PIPELINE)
    repository.dvc("repro")
    repository.dvc("push")
    repository.commit("A pipeline that logs")
    repository.git("tag", "rain-model@v1.0.0")


def edit(repository):
    """More epochs, and another run of the script."""
    repository.replace("params.yaml", "epochs: 3", "epochs: 5")
    repository.put("data/pool/4.jpg", b"another")
    log_live(repository, 3)
    repository.put("dvclive/metrics.json", '{"acc": 0.25, "step": 2, "f1": 0.5}\n')
