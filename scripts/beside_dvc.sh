# Sourced by the scripts that hold `rain` against real DVC, with a folder to work in as its argument: a Git
# that nobody's settings reach, and checks that are counted. Needs `dvc` and `rain` on the PATH.
# shellcheck shell=bash
work=${1:?a folder to work in}
mkdir -p "$work"
work=$(cd "$work" && pwd)
export DVC_NO_ANALYTICS=1 HOME=$work/home GIT_CONFIG_GLOBAL=$work/home/.gitconfig
mkdir -p "$HOME"
git config --global user.name nobody
git config --global user.email nobody@example.invalid
git config --global init.defaultBranch main
held=0
held() { held=$((held + 1)); }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
same() { diff -r "$1" "$2" > "$work/diff.txt" 2>&1 || { cat "$work/diff.txt" >&2; fail "$1 and $2 differ"; }; held; }
# The lines of a .gitignore without those that `rain init` writes for what is no data.
ignored() { grep -vxE '/out/|/dvc_plots/|/predictions/|\*\.redb|/\.rain/|\.\*\.tmp' "$1" || true; }
has() { grep -qe "$1" "$2" || { cat "$2" >&2; fail "$2 lacks: $1"; }; held; }
lacks() { ! grep -qe "$1" "$2" || { cat "$2" >&2; fail "$2 has: $1"; }; held; }
