#!/usr/bin/env bash
# Real DVC and `rain repro` beside each other on the same pipeline: each must find up to date, skip and
# restore what the other ran, and write the same bytes. Needs `dvc` and `rain` on the PATH; says how many
# cases held.
set -euo pipefail
. "$(dirname "$0")/beside_dvc.sh" "$@"

# What all of dvc.yaml can say: references, foreach, matrix, lists of commands, several files of
# parameters, folders, flags, another folder to work in, another file of stages.
make_project() {
  rm -rf "$1"; mkdir -p "$1/raw" "$1/sub" "$1/other"; cd "$1"
  git init -q .; dvc init -q; dvc config core.analytics false
  printf 'x\n1\n2\n' > raw/data.csv; dvc add -q raw/data.csv
  cat > params.yaml <<'Y'
lr: 1e-05
big: 1e+22
models: [us, uk]
net: {depth: 3, wide: [1, 2.5, x], none: null, text: "1.0"}
grid: {small: {n: 1, on: true, off: false}, list: [a b, 2]}
name: "it's: a #name"
long: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb ccccccccccccccccccccc dddddd"
lines: "one\ntwo\n"
Y
  printf '{"j": {"a": 1.0, "b": [1, 2]}, "k": 1e10, "u": "\\u00e9 \\ud83d\\ude00"}\n' > p.json
  printf 'x = 1\n[t]\ny = 2.5\nz = "w"\n' > t.toml
  printf 'where: here\n' > other/params.yaml
  cat > dvc.yaml <<'Y'
vars: [p.json, {inline: {v: 7}}]
stages:
  prepare:
    cmd: cat raw/data.csv > prepared.csv; mkdir -p dir/sub; echo ${inline.v} > dir/a; echo b > dir/sub/b
    deps: [raw/data.csv]
    params: [net.depth, lr]
    outs: [prepared.csv, dir]
  each:
    foreach: ${models}
    do:
      cmd: echo ${item} ${lr} > model_${item}
      deps: [prepared.csv]
      params: [{p.json: [j.a, u]}, {t.toml: null}]
      outs: [{"model_${item}": {desc: d}}]
  named:
    foreach: {a: {n: 1}, b: {n: 2}}
    do: {cmd: 'echo ${key} ${item.n} > named_${key}', outs: ['named_${key}']}
  fan:
    matrix: {f: [tree, 1e-5], p: [{x: 1}, {x: 2}]}
    cmd: echo ${item.f} ${item.p.x} > fan_${key}
    deps: [dir/]
    outs: ['fan_${key}']
  list:
    cmd:
    - echo one > list.txt
    - echo "two ${u} \${not}" >> list.txt
    params: [net, name, models, long, lines, big]
    outs: [list.txt]
  multi:
    wdir: sub
    cmd: |
      cat ../model_us ../model_uk > all.txt
      echo '{"auc": 0.9123456, "n": {"x": 3}}' > m.json
    deps: [../model_us, ../model_uk]
    outs: [all.txt]
    metrics: [{m.json: {cache: false}}]
  plain:
    cmd: echo z > plain.txt; chmod +x plain.txt
    outs: [{plain.txt: {persist: true}}]
  options:
    cmd: 'echo run ${grid} > options.txt; printf "a,b\n1,2\n" > plot.csv'
    deps: [sub/all.txt]
    params: [grid]
    outs: [options.txt]
    plots: [{plot.csv: {cache: false, x: a, y: b}}]
Y
  cat > other/dvc.yaml <<'Y'
stages:
  elsewhere:
    cmd: cat ../list.txt > copy; echo ${where} >> copy
    deps: [../list.txt]
    params: [where]
    outs: [copy]
Y
  git add -A; git commit -qm one
}

by_dvc=$work/by_dvc by_rain=$work/by_rain
rm -rf "$by_rain" "$work/clone"
make_project "$by_dvc"
cp -r "$by_dvc" "$by_rain"
everything() { # tool: all stages of both files
  "$1" repro "${@:2}"
  "$1" repro "${@:2}" other/dvc.yaml
}

echo "== the same pipeline by each: the same bytes"
(cd "$by_dvc" && everything dvc > "$work/dvc.log" 2>&1) || { cat "$work/dvc.log"; fail "dvc repro"; }
(cd "$by_rain" && everything rain > "$work/rain.log" 2>&1) || { cat "$work/rain.log"; fail "rain repro"; }
same "$by_dvc/dvc.lock" "$by_rain/dvc.lock"
same "$by_dvc/other/dvc.lock" "$by_rain/other/dvc.lock"
same "$by_dvc/.dvc/cache/runs" "$by_rain/.dvc/cache/runs"
same "$by_dvc/.dvc/cache/files" "$by_rain/.dvc/cache/files"
same <(ignored "$by_dvc/.gitignore" | sort) <(ignored "$by_rain/.gitignore" | sort)
for name in model_us fan_tree-p0 list.txt options.txt sub/m.json other/copy dir; do same "$by_dvc/$name" "$by_rain/$name"; done

echo "== each finds nothing to do after the other"
cd "$by_rain"
dvc status > "$work/status.txt"; has "up to date" "$work/status.txt"
everything dvc > "$work/again.txt" 2>&1
has "Data and pipelines are up to date." "$work/again.txt"; lacks "Running stage" "$work/again.txt"
git diff --exit-code > /dev/null || fail "dvc repro rewrote something of ours"; held
cd "$by_dvc"
everything rain > "$work/again.txt"
lacks "runs:" "$work/again.txt"; lacks "taken from" "$work/again.txt"; has "unchanged" "$work/again.txt"
rain status > "$work/status.txt" 2>&1 || true
cd "$by_rain"; git add -A; git commit -qm two
cd "$by_dvc"; git add -A; git commit -qm two

echo "== one changed parameter: both run the same stages"
for side in "$by_dvc" "$by_rain"; do (cd "$side"; sed -i 's/lr: 1e-05/lr: 0.001/; s/us, uk/us, uk, de/' params.yaml); done
(cd "$by_dvc" && dvc repro > "$work/dvc.log" 2>&1)
(cd "$by_rain" && rain repro > "$work/rain.log" 2>&1)
same <(sed -n "s/^Running stage '\(.*\)':/\1/p" "$work/dvc.log" | sort) <(sed -n 's/ | runs: .*//p' "$work/rain.log" | sort)
same "$by_dvc/dvc.lock" "$by_rain/dvc.lock"
(cd "$by_rain" && dvc status > "$work/status.txt"); has "up to date" "$work/status.txt"

echo "== a run by one is restored by the other"
for side in "$by_dvc" "$by_rain"; do (cd "$side"; git checkout -q params.yaml); done
(cd "$by_dvc" && rain repro > "$work/rain.log" 2>&1)
lacks " runs: " "$work/rain.log"; has "taken from the cache" "$work/rain.log"
(cd "$by_rain" && dvc repro > "$work/dvc.log" 2>&1)
lacks "Running stage" "$work/dvc.log"; has "is cached - skipping run" "$work/dvc.log"
same "$by_dvc/dvc.lock" "$by_rain/dvc.lock"
(cd "$by_dvc" && dvc status > "$work/status.txt"); has "up to date" "$work/status.txt"

echo "== outputs that are gone come back without a run"
cd "$by_rain"; rm -r model_us dir sub/m.json
rain repro > "$work/rain.log"; lacks " runs: " "$work/rain.log"
dvc status > "$work/status.txt"; has "up to date" "$work/status.txt"

echo "== a stage's lock is free while it runs: dvc in a command of ours"
cd "$by_rain"
cat > dvc.yaml.more <<'Y'
  inner:
    cmd: dvc status --quiet plain > inner.txt; echo $DVC_STAGE >> inner.txt; test -n "$DVC_ROOT"
    outs: [inner.txt]
Y
cat dvc.yaml.more >> dvc.yaml
rain repro inner > "$work/rain.log" 2>&1 || { cat "$work/rain.log"; fail "dvc in a stage"; }
same <(echo inner) inner.txt

echo "== metrics, parameters and the graph are printed alike"
git add -A; git commit -qm three
sed -i 's/0.9123456/0.8000001/' dvc.yaml; sed -i 's/lr: 1e-05/lr: 0.5/' params.yaml
rain repro > /dev/null
printed() { # the same arguments to both; the order of files is left to chance by dvc
  dvc "$@" 2> /dev/null > "$work/theirs.txt"; rain "$@" 2> /dev/null > "$work/ours.txt"
  same "$work/theirs.txt" "$work/ours.txt"
}
printed metrics diff
printed metrics diff --md
printed metrics diff --json
printed metrics diff --md HEAD~2
printed metrics diff HEAD~2 HEAD
printed metrics diff --all --no-path --precision 2
printed metrics show
printed metrics show --md
printed metrics show --json
printed metrics show --all-commits
printed params diff
printed params diff --md
printed params diff --json
printed params diff HEAD~2 --no-path
printed params diff --deps
printed dag --mermaid
printed dag --dot each@us
printed dag --outs --mermaid
printed dag --outs --dot multi
rain dag --outs --dot sub/all.txt > "$work/ours.txt" # dvc dag --outs stops at an output (3.67.1)
has '"model_us" -> "sub/all.txt";' "$work/ours.txt"; lacks sub/m.json "$work/ours.txt"
cd sub; printed metrics diff --md; cd ..

echo "== commands of dvc on what ours wrote, and of ours on what dvc wrote"
git clone -q "$by_rain" "$work/clone"; cd "$work/clone"
dvc config --local cache.dir "$by_rain/.dvc/cache"
git -C "$by_rain" diff > "$work/change.patch"; git apply "$work/change.patch"
dvc checkout -q; dvc status > "$work/status.txt"; has "up to date" "$work/status.txt"
rm -rf model_us dir; rain repro > "$work/rain.log"; lacks " runs: " "$work/rain.log"

echo "== runs that one pushed are taken by the other, not run again"
cat > "$work/runs.yaml" <<'Y'
stages:
  first: {cmd: 'cat raw > mid; date +%N > when', deps: [raw], params: [lr], outs: [mid, when]}
  second: {cmd: 'mkdir out; cat mid > out/x; date +%N > out/when', deps: [mid], outs: [out]}
Y
for tool in rain dvc; do
  other=$([ "$tool" = rain ] && echo dvc || echo rain)
  rm -rf "$work/runs-$tool" "$work/runs-$tool-remote"; mkdir -p "$work/runs-$tool"; cd "$work/runs-$tool"; git init -q .; dvc init -q
  dvc remote add -q -d store "$work/runs-$tool-remote"
  cp "$work/runs.yaml" dvc.yaml; printf 'lr: 1\n' > params.yaml; printf 'r' > raw; dvc add -q raw
  git add -A; git commit -qm "nothing has run"
  for lr in 1 2; do # what each run made is pushed while the lock names it
    printf 'lr: %s\n' $lr > params.yaml
    "$tool" repro -q > /dev/null 2>&1 || "$tool" repro > /dev/null
    "$tool" push -q --run-cache
  done
  same <(cd .dvc/cache && find runs -type f | sort) <(cd "$work/runs-$tool-remote" && find runs -type f | sort)
  same .dvc/cache/runs "$work/runs-$tool-remote/runs"
  for lr in 1 2; do
    for taker in "$other" "$tool"; do
      cd "$work"; rm -rf taken; git clone -q "$work/runs-$tool" "$work/taken"; cd "$work/taken"
      printf 'lr: %s\n' $lr > params.yaml
      "$taker" repro --pull > "$work/taken.log" 2>&1 || { cat "$work/taken.log"; fail "$taker repro --pull after $tool"; }
      [ "$(cat raw out/x)" = rr ] || fail "$taker pulled other data"; held
      same when "$(find "$work/runs-$tool/.dvc/cache/files" -type f -exec cmp -s when {} \; -print | head -n 1)"
      cmp -s dvc.lock "$work/runs-$tool/dvc.lock" && [ $lr = 1 ] && fail "the lock is that of the other run"
      dvc status > "$work/status.txt"; has "up to date" "$work/status.txt"
      rain status > "$work/status.txt"; has "up to date" "$work/status.txt"
      "$taker" fetch -q --run-cache
      same <(find .dvc/cache/runs -type f | sed 's/.*runs//' | sort) <(cd "$work/runs-$tool-remote/runs" && find . -type f | sed 's/^[.]//' | sort)
    done
  done
  same dvc.lock "$work/runs-$tool/dvc.lock" # the last run's
  echo "== $other pulls what the lock of $tool names"
  cd "$work/runs-$tool"; git add -A; git commit -qm "has run"
  cd "$work"; rm -rf taken; git clone -q "$work/runs-$tool" "$work/taken"; cd "$work/taken"
  "$other" repro --pull --no-run-cache > "$work/taken.log" 2>&1 || { cat "$work/taken.log"; fail "$other repro --pull"; }
  same out "$work/runs-$tool/out"; same dvc.lock "$work/runs-$tool/dvc.lock"
  "$other" pull -q --run-cache
  same .dvc/cache/runs "$work/runs-$tool-remote/runs"
done
printf '%s pipeline cases held between rain and DVC %s\n' "$held" "$(dvc --version)"
