#!/bin/sh
# Gathers the program and the shared libraries that it needs into a directory: the image's content.
#   sh docker/rootfs.sh DIRECTORY
set -eu
root="$1"
program="$(dirname "$0")/../build/endpointd"

# The files behind a program or library: what the dynamic loader would open.
needed() {
    ldd "$1" | awk '$2 == "=>" { print $3 } $1 ~ "^/" { print $1 }'
}

# A file under the path that the loader looks for, links resolved.
take() {
    mkdir -p "$root$(dirname "$1")"
    cp -Lp "$1" "$root$1"
}

mkdir -p "$root/usr/local/bin" "$root/opt/ml/model" "$root/tmp" "$root/etc"
chmod 1777 "$root/tmp"
cp "$program" "$root/usr/local/bin/endpointd"
strip "$root/usr/local/bin/endpointd"

xgboost="$(ldconfig -p | awk '/libxgboost\.so\.0 / { print $NF; exit }')"
for file in $(needed "$program") "$xgboost" $(needed "$xgboost"); do
    [ -e "$root$file" ] || take "$file"
done

# Licences of what is distributed with the program.
for package in libxgboost0 libevent-core-2.1-7 libjansson4 libc6 libgcc-s1 libstdc++6 libgomp1; do
    if [ -e "/usr/share/doc/$package/copyright" ]; then
        take "/usr/share/doc/$package/copyright"
    fi
done
echo 'root:x:0:0:root:/:/sbin/nologin' > "$root/etc/passwd"
du -sh "$root" >&2
