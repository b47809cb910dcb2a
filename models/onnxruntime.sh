#!/bin/sh
# Puts ONNX Runtime where the plugins look for it: $XDG_CACHE_HOME (or ~/.cache) /majlis/onnxruntime/VERSION/.
# What is fetched, and the sha256 that it must have, stand in onnxruntime.toml beside this script.
# Running it again does nothing when the right file is already there.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
card="$here/onnxruntime.toml"
value() { sed -n "s/^$1 *= *\"\\(.*\\)\".*/\\1/p" "$card"; }
version=$(value version)
file=$(value file)
member=$(value member)
platform=$(value platform)
sha256=$(value sha256)

place="${XDG_CACHE_HOME:-$HOME/.cache}/majlis/onnxruntime/$version"
target="$place/$file"

sum() { sha256sum "$1" | cut -d ' ' -f 1; }

if [ -f "$target" ] && [ "$(sum "$target")" = "$sha256" ]; then
    echo "onnxruntime $version is in place: $target"
    exit 0
fi

if [ "$(uname -s)-$(uname -m)" != "Linux-x86_64" ]; then
    echo "onnxruntime: the card pins the build for Linux on x86-64; this is $(uname -s) on $(uname -m)." >&2
    echo "Install ONNX Runtime $version by hand and name its library in ORT_DYLIB_PATH." >&2
    exit 1
fi

work=$(mktemp -d)
part=""
trap 'rm -rf "$work"; [ -z "$part" ] || rm -f "$part"' EXIT
trap 'exit 1' HUP INT TERM

echo "onnxruntime $version: fetching the wheel with pip"
# Platform and Python are named, so that the same wheel comes whichever Python runs pip.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --platform "$platform" --implementation cp --python-version 3.11 --abi cp311 \
    --dest "$work" "onnxruntime==$version"

mkdir -p "$place"
part=$(mktemp "$place/.$file.XXXXXX")
python3 - "$work" "$member" "$part" <<'EOF'
import pathlib, shutil, sys, zipfile

folder, member, part = sys.argv[1:]
(wheel,) = pathlib.Path(folder).glob("*.whl")
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(part, "wb") as sink:
    shutil.copyfileobj(source, sink)
EOF

found=$(sum "$part")
if [ "$found" != "$sha256" ]; then
    echo "onnxruntime $version: the library in the wheel has sha256 $found, the card says $sha256; nothing was installed." >&2
    exit 1
fi
chmod 755 "$part"
mv -f "$part" "$target"
part=""
echo "onnxruntime $version: $(wc -c < "$target") bytes, sha256 as the card says: $target"
