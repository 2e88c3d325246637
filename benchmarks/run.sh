#!/bin/sh
# Measures endpointd beside its peers and says which targets are met. README.md has the method.
#
#   sh benchmarks/run.sh [--quick] [--build DIR] [--peers DIR] [PART...]
#   sh benchmarks/run.sh peers     installs the optional peers from PyPI, under the build directory
#   sh benchmarks/run.sh report    table, picture and README again, from the stored figures
#   sh benchmarks/run.sh --help
#
# Parts (default: all): forest    scoring in process, against libxgboost, oneDAL, ONNX Runtime
#                       numbers   reading csv, against strtod
#                       linear    Linear Learner and its siblings, beside plain loops and sgemm;
#                                 JSON bodies, against jansson
#                       http      CPU a request and latencies, against a raw epoll server
#                       large     bodies of 20 MB: memory, cores, who waits beside them
#                       start     exec to the first healthy /ping, memory at rest
#                       servers   against FastAPI, Flask and MLServer
#
# Everything takes about a quarter of an hour, --quick about two minutes. A full run writes
# benchmarks/results/ and the results in benchmarks/README.md; --quick writes below the build
# directory only. What is not installed is left out, and told. DIR of --build is a release build
# (default: build), made where there is none; DIR of --peers is where the peers are (default:
# peers in the build directory).
set -eu
cd "$(dirname "$0")/.."
# The library chooses by the processor, as it does for users.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS

usage() {
    sed -n '2,/^set -eu/s/^# \{0,1\}//p' benchmarks/run.sh
}

make_environment() {
    [ -x "$1/bin/python" ] || python3 -m venv "$1"
    "$1/bin/python" -m pip install --disable-pip-version-check -q -r "$2" ||
        echo "run.sh: not all of $2 could be installed: what is missing will be left out" >&2
}

install_peers() {
    peers="${1:-build/peers}"
    mkdir -p "$peers"
    make_environment "$peers" benchmarks/peers/requirements.txt
    make_environment "$peers/mlserver" benchmarks/peers/requirements-mlserver.txt
}

case "${1:-}" in
-h | --help)
    usage
    ;;
peers)
    install_peers "${2:-}"
    ;;
*)
    exec python3 benchmarks/suite/suite.py "$@"
    ;;
esac
