#!/usr/bin/env bash
# Runs the step of comment.yml that writes the comment, with a `gh` that only notes what it is asked
# for: a report is written once, then updated; one that isn't the pull request's own is refused.
# Usage: check_comment.sh FOLDER; needs jq, and a Python with ruamel.yaml first on the search path.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
rm -rf "$1"
mkdir -p "$1/bin"
cd "$1"

python - "$root/.github/workflows/comment.yml" > step.sh <<'PYTHON'
import sys
from ruamel.yaml import YAML

print(YAML(typ="safe").load(open(sys.argv[1]))["jobs"]["comment"]["steps"][0]["run"])
PYTHON
cat > bin/gh <<'GH'
#!/usr/bin/env bash
case "$1 $2" in
  "run download") mkdir -p report && cp -a "$ARTIFACT/." report/ ;;
  "api --paginate") jq -r "${*: -1}" "$COMMENTS" ;;
  "api --silent") echo "$4 $5 $(jq -r .body "${@: -1}" | sed -n 2p)" >> "$WRITTEN" ;;
  "api repos/owner/name/pulls/12") echo "$AT" ;;
  *) echo "asked for $*" && exit 1 ;;
esac
GH
chmod +x bin/gh

held=0
# case_of EXIT WRITTEN: runs the step on the folder `artifact`, with $comments, for a pull request at $at.
case_of() {
  rm -rf work && mkdir work
  echo "$comments" > comments.json
  : > written
  local code=0
  (cd work && ARTIFACT=$PWD/../artifact COMMENTS=$PWD/../comments.json WRITTEN=$PWD/../written AT=$at \
    GH_REPO=owner/name RUN=1 HEAD_SHA=c0ffee MARKER='<!-- mlops-report -->' PATH=$PWD/../bin:$PATH \
    bash -e -o pipefail ../step.sh > ../log 2>&1) || code=$?
  if [ "$code" != "$1" ] || [ "$(cat written)" != "$2" ]; then
    echo "expected exit $1 and '$2', got $code and '$(cat written)':" && cat log && exit 1
  fi
  held=$((held + 1))
}
fresh() {
  rm -rf artifact && mkdir artifact
  printf 12 > artifact/number
  # shellcheck disable=SC2016
  printf '<!-- mlops-report -->\n`x` $(id) ${{ y }}\n' > artifact/report.md
  comments='[]' at=c0ffee
}

# shellcheck disable=SC2016
text='`x` $(id) ${{ y }}'
fresh && case_of 0 "POST repos/owner/name/issues/12/comments $text"
mine='{"id":7,"user":{"login":"github-actions[bot]"},"body":"<!-- mlops-report -->\nold"}'
fresh && comments="[$mine]" && case_of 0 "PATCH repos/owner/name/issues/comments/7 $text"
fresh && comments="[${mine/github-actions\[bot\]/somebody}]" &&
  case_of 0 "POST repos/owner/name/issues/12/comments $text"
fresh && at=decade && case_of 0 ""
for number in '' 0 -1 '12/../13' '12 13' 99999999999 '$(id)'; do
  fresh && printf '%s' "$number" > artifact/number && case_of 1 ""
done
fresh && echo hello > artifact/report.md && case_of 1 ""
fresh && head -c 70000 /dev/zero | tr '\0' x >> artifact/report.md && case_of 1 ""
fresh && rm artifact/report.md && case_of 1 ""
fresh && ln -sf /etc/hosts artifact/report.md && case_of 1 ""
echo "$held cases of the comment held"
