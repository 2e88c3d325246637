#!/bin/sh
# The one place that names Debian packages and the steps from a checkout to a running server.
#
#   sh docker/setup.sh deps [build|run|test|bench]   install packages (as root; default: test)
#   sh docker/setup.sh build                   install what building needs, then build/endpointd
#   sh docker/setup.sh serve [OPTIONS]         build, then serve the example model on port 8080
#   sh docker/setup.sh test                    build, run every test; last line: N passed, ...
set -eu
cd "$(dirname "$0")/.."

build_packages="gcc libc6-dev meson ninja-build pkg-config
  libevent-dev libjansson-dev libarchive-dev zlib1g-dev
  libbz2-dev liblzma-dev liblz4-dev libzstd-dev nettle-dev libacl1-dev"
# libxgboost0 is opened at run time, for --verify, --contributions and --leaves
run_packages="libevent-core-2.1-7 libjansson4 libxgboost0"
test_packages="libcmocka-dev python3 python3-pytest python3-numpy python3-xgboost python3-sklearn
  clang-14 libclang-rt-14-dev clang-format-14 valgrind git curl
  mandoc"
# benchmarks/run.sh; python3-venv and g++ are for its optional peers
bench_packages="python3 python3-numpy python3-xgboost python3-venv g++ git"

installed() {
    dpkg-query -W -f '${Status}\n' "$@" 2>/dev/null | grep -c '^install ok installed' || true
}

# Installs what is missing; asks for root only then.
install_packages() {
    wanted=0
    for package in "$@"; do wanted=$((wanted + 1)); done
    [ "$(installed "$@")" -eq "$wanted" ] && return
    if [ "$(id -u)" -ne 0 ]; then
        echo "setup.sh: packages are missing: run this as root, or install: $*" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -q -y --no-install-recommends "$@"
}

deps() {
    case "${1:-test}" in
    build) install_packages $build_packages ;;
    run) install_packages $run_packages ;;
    test) install_packages $build_packages $run_packages $test_packages ;;
    bench) install_packages $build_packages $run_packages $bench_packages ;;
    *) usage ;;
    esac
}

compile() {
    [ -f build/build.ninja ] || meson setup build
    ninja -C build
}

# The example as a training job leaves it: model.tar.gz with the model file inside.
pack_example() {
    rm -rf build/example
    mkdir -p build/example/pack
    cp docker/example/model.json build/example/pack/xgboost-model
    tar -C build/example/pack -czf build/example/model.tar.gz xgboost-model
    rm -r build/example/pack
}

serve() {
    deps build >&2
    deps run >&2
    compile >&2
    pack_example
    port="${SAGEMAKER_BIND_TO_PORT:-8080}"
    echo "Try it:"
    echo "  curl -H 'Content-Type: text/csv' --data-binary @docker/example/rows.csv" \
        "http://127.0.0.1:$port/invocations"
    exec build/endpointd serve --model build/example/model.tar.gz "$@"
}

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

case "${1:-}" in
deps)
    deps "${2:-test}"
    ;;
build)
    deps build
    compile
    ;;
serve)
    shift
    serve "$@"
    ;;
test)
    deps test
    exec /usr/bin/python3 tests/run.py
    ;;
*)
    usage
    ;;
esac
