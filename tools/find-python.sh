#!/bin/sh
# Prints the path of a Python of the version in .python-version that can make a virtual environment.
# Looks at $PYTHON, the PATH, pyenv, uv and Homebrew; says how to get one where there is none.
version=$(cat "$(dirname "$0")/../.python-version")

works() {
    "$1" -c "import ensurepip, sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" >/dev/null 2>&1
}

for candidate in \
    "$PYTHON" \
    "python$version" \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/"python$version" \
    python3 \
    python \
    "$(command -v uv >/dev/null && uv python find "$version" 2>/dev/null)" \
    "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/cpython-"$version"*/bin/"python$version" \
    "/opt/homebrew/bin/python$version" \
    "/usr/local/bin/python$version"
do
    if [ -n "$candidate" ] && works "$candidate"; then
        # The interpreter itself: a shim of pyenv goes when the version that is chosen changes.
        exec "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
    fi
done

cat >&2 <<MESSAGE
Python $version was not found. Any of these provides it:
    pyenv install $version                        (https://github.com/pyenv/pyenv)
    uv python install $version                    (https://docs.astral.sh/uv)
    apt install python$version python$version-venv    (recent Debian or Ubuntu)
    brew install python@$version                  (macOS)
or name one: make PYTHON=/path/to/python$version
MESSAGE
exit 1
