#!/usr/bin/env bash
# Builds what is measured, measures it, prints a table and writes $TARGET/bench.json: an object of name to number, with the
# spread as NAME_spread and null for what cannot be measured here.
#
#   bash tests/bench/run.sh [--only NAME]...      only figures whose name begins so, with those taken beside them
#
# `--only peer` takes what is held against Python InsightFace and livekit-agents, PEER=no leaves these two out: see
# peer/README.md. `--only rooms` takes the figures of rooms and avatars.
#
# MAJLIS_TESTDATA names the folder with photographs and models (default ../shared/testdata). With MAJLIS_REQUIRE=all a
# figure that is missed or not measured is a failure. Figures are of a machine that does nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
data=${MAJLIS_TESTDATA:-../shared/testdata}
plugins=(identity images insightface presence scene-gate vision greeting avatar-console voice-espeak audio-file jsonl replay livekit
  avatar-livekit)

packages=()
for plugin in "${plugins[@]}"; do
  packages+=(-p "majlis-$plugin")
done
cargo build --release -p majlis -p majlis-bench -p majlis-bench-idle "${packages[@]}"
if ! bash models/onnxruntime.sh; then
  echo "ONNX Runtime is not there: what needs it is not measured" >&2
fi
for what in library server; do
  if ! sh plugins/livekit/install.sh "$what"; then
    echo "LiveKit's $what IS NOT HERE: no figure of rooms and avatars is measured" >&2
  fi
done

# The plugins lie as an installation has them; a build folder has test fixtures as well, and each start reads them all.
work=$target/bench
rm -rf "$work/plugins"
mkdir -p "$work/plugins"
for plugin in bench-idle "${plugins[@]}"; do
  cp "$target/release/libmajlis_${plugin//-/_}.so" "$work/plugins/"
done

if [ -d "$data" ]; then
  MAJLIS_TESTDATA=$(cd "$data" && pwd)
  export MAJLIS_TESTDATA
fi

# Python InsightFace and livekit-agents beside us: what they need is made once.
peer=()
if [ "${PEER:-}" = no ]; then
  echo "PEER=no: nothing is held against Python InsightFace and livekit-agents" >&2
elif made=$(bash tests/bench/peer/environment.sh); then
  mapfile -t made <<< "$made"
  peer=(--peer-python "${made[0]}" --peer-graphs "${made[1]}" --peer-driver tests/bench/peer/peer.py)
else
  echo "Python InsightFace IS NOT HERE: nothing is held against it; tests/bench/peer/README.md says what it needs" >&2
fi
if [ "${PEER:-}" != no ]; then
  if made=$(bash tests/bench/peer/environment.sh agents); then
    peer+=(--agents-python "$made" --agents-driver tests/bench/peer/agent.py)
  else
    echo "livekit-agents IS NOT HERE: nothing is held against it; tests/bench/peer/README.md says what it needs" >&2
  fi
fi
exec "$target/release/majlis-bench" --majlis "$target/release/majlis" --plugins "$work/plugins" \
  --pipelines tests/bench/pipelines --work "$work" --out "$target/bench.json" "${peer[@]}" "$@"
