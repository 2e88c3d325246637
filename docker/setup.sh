#!/bin/sh
# The one place that names Debian packages and the steps from a checkout to a running server.
#
#   sh docker/setup.sh deps [WHAT]             install packages (as root) for: build, run, test (the
#                                              default, with those two), bench, aarch64
#   sh docker/setup.sh build                   install what building needs, then build/endpointd
#   sh docker/setup.sh serve [OPTIONS]         build, then serve the example model on port 8080
#   sh docker/setup.sh test                    build, run every test; last line: N passed, ...
#   sh docker/setup.sh aarch64                 cross build with its tests: build-aarch64/endpointd
#   sh docker/setup.sh image DIRECTORY [ARCH]  what the Dockerfile does: build, gather the image
set -eu
cd "$(dirname "$0")/.."

build_tools="gcc libc6-dev meson ninja-build pkg-config"
build_libraries="libevent-dev libjansson-dev libarchive-dev zlib1g-dev
  libbz2-dev liblzma-dev liblz4-dev libzstd-dev nettle-dev libacl1-dev
  libopenblas-serial-dev"
# libxgboost0 is opened at run time, for --verify, --contributions and --leaves
run_packages="libevent-core-2.1-7 libjansson4 libxgboost0"
test_libraries="libcmocka-dev"
test_tools="python3 python3-pytest python3-numpy python3-xgboost python3-sklearn
  clang-14 libclang-rt-14-dev clang-format-14 valgrind git curl
  mandoc"
# benchmarks/run.sh; python3-venv and g++ are for its optional peers
bench_packages="python3 python3-numpy python3-xgboost python3-venv g++ git"
cross_tools="gcc-aarch64-linux-gnu"
emulator="qemu-user"

# How many of the packages are installed, for this machine's own architecture.
installed() {
    dpkg-query -W -f '${Architecture} ${Status}\n' "$@" 2>/dev/null |
        grep -cE "^(all|$(dpkg --print-architecture)) install ok installed" || true
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

# The libraries for AArch64, in build-aarch64/sysroot. They are unpacked, not installed: beside this
# machine's own they could not be (there is room for one libevent-dev). An apt with a state of its
# own finds and gets them, by this machine's sources, keys and proxies; it needs no root.
sysroot() {
    runner="$(command -v qemu-aarch64 || true)"
    wanted="$PWD: $build_libraries $run_packages $test_libraries: $runner"
    [ "$(cat build-aarch64/sysroot/wanted 2>/dev/null)" = "$wanted" ] && return
    root="$PWD/build-aarch64/sysroot"
    apt="$PWD/build-aarch64/apt"
    rm -rf build-aarch64
    mkdir -p "$root" "$apt/lists/partial" "$apt/archives/partial"
    : > "$apt/status"
    cat > "$apt/apt.conf" <<END
#clear APT::Architectures;
#clear APT::Update;
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
Dir::Log "$apt";
END
    apt-get -q -c "$apt/apt.conf" update || true # a source that is not needed may be out of reach
    if ! apt-get -q -c "$apt/apt.conf" install -y --no-install-recommends --download-only \
        $build_libraries $run_packages $test_libraries; then
        echo "setup.sh: the package sources in /etc/apt do not give the AArch64 libraries" >&2
        exit 1
    fi
    for package in "$apt"/archives/*.deb; do
        dpkg-deb -x "$package" "$root"
    done
    find "$root" -type l -lname '/*' | while read -r link; do
        ln -sfnr "$root$(readlink "$link")" "$link"
    done
    rm -r "$apt"
    {
        printf "[constants]\nsysroot = '%s'\n" "$root"
        [ -z "$runner" ] || printf "[binaries]\nexe_wrapper = ['%s', '-L', sysroot]\n" "$runner"
    } > build-aarch64/sysroot.ini
    echo "$wanted" > "$root/wanted"
}

cross_deps() {
    if [ "$(dpkg --print-architecture)" = arm64 ]; then
        echo "setup.sh: this machine is AArch64: build as on any other" >&2
        exit 1
    fi
    install_packages $build_tools $cross_tools "$@"
    sysroot
}

deps() {
    case "${1:-test}" in
    build) install_packages $build_tools $build_libraries ;;
    run) install_packages $run_packages ;;
    test)
        install_packages $build_tools $build_libraries $run_packages $test_libraries $test_tools
        ;;
    bench) install_packages $build_tools $build_libraries $run_packages $bench_packages ;;
    aarch64) cross_deps $emulator ;;
    *) usage ;;
    esac
}

# compile [TARGET...]
compile() {
    [ -f build/build.ninja ] || meson setup build
    ninja -C build "$@"
}

cross_compile() {
    [ -f build-aarch64/build.ninja ] || meson setup build-aarch64 \
        --cross-file build-aarch64/sysroot.ini --cross-file docker/aarch64.ini
    ninja -C build-aarch64 "$@"
}

# The image's content, for an architecture by Debian's name; default: this machine's.
image() {
    own="$(dpkg --print-architecture)"
    case "${2:-$own}" in
    "$own")
        deps build
        deps run
        compile endpointd
        sh docker/rootfs.sh "$1" build
        ;;
    arm64)
        cross_deps
        cross_compile endpointd
        sh docker/rootfs.sh "$1" build-aarch64
        ;;
    *)
        echo "setup.sh: no cross build from $own to $2: build the image on such a machine" >&2
        exit 1
        ;;
    esac
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
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
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
aarch64)
    deps aarch64
    cross_compile
    ;;
image)
    [ $# -ge 2 ] || usage
    image "$2" "${3:-}"
    ;;
test)
    deps test
    exec /usr/bin/python3 tests/run.py
    ;;
*)
    usage
    ;;
esac
