#!/usr/bin/env bash
# Pins everything that the .in files here bring along, with hashes. pip then installs these files and
# no others: pip install --require-hashes -r checks.txt
# needs: pip install uv
set -euo pipefail
cd "$(dirname "$0")"
for file in *.in; do
  uv pip compile --quiet --generate-hashes --only-binary :all: --python-version 3.11 \
    --custom-compile-command scripts/requirements/compile.sh --output-file "${file%.in}.txt" "$file"
done
