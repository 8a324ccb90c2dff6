#!/bin/sh
# SPDX-License-Identifier: MIT
# For shells of a Linux that a host has called with SEGUE_LOAD_CORE (include/README.md, "Linux as a subroutine"): functions to read and
# write the host's memory. Include it by `. host_memory.sh`. Needs /proc, and busybox's devmem, dd and hexdump or such.

# value NAME: of a word of the command line
value() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"; }

# word_at ADDRESS: a 32-bit word of physical memory
word_at() { echo $(($(devmem $1 32))); }

# load_segments: prints of each PT_LOAD its offset, physical address and size. Addresses are below 4 GiB.
load_segments() {
	while read -r type flags offset _ virtual _ physical _ size _; do
		[ $((0x$type)) = 1 ] && echo $((0x$offset)) $((0x$physical)) $((0x$size))
	done
}

# host_memory START END: these bytes of the host's memory, whole pages
host_memory() {
	count=$((0x$(hexdump -s 56 -n 2 -v -e '/2 "%x"' /proc/vmcore)))
	hexdump -s 64 -n $((56 * count)) -v -e '14/4 "%08x " "\n"' /proc/vmcore | load_segments | while read -r offset physical size; do
		from=$1 to=$2
		[ $from -ge $physical ] || from=$physical
		[ $to -le $((physical + size)) ] || to=$((physical + size))
		[ $from -ge $to ] || dd if=/proc/vmcore bs=4096 skip=$(((offset + from - physical) / 4096)) count=$(((to - from) / 4096)) 2>/dev/null
	done
}

# lies_at ADDRESS: where this byte of the host's memory is now, from the core header itself
lies_at() {
	header=$(($(value elfcorehdr)))
	count=$(($(word_at $((header + 56))) & 0xffff))
	at=$((header + 64))
	[ $(word_at $header) = $((0x464c457f)) ] || { echo "host_memory.sh: there is no core header at elfcorehdr=$header" >&2; return 1; }
	while [ $count -gt 0 ]; do
		physical=$(word_at $((at + 24)))
		if [ $(word_at $at) = 1 ] && [ $1 -ge $physical ] && [ $1 -lt $((physical + $(word_at $((at + 32))))) ]; then
			echo $(($(word_at $((at + 8))) + $1 - physical))
			return
		fi
		at=$((at + 56)) count=$((count - 1))
	done
	echo "host_memory.sh: the core does not have $1" >&2
	return 1
}
