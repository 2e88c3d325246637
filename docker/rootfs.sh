#!/bin/sh
# Gathers the program and the shared libraries that it needs into a directory: the image's content.
#   sh docker/rootfs.sh DIRECTORY [BUILD]
# BUILD is build, the default, or build-aarch64, which has its libraries in a sysroot.
set -eu
root="$1"
build="$(dirname "$0")/../${2:-build}"
export LC_ALL=C

if [ -d "$build/sysroot" ]; then
    sysroot="$build/sysroot"
    triplet=aarch64-linux-gnu
else
    sysroot=""
    triplet="$(gcc -dumpmachine)"
fi

# The path of a library, looked for where the dynamic loader does.
find_library() {
    for folder in "/lib/$triplet" "/usr/lib/$triplet" /lib /usr/lib; do
        if [ -e "$sysroot$folder/$1" ]; then
            echo "$folder/$1"
            return
        fi
    done
    echo "rootfs.sh: there is no $1" >&2
    exit 1
}

# The libraries that a program or library names, but for the loader.
needed() {
    readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | grep -vFx "${loader##*/}" || true
}

# A file under the path that the loader looks for, links resolved.
take() {
    mkdir -p "$root$(dirname "$1")"
    cp -Lp "$sysroot$1" "$root$1"
}

# The libraries that a program or library needs, and those that they need.
take_needed() {
    for library in $(needed "$1"); do
        path="$(find_library "$library")"
        [ -e "$root$path" ] && continue
        take "$path"
        take_needed "$sysroot$path"
    done
}

mkdir -p "$root/usr/local/bin" "$root/opt/ml/model" "$root/tmp" "$root/etc"
chmod 1777 "$root/tmp"
cp "$build/endpointd" "$root/usr/local/bin/endpointd"
"$triplet-strip" "$root/usr/local/bin/endpointd"

loader="$(readelf -l "$build/endpointd" | sed -n 's/.*program interpreter: \(.*\)\].*/\1/p')"
take "$loader"
take_needed "$build/endpointd"
xgboost="$(find_library libxgboost.so.0)"
take "$xgboost"
take_needed "$sysroot$xgboost"

# Licences of what is distributed with the program.
for package in libxgboost0 libopenblas0-serial libevent-core-2.1-7 libjansson4 libc6 libgcc-s1 \
    libstdc++6 libgomp1; do
    if [ -e "$sysroot/usr/share/doc/$package/copyright" ]; then
        take "/usr/share/doc/$package/copyright"
    fi
done
echo 'root:x:0:0:root:/:/sbin/nologin' > "$root/etc/passwd"
du -sh "$root" >&2
