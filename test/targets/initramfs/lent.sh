# SPDX-License-Identifier: MIT
# What the inits of a Linux that a host has called share (come_back, jump): devices, and the host's memory.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
(: </dev/console >/dev/console) 2>/dev/null && exec </dev/console >/dev/console 2>&1
echo 1 >/proc/sys/kernel/printk
for applet in crc32 dd devmem cut dirname mktemp rm tail tr wc; do
	ln -sf busybox /bin/$applet
done

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
	[ $(word_at $header) = $((0x464c457f)) ] || { echo "LINUX-BAD no core header at $header" >&2; return; }
	while [ $count -gt 0 ]; do
		physical=$(word_at $((at + 24)))
		if [ $(word_at $at) = 1 ] && [ $1 -ge $physical ] && [ $1 -lt $((physical + $(word_at $((at + 32))))) ]; then
			echo $(($(word_at $((at + 8))) + $1 - physical))
			return
		fi
		at=$((at + 56)) count=$((count - 1))
	done
	echo "LINUX-BAD the core does not have $1" >&2
}
