#!/bin/sh
# enter.sh ROOT QEMU [FROM TO]… -- COMMAND…
# Runs an ARM64 program as if the folder ROOT were the whole machine: FROM is mounted at ROOT/TO, and /proc/cpuinfo is that of an
# ARM box. Called inside `unshare --user --map-root-user --mount`, so every mount, and the kernel's rule to start ARM64 programs
# by QEMU, is seen by this process and its children alone and is gone with them. That also starts the engines, which the program
# starts by itself, with no word about QEMU in the program.
set -eu
root=$1
qemu=$2
shift 2

rules=/proc/sys/fs/binfmt_misc
if mount -t binfmt_misc none "$rules" 2>/dev/null; then
  # An ELF header of 64 bits for machine 183, executable or shared. F: QEMU is opened now, as it will not be seen inside ROOT.
  # The kernel reads the escapes; a space holder of one bit in the last mask takes both types.
  printf '%s' ':gatehouse-arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$qemu:F" >"$rules/register"
elif [ ! -e "$rules/qemu-aarch64" ]; then
  echo "smoke-arm64: this kernel gives no rule of its own to a user namespace (Linux 6.7 and newer do), and has none for ARM64: apt-get install binfmt-support qemu-user-static" >&2
  exit 1
fi

while [ "$1" != -- ]; do
  mount --rbind "$1" "$root$2"
  shift 2
done
shift
mount --bind "$root/cpuinfo.txt" "$root/proc/cpuinfo"

chroot=$(command -v chroot || echo /usr/sbin/chroot)
# Nothing of this machine's environment comes along.
exec env -i HOME="$TMPDIR" TMPDIR="$TMPDIR" GATEHOUSE_ADMIN_KEY="$GATEHOUSE_ADMIN_KEY" GATEHOUSE_CONFIG="$GATEHOUSE_CONFIG" \
  GATEHOUSE_MODEL_SET="$GATEHOUSE_MODEL_SET" GATEHOUSE_LOG="$GATEHOUSE_LOG" "$chroot" "$root" "$@"
