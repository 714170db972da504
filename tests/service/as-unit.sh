#!/bin/sh
# as-unit.sh STATE CACHE [DENIED] -- COMMAND…
# Runs a command as near to what edge-config/systemd/gatehouse.service allows as a machine without systemd can: called inside
# `unshare --user --map-root-user --mount`, so that the mounts are its own.
#   the whole system read-only, but STATE at /var/lib/gatehouse and CACHE at /var/cache/gatehouse · /tmp and /dev of its own ·
#   nothing in /home and /root · users of its own, no capabilities, none to be had · no core files · umask 0077 ·
#   DENIED: system calls, with commas, that fail with EPERM as the unit's filter makes them (strace puts the error in)
# Not applied, since only systemd can here: /proc without other users' processes, the limits of address families and namespaces.
set -eu
state=$1 cache=$2 denied=
shift 2
[ "$1" = -- ] || { denied=$1; shift; }
shift

mount --make-rprivate /
for folder in /var/lib /var/cache /home /root; do
  # A checkout that lies there has to be seen, and so has everything beside it.
  case $PWD/ in "$folder"/*) continue ;; esac
  [ -d "$folder" ] || continue
  mount -t tmpfs -o mode=0755 none "$folder"
done
mkdir /var/lib/gatehouse /var/cache/gatehouse
mount --bind "$state" /var/lib/gatehouse
mount --bind "$cache" /var/cache/gatehouse

devices=$(mktemp -d)
mount -t tmpfs -o mode=0755 none "$devices"
for device in null zero full random urandom tty; do
  touch "$devices/$device"
  mount --bind "/dev/$device" "$devices/$device"
done
mkdir "$devices/shm"
mount -t tmpfs none "$devices/shm"
mount --rbind "$devices" /dev
mount --bind /proc/sys /proc/sys
# A checkout below /tmp has to be seen in the new one too, and so has everything beside it, which is all of /tmp at worst.
beside=$(dirname "$PWD")
kept=
case $PWD/ in
  /tmp/*/*/) kept=$beside ;;
  /tmp/*) kept=$PWD ;;
esac
[ -z "$kept" ] || { mkdir /var/cache/kept; mount --rbind "$kept" /var/cache/kept; }
mount -t tmpfs -o mode=1777 none /tmp
[ -z "$kept" ] || { mkdir -p "$kept"; mount --rbind /var/cache/kept "$kept"; }

# Each mount by itself, with the options it has: whoever is in a user namespace may add to them and take none away.
cut -d' ' -f5,6 /proc/self/mountinfo | sort -r | while read -r point options; do
  case $point in /var/lib/gatehouse | /var/cache/gatehouse | /tmp | /dev/* | /proc) continue ;; esac
  mount -o "remount,bind,$options,ro" "$point" 2>/dev/null || [ "$point" != / ]
done

umask 0077
ulimit -c 0
cd /var/lib/gatehouse
[ -z "$denied" ] || set -- strace -D -f -qq --seccomp-bpf -o /dev/null -e "trace=$denied" -e "inject=$denied:error=EPERM" "$@"
exec unshare --user --map-user=64000 --map-group=64000 --keep-caps \
  setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"
