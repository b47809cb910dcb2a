#!/usr/bin/env bash
# Makes what the peers need, once, in the user's cache:
#
#   environment.sh           for Python InsightFace: an environment, and graphs of the size of buffalo_l
#   environment.sh agents    for livekit-agents: an environment
#
#   $XDG_CACHE_HOME (or ~/.cache) /majlis/bench/python-KEY   an environment
#                                               graphs-KEY   the graphs, 192 MB
#
# A key is a hash of what the folder is made from. Prints the paths, a line each; what it does meanwhile goes to stderr.
# Needs python3 with venv and pip; for InsightFace a C++ compiler and Python's headers too: it has a part in Cython, which is
# built here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
what=${1:-insightface}

place=${XDG_CACHE_HOME:-$HOME/.cache}/majlis/bench
key() { sha256sum | cut -c -16; }

python=$(command -v python3) || { echo "the peer needs python3, which is not here" >&2; exit 1; }
for need in venv ensurepip; do
  if ! "$python" -c "import $need" 2>/dev/null; then
    echo "the peer needs Python's module $need; Debian has it in python3-venv" >&2
    exit 1
  fi
done

case $what in
  insightface)
    version=$(sed -n 's/^version *= *"\(.*\)".*/\1/p' "$here/../../../models/onnxruntime.toml")
    wanted=(-r "$here/requirements.txt" "onnxruntime==$version")
    environment=$place/python-$({ "$python" -VV; echo "$version"; cat "$here/requirements.txt"; } | key)
    ;;
  agents)
    wanted=(-r "$here/agents.txt")
    environment=$place/python-$({ "$python" -VV; cat "$here/agents.txt"; } | key)
    ;;
  *) echo "'$what' is neither nothing nor 'agents'" >&2; exit 2 ;;
esac
graphs=$place/graphs-$(key < "$here/graphs.py")
mkdir -p "$place"

# Whoever makes the same at the same time waits; what was left half-done is made anew.
exec 9> "$place/lock"
flock 9

if [ ! -e "$environment/complete" ]; then
  echo "making the Python environment of $what; about a minute" >&2
  rm -rf "$environment"
  "$python" -m venv "$environment"
  log=$environment/pip.log
  if ! "$environment/bin/python" -m pip install --disable-pip-version-check --no-input "${wanted[@]}" > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "pip did not make the environment; $log has all that it said" >&2
    if [ "$what" = insightface ]; then
      command -v g++ > /dev/null || echo "there is no C++ compiler here; Debian has it in g++" >&2
      if ! "$python" -c 'import sysconfig, os; os.stat(sysconfig.get_path("include") + "/Python.h")' 2> /dev/null; then
        echo "there are no headers of Python here; Debian has them in python3-dev" >&2
      fi
    fi
    exit 1
  fi
  touch "$environment/complete"
fi

if [ "$what" = agents ]; then
  printf '%s\n' "$environment/bin/python"
  exit
fi

if [ ! -e "$graphs/complete" ]; then
  echo "making graphs of the size of buffalo_l; some seconds" >&2
  rm -rf "$graphs"
  "$environment/bin/python" "$here/graphs.py" "$graphs/models/buffalo_l_sized" >&2
  touch "$graphs/complete"
fi

printf '%s\n' "$environment/bin/python" "$graphs"
