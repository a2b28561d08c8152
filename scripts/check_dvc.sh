#!/usr/bin/env bash
# The real DVC runs the example's pipeline, finds nothing to do the second time,
# and reads its metrics. usage: check_dvc.sh FOLDER   (needs dvc and rain on PATH)
set -euo pipefail
example=$(cd "$(dirname "$0")/../example" && pwd)
mkdir -p "$1/data"
cd "$1"
cp "$example"/{contract.yaml,features.yaml,gates.yaml,params.yaml,dvc.yaml} .
rain data generate --days 1200 --stations 12 --seed 7 --out data/weatherAUS.csv
# The generated days end before the real test period begins.
sed -i 's/test_from: .*/test_from: "2011-06-01"/' params.yaml
# So few days give wide intervals: the gates are to run here, not to judge.
sed -i 's/at_least: 0.8[0-9]*/at_least: 0.7/; s/at_most: 0.11/at_most: 0.2/; s/at_most: 0.03/at_most: 0.1/' gates.yaml
git init --quiet .
dvc init --quiet
dvc config core.analytics false
dvc repro
dvc repro | tee second.log
grep -q "Data and pipelines are up to date." second.log
dvc metrics show --json | grep -q roc_auc
dvc params diff > /dev/null
dvc dag > /dev/null
dvc plots show --json > /dev/null
sed -i 's/bootstrap_rounds: .*/bootstrap_rounds: 20/' params.yaml
dvc repro | tee third.log
grep -q "Stage 'train' didn't change, skipping" third.log
grep -q "Running stage 'evaluate'" third.log
echo "DVC $(dvc --version) ran the pipeline, skipped what didn't change, and read the metrics"
