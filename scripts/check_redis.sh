#!/usr/bin/env bash
# Runs the suite of the online store, and that of the service over it, with a Redis server that must be there, one
# started for each test.
# Usage: scripts/check_redis.sh    (needs redis-server on the PATH: apt-get install redis-server)
# One of them has a million entities.
# Ends with the number of tests that ran against it.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v redis-server > /dev/null; then
  echo "redis-server is not on the PATH: install it (apt-get install redis-server)"
  exit 1
fi
if ! MLOPS_REDIS=required MLOPS_ONLINE_KEYS=1000000 cargo test --locked --quiet --test online --test serving -- redis > "$work/test.log" 2>&1; then
  tail -n 80 "$work/test.log"
  exit 1
fi
if grep -q SKIPPED "$work/test.log"; then
  echo "some tests did not reach the server"
  exit 1
fi
awk -v version="$(redis-server --version | sed 's/.*v=\([^ ]*\).*/\1/')" '
  /^test result: ok/ { passed += $4 }
  END { print "Redis (" version "): " passed + 0 " tests passed"; exit passed < 21 }' "$work/test.log"
