#!/usr/bin/env bash
# Runs the tests that need no engine on every Python from 3.10 to 3.13 that is installed, with the
# oldest and with the newest packages that pyproject.toml allows.
#
#     scripts/check_versions.sh                   all of them
#     scripts/check_versions.sh 3.10 oldest       one Python, one end
#     PYTEST_ARGUMENTS="-x -q" scripts/check_versions.sh 3.13
#
# Environments are kept in build/versions (gigabytes: each has a torch) and made anew when
# pyproject.toml changes. The last lines say what was seen; the exit code is 1 where a test failed.
set -uo pipefail
cd "$(dirname "$0")/.."

pythons=() ends=()
for word in "$@"; do
    case $word in
        3.1[0-3]) pythons+=("$word") ;;
        oldest | newest) ends+=("$word") ;;
        *) echo "3.10 to 3.13, oldest or newest were wanted, and $word came." >&2; exit 2 ;;
    esac
done
[ ${#pythons[@]} -gt 0 ] || pythons=(3.10 3.11 3.12 3.13)
[ ${#ends[@]} -gt 0 ] || ends=(oldest newest)

folder=build/versions
mkdir -p "$folder"
if [ ! -x "$folder/uv/bin/uv" ]; then
    python3 -m venv "$folder/uv" && "$folder/uv/bin/python" -m pip install -q uv || exit 1
fi
uv="$folder/uv/bin/uv"

find_python() { # version: on the path, or one of pyenv's
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" \
            >/dev/null 2>&1 && command -v "$candidate" && return
    done
    return 1
}

# The lower bounds of pyproject.toml, one requirement a line.
floors() {
    sed -n '/^dependencies = \[/,/^\]/p' pyproject.toml | grep -o '"[^"]*>=[^"]*"' | tr -d '"'
}

make_environment() { # python, end, folder
    local stamp
    stamp="$1 $2 $(sha256sum pyproject.toml)"
    [ "$(cat "$3/made" 2>/dev/null)" = "$stamp" ] && return
    rm -rf "$3" && "$uv" venv -q -p "$1" "$3" || return 1
    local constraints=()
    if [ "$2" = oldest ]; then
        # The lowest of each that this Python has a ready-made file of.
        floors >"$3/floors.in"
        "$uv" pip compile -q -p "$3/bin/python" --resolution lowest-direct --only-binary :all: \
            --no-deps --no-header --no-annotate "$3/floors.in" -o "$3/oldest.txt" || return 1
        constraints=(-c "$3/oldest.txt")
    fi
    "$uv" pip install -q -p "$3/bin/python" "${constraints[@]}" -e ".[standalone,test]" || return 1
    echo "$stamp" >"$3/made"
}

seen=() worst=0
for python in "${pythons[@]}"; do
    if ! found=$(find_python "$python"); then
        seen+=("$python: not installed here")
        continue
    fi
    for end in "${ends[@]}"; do
        environment="$folder/$python-$end"
        if ! make_environment "$found" "$end" "$environment"; then
            seen+=("$python $end: its packages could not be installed")
            worst=1
            continue
        fi
        log="$environment/tests.log"
        # No engine and no browser are looked for: what they run on is another environment.
        env -u FITTING_ROOM_REQUIRE OMP_NUM_THREADS=1 "$environment/bin/python" -m pytest -q \
            -n "$(nproc)" --dist loadfile --ignore tests/engine ${PYTEST_ARGUMENTS:-} 2>&1 |
            tee "$log" | tail -15
        [ "${PIPESTATUS[0]}" = 0 ] || worst=1
        packages=$("$uv" pip list -q -p "$environment/bin/python" 2>/dev/null |
            awk '$1 ~ /^(torch|numpy|pillow|diffusers|transformers|huggingface-hub|opencv-python-headless)$/ { printf "%s %s, ", $1, $2 }')
        seen+=("$python $end: $(tail -1 "$log") (${packages%, })")
    done
done
printf '\n'
printf '%s\n' "${seen[@]}"
exit "$worst"
