#!/bin/sh
# enter-bare-root.sh ROOT [FROM TO]… -- COMMAND…
# Runs a program as if the folder ROOT were the whole machine, with an empty environment: FROM is mounted at ROOT/TO. Called
# inside `unshare --user --map-root-user --mount`, so the mounts are seen by this process and its children alone.
set -eu
root=$1
shift
while [ "$1" != -- ]; do
  case $1 in
    # A small file system of its own, with these options.
    tmpfs:*) mount -t tmpfs -o "${1#tmpfs:}" none "$root$2" ;;
    *) mount --rbind "$1" "$root$2" ;;
  esac
  shift 2
done
shift
chroot=$(command -v chroot || echo /usr/sbin/chroot)
exec env -i "$chroot" "$root" "$@"
