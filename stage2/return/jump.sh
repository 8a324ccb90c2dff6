#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: jump.sh [WORD]   in a Linux (amd64, CONFIG_KEXEC_JUMP) that a host has called with segue_call(): comes back to the host with a
#                         word (0 if none is given), and when the host calls again goes on here, and prints the host's new word
#        jump.sh --word   prints the word of the host's present call
#
# Words are printed as 0x and eight digits. That needs devmem, of busybox or another, and /dev/mem; without them only --word fails.
# Needs jump.elf beside it, kexec (kexec-tools for amd64), /proc, /sys, root, and /tmp or $TMPDIR for a small file.
set -eu

die() {
	echo "jump.sh: $*" >&2
	exit 1
}

here=$(dirname "$0")
[ "${1-}" != --word ] || set -- 0 show
printf %s "${1-0}" | tr '\n' ' ' | grep -qxE '0x[0-9a-fA-F]{1,8}|0|[1-9][0-9]{0,9}' || die "$1 is no number of 32 bits, decimal or 0x..."
word=$((${1-0}))
[ $word -lt $((1 << 32)) ] || die "$1 has more than 32 bits"
[ -r /proc/cmdline ] || die "/proc is not mounted"
entry=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^kexec_jump_back_entry=//p' | tail -n 1)
[ "$entry" ] || die "no host has called this Linux: /proc/cmdline has no kexec_jump_back_entry="

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

if [ "${2-}" = show ]; then
	[ "$devmem" ] || die "there is no devmem"
	field 12
	exit
fi
[ -r "$here/jump.elf" ] || die "$here/jump.elf cannot be read"
command -v kexec >/dev/null || die "there is no kexec (package kexec-tools)"

# 64 KiB at the start of Linux's code. While jump.elf runs, Linux keeps elsewhere what was in its place. That must not be a page table
# or the GDT, which jump.elf reads (linux_gdt.inc), and Linux's code holds neither.
code=$(sed -n 's/^ *\([0-9a-f]*\)-.* : Kernel code$/\1/p' /proc/iomem)
start=$(((0x${code:-0} + 4095) & ~4095))
[ $start != 0 ] || die "/proc/iomem does not show where Linux's code lies; is this root?"

# little_endian NUMBER: its 4 bytes
little_endian() {
	for shift in 0 8 16 24; do
		printf "\\$(printf %03o $(($1 >> shift & 255)))"
	done
}

# The file's last 8 bytes are its arguments.
file=$(mktemp "${TMPDIR:-/tmp}/jump.XXXXXX") || die "${TMPDIR:-/tmp} cannot be written to"
trap 'rm -f "$file"' EXIT
trap 'exit 1' HUP INT TERM
size=$(($(wc -c <"$here/jump.elf") - 8))
{
	head -c $size "$here/jump.elf"
	little_endian $((entry))
	little_endian $word
} >"$file"

# A devmem serves only with a /dev/mem.
before=none
[ -z "$devmem" ] || before=$(field 16 2>/dev/null) || devmem=
kexec --load-preserve-context --args-none --mem-min=$start --mem-max=$((start + 65535)) "$file" ||
	die "kexec has not loaded it. If it says that an argument is invalid, the kernel lacks CONFIG_KEXEC_JUMP"
# kexec says that it failed when it returns, which it does here.
said=$(kexec -e -x 2>&1) || :
if [ "$devmem" ]; then
	[ "$before" != "$(field 16)" ] || die "$said"
	field 12
fi
