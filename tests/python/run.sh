#!/bin/sh
# run.sh TEST LIBRARY PROGRAM FOLDER: one of the package's tests; FOLDER is in the build tree. 77 (skipped) where there is no
# Python, or no way to get the packages.
#   python_package   with Python alone
#   python_pictures  with NumPy and Pillow from PyPI in a virtual environment
#   python_wheel     as a wheel (scripts/wheel.sh) in a clean virtual environment
set -eu
test=$1
BIREFNET_LIBRARY=$2
BN_PROGRAM=$3
folder=$4
here=$(cd "$(dirname "$0")" && pwd)
python=python3
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "skipped: python3 is older than 3.11"; exit 77; }

# A virtual environment in $folder/$1 with the packages of the list $2.
make_environment()
{
    if ! cmp -s "$2" "$folder/$1/installed.txt"; then
        rm -rf "${folder:?}/$1"
        python3 -m venv "$folder/$1" >/dev/null 2>&1 ||
            { echo "skipped: python3 -m venv failed (apt-get install python3-venv)"; exit 77; }
        "$folder/$1/bin/pip" install --quiet --disable-pip-version-check -r "$2" >"$folder/pip.log" 2>&1 ||
            { echo "skipped: pip install failed"; cat "$folder/pip.log"; exit 77; }
        cp "$2" "$folder/$1/installed.txt"
    fi
    python=$folder/$1/bin/python
}

# The weights of the source tree, and no others.
home=${HOME:-/}
mkdir -p "$folder/home"
HOME=$folder/home
BIREFNET_MODELS=$here/../../models
PYTHONPATH=$here/../../python:$here
export BIREFNET_LIBRARY BN_PROGRAM HOME BIREFNET_MODELS PYTHONPATH GOMP_SPINCOUNT=1000
unset XDG_DATA_HOME

case $test in
python_package) module=test_bare ;;
python_pictures)
    module=test_pictures
    make_environment pictures "$here/requirements.txt"
    ;;
python_wheel)
    module=test_wheel
    HOME=$home "$here/../../scripts/wheel.sh" "$folder/wheel" || exit $? # 77, too
    rm -rf "$folder/clean"
    python3 -m venv "$folder/clean"
    "$folder/clean/bin/pip" install --quiet --disable-pip-version-check --no-index "$folder"/wheel/*.whl
    python=$folder/clean/bin/python
    unset BIREFNET_LIBRARY
    PYTHONPATH=$here
    BN_WHEELS=$folder/wheel
    export BN_WHEELS
    BIREFNET_MODELS=$folder/none # no folder: the program has those of its source tree, the package its own
    ;;
*)
    echo "no such test: $test" >&2
    exit 2
    ;;
esac
cd "$here"
exec "$python" -B -m unittest -v $module
