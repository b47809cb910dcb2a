#!/usr/bin/env bash
# Fetches what the tests can use, and says loudly what is missing. With MAJLIS_REQUIRE=all what is missing is a failure.
set -u
cd "$(dirname "$0")/.."
missing=0
want() {
  printf '\n*** %s\n*** %s\n\n' "$1" "$2" >&2
  missing=1
}
if ! bash models/onnxruntime.sh; then
  want "ONNX Runtime could not be fetched: tests of real recognition are skipped." \
       "Run 'make onnxruntime' with Python 3 and pip at hand."
fi
# The server is built from its source, which takes minutes on a fresh machine: with a Go of pip's where MAJLIS_REQUIRE is set.
if ! sh plugins/livekit/install.sh library; then
  want "LiveKit's library could not be fetched: tests of rooms are skipped." \
       "Run 'make livekit' with Python 3 and pip at hand."
elif ! sh plugins/livekit/install.sh ${MAJLIS_REQUIRE:+server}; then
  want "The LiveKit server could not be built: tests of rooms are skipped." \
       "Run 'sh plugins/livekit/install.sh server'."
fi
if ! command -v espeak-ng >/dev/null 2>&1; then
  want "espeak-ng is not installed: tests in which a voice is heard are skipped." \
       "Debian has it: apt-get install espeak-ng."
fi
data=${MAJLIS_TESTDATA:-../shared/testdata}
if [ ! -d "$data/models" ]; then
  want "No test data at $data: tests on real photographs and models are skipped." \
       "Put it there, or name its folder in MAJLIS_TESTDATA."
fi
if [ "${MAJLIS_REQUIRE:-}" = all ] && [ "$missing" = 1 ]; then
  echo "MAJLIS_REQUIRE=all: what is missing is a failure" >&2
  exit 1
fi
exit 0
