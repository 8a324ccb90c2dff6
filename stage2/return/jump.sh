#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: jump.sh [WORD]
# In a Linux (amd64, CONFIG_KEXEC_JUMP) that a host has called with segue_call(): comes back to the host with a word (0 if none is
# given), and when the host calls again goes on here. Prints the host's new word, if there is a devmem.
#
# Needs jump.elf beside it, kexec (kexec-tools for amd64), /proc, /sys, root, and 32 KiB for a file in /tmp or $TMPDIR. All in the
# 64 KiB that kexec gets of the end of Linux's memory below 4 GiB is as before after the return.
set -eu

die() {
	echo "jump.sh: $*" >&2
	exit 1
}

here=$(dirname "$0")
echo "${1-0}" | grep -qxE '0x[0-9a-fA-F]{1,8}|0|[1-9][0-9]{0,9}' || die "$1 is no number of 32 bits, decimal or 0x..."
word=$((${1-0}))
[ $word -lt $((1 << 32)) ] || die "$1 has more than 32 bits"
[ -r /proc/cmdline ] || die "/proc is not mounted"
entry=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^kexec_jump_back_entry=//p' | tail -n 1)
[ "$entry" ] || die "no host has called this Linux: /proc/cmdline has no kexec_jump_back_entry="
[ -r "$here/jump.elf" ] || die "$here/jump.elf cannot be read"

# The block of the return address (segue_target.h)
block=$((entry & ~4095))
devmem=
if command -v devmem >/dev/null; then
	devmem=devmem
elif command -v busybox >/dev/null && busybox --list | grep -qx devmem; then
	devmem="busybox devmem"
fi
# field OFFSET
field() { $devmem $((block + $1)) 32; }

# The last 64 KiB of RAM below 4 GiB, on a page boundary
room=65536
end=0
while read -r range colon type; do
	[ "$type" = "System RAM" ] || continue
	from=$((0x${range%-*})) to=$((0x${range#*-} + 1))
	if [ $to -le $((1 << 32)) ] && [ $((to - from)) -ge $room ]; then
		end=$to
	fi
done <<RANGES
$(grep -v '^ ' /proc/iomem)
RANGES
[ $end != 0 ] || die "/proc/iomem shows no 64 KiB of System RAM below 4 GiB; is this root?"
end=$((end & ~4095))

# little_endian NUMBER: its 4 bytes
little_endian() {
	for shift in 0 8 16 24; do
		printf "\\$(printf %03o $(($1 >> shift & 255)))"
	done
}

# The file's last 8 bytes are its arguments.
file=$(mktemp "${TMPDIR:-/tmp}/jump.XXXXXX")
trap 'rm -f "$file"' EXIT
size=$(($(wc -c <"$here/jump.elf") - 8))
{
	head -c $size "$here/jump.elf"
	little_endian $((entry))
	little_endian $word
} >"$file"

before=none
[ -z "$devmem" ] || before=$(field 16)
kexec --load-preserve-context --args-none --mem-min=$((end - room)) --mem-max=$((end - 1)) "$file" ||
	die "kexec has not loaded it; the kernel needs CONFIG_KEXEC_JUMP, and kexec must be that for amd64"
# kexec says that it failed when it returns, which it does here.
said=$(kexec -e -x 2>&1) || :
if [ "$devmem" ]; then
	[ "$before" != "$(field 16)" ] || die "$said"
	field 12
fi
