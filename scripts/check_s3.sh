#!/usr/bin/env bash
# Runs the suite of the bucket against moto, an S3 server that isn't ours.
# Usage: scripts/check_s3.sh VENV    (a Python environment with moto[server])
# Ends with the number of tests that ran against it.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:?usage: scripts/check_s3.sh VENV}
work=$(mktemp -d)
server=
# shellcheck disable=SC2317 # called by the trap
cleanup() {
  [ -z "$server" ] || kill "$server" 2> /dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# A port that is free now; nothing else is being started meanwhile.
port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
endpoint=http://127.0.0.1:$port
"$venv/bin/moto_server" -H 127.0.0.1 -p "$port" > "$work/moto.log" 2>&1 &
server=$!
for _ in $(seq 100); do
  curl -fsS -o /dev/null "$endpoint/moto-api/" 2> /dev/null && break
  kill -0 "$server" 2> /dev/null || { cat "$work/moto.log"; exit 1; }
  sleep 0.2
done
curl -fsS -o /dev/null -X PUT "$endpoint/bucket"

export MLOPS_S3_ENDPOINT=$endpoint MLOPS_S3_BUCKET=bucket
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
if ! cargo test --locked --quiet --test conformance --test failures -- other_s3 > "$work/test.log" 2>&1; then
  cat "$work/test.log"
  exit 1
fi
if grep -q SKIPPED "$work/test.log"; then
  echo "some tests did not reach the server"
  exit 1
fi
awk '/^test result: ok/ { passed += $4 } END { print "S3 (moto): " passed + 0 " tests passed"; exit passed < 20 }' "$work/test.log"
