#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# /init of a crash kit, which `segue crashkit` makes. It saves /proc/vmcore, the memory of the kernel that has crashed, to a disk, or
# sends it through a serial port. Then it turns the machine off, restarts it, or starts a shell.
# /crashkit/settings has the settings. A word crashkit.NAME=VALUE on the kernel's command line replaces a setting.

export PATH=/bin
core=/proc/vmcore
# MiB that are compressed at a time. Each piece is a member of the gzip file, so a file that is cut has every piece before the cut.
piece=4
consoles=console
busy=

# say WORDS: on each console but the port that the core goes through
say() {
	for console in $consoles; do
		[ "$console" = "$busy" ] || echo "crashkit: $*" >"/dev/$console"
	done
}

# shell_on CONSOLE: until exit
shell_on() { setsid -c sh <"/dev/$1" >"/dev/$1" 2>&1; }

# shells: one on each console, until one of them ends
shells() {
	say "This is a shell. The core is $core. After 'exit' the machine will $does."
	rm -f /tmp/exit
	for console in $consoles; do
		(shell_on "$console"; echo yes >/tmp/exit) &
	done
	until [ -e /tmp/exit ]; do sleep 1; done
}

# offer_shell: on the console where somebody presses Enter
offer_shell() {
	rm -f /tmp/enter /tmp/open
	readers=
	for console in $consoles; do
		(echo "$console" >>/tmp/open && read -r answer && echo "$console" >/tmp/enter) <"/dev/$console" &
		readers="$readers $!"
	done
	# A key that is pressed while nobody has the console open is lost.
	left=5
	while [ "$left" -gt 0 ] && ! [ "$(cat /tmp/open 2>/dev/null | wc -w)" = "$(echo $consoles | wc -w)" ]; do
		sleep 1
		left=$((left - 1))
	done
	say "Press Enter for a shell. The machine will $does in $pause seconds."
	left=$pause
	while [ "$left" -gt 0 ] && ! [ -e /tmp/enter ]; do
		sleep 1
		left=$((left - 1))
	done
	kill $readers 2>/dev/null
	if [ -e /tmp/enter ]; then
		say "This is a shell. The core is $core. After 'exit' the machine will $does."
		shell_on "$(cat /tmp/enter)"
	fi
}

# leave STATUS: after a success (0) or a failure (1)
leave() {
	sync
	case $then in
	reboot) does="restart" ;;
	*) does="turn off" ;;
	esac
	if [ "$then" = shell ]; then
		shells
	elif [ "$1" != 0 ] && [ "$pause" -gt 0 ]; then
		offer_shell
	fi
	sync
	say "The machine will now $does."
	[ "$then" != reboot ] || reboot -f
	poweroff -f
	while :; do sleep 1000; done
}

# written: how many KiB descriptor 3 has taken
written() { echo $(($(sed -n 's/^pos:[^0-9]*//p' /proc/$$/fdinfo/3) + 1023 >> 10)); }

# Is there room for another piece, if it cannot be compressed?
has_room() {
	[ "$where" = /disk ] || return 0
	free=$(df -Pk /disk | { read -r line && read -r device blocks used free line && echo "$free"; })
	free=$((free >> 10)) need=$((total - at))
	[ $need -le $piece ] || need=$piece
	need=$((need + 1))
	if [ $free -lt $need ]; then
		say "The disk is full: $label has $free MiB left, and the next piece may need $need. $at of $total MiB are saved."
		return 1
	fi
	case $type in
	vfat | msdos)
		# Its files have less than 4 GiB.
		if [ "$(written)" -ge $((4095 - piece << 10)) ]; then
			say "The file has reached 4 GiB, and FAT has no larger ones."
			return 1
		fi
		;;
	esac
}

# pack: the core, compressed, to standard output. It fails after a sentence.
pack() {
	at=0 shown=0
	rm -f /tmp/unread
	while [ $at -lt $total ]; do
		has_room || return
		{ dd if=$core bs=1M skip=$at count=$piece 2>/tmp/dd || cp /tmp/dd /tmp/unread; } | gzip -1 2>/tmp/gzip || {
			say "Writing fails after $at of $total MiB. $(head -n 1 /tmp/gzip)"
			return 1
		}
		if [ -e /tmp/unread ]; then
			say "Reading $core fails after $at of $total MiB. $(head -n 1 /tmp/unread)"
			return 1
		fi
		at=$((at + piece))
		[ $at -le $total ] || at=$total
		# Ten lines, however much there is.
		if [ $((at * 10 / total)) != $shown ]; then
			shown=$((at * 10 / total))
			say "$at of $total MiB$([ "$where" = serial ] || echo ", $(written) KiB written")"
		fi
	done
}

# find_disk: the device of the file system with this label, or of the partition of a GPT with this name
find_disk() {
	findfs "LABEL=$label" 2>/dev/null && return
	for each in /sys/class/block/*/uevent; do
		if grep -qxF "PARTNAME=$label" "$each" 2>/dev/null; then
			echo "/dev/$(sed -n 's/^DEVNAME=//p' "$each")"
			return
		fi
	done
	return 1
}

# disks: all block devices, with their sizes
disks() {
	while read -r major minor blocks device; do
		case $device in
		'' | name | ram* | loop*) ;;
		*) printf ' %s (%s MiB)' "$device" $((blocks >> 10)) ;;
		esac
	done </proc/partitions
}

wait_for_disk() {
	left=$wait
	until disk=$(find_disk); do
		if [ "$left" -le 0 ]; then
			found=$(disks)
			say "No file system or partition has the label $label after $wait seconds. The disks are:${found:- none}."
			[ ! -s /tmp/modules ] || say "Not loaded, as is usual without their device: $(tr '\n' ' ' </tmp/modules)"
			return 1
		fi
		sleep 1
		left=$((left - 1))
	done
}

# A core that is there is never overwritten.
save_to_file() {
	where=/disk
	type=$(sed -n 's|^[^ ]* /disk \([^ ]*\) .*|\1|p' /proc/mounts)
	number=1
	while [ -e /disk/vmcore-$number.gz ] || [ -e /disk/vmcore-$number.part ]; do
		number=$((number + 1))
	done
	name=vmcore-$number
	if ! (set -C && : >/disk/$name.part) 2>/tmp/why; then
		say "$label: $name.part cannot be made: $(sed 's/.*: //' /tmp/why)."
		return 1
	fi
	exec 3>/disk/$name.part
	say "Saving $total MiB, compressed, as $name.gz on $label ($disk, $type)."
	if ! pack >&3; then
		exec 3>&-
		sync
		if [ -s /disk/$name.part ]; then
			say "$name.part has what was saved: gunzip and segue core read it."
		else
			rm /disk/$name.part
		fi
		return 1
	fi
	size=$(written)
	exec 3>&-
	if ! sync /disk/$name.part || ! mv /disk/$name.part /disk/$name.gz; then
		say "$label: $name.part could not be written to the disk, or not be renamed."
		return 1
	fi
	sync
	say "Saved: $name.gz on $label, $size KiB."
}

# A partition without a file system. It must begin with 1 MiB of zeros that can be read: btrfs and others leave the first 64 KiB alone.
save_to_partition() {
	where=partition
	zeros=1048576
	if [ "$(head -c $zeros "$disk" | wc -c)" != $zeros ] || [ "$(head -c $zeros "$disk" | tr -d '\0' | wc -c)" != 0 ]; then
		say "$label ($disk) cannot be mounted: $(sed 's/.*: //' /tmp/why)." \
			"It is not written to either: that needs 1 MiB of zeros at its beginning."
		return 1
	fi
	if ! (: 3<>"$disk") 2>/tmp/why; then
		say "$label ($disk) cannot be written to: $(sed 's/.*: //' /tmp/why)."
		return 1
	fi
	exec 3<>"$disk"
	say "Saving $total MiB, compressed, to the partition $label ($disk)."
	pack >&3 || return
	size=$(written)
	exec 3>&-
	if ! sync "$disk"; then
		say "$label ($disk) could not be written."
		return 1
	fi
	say "Saved: partition $label, $size KiB."
}

save() {
	wait_for_disk || return
	if mount -o noatime "$disk" /disk 2>/tmp/why; then
		save_to_file
		saved=$?
		umount /disk || say "$label cannot be unmounted."
		return $saved
	fi
	save_to_partition
}

# README of the segue command has the lines that read it.
send() {
	where=serial
	port=${serial%%,*}
	speed=${serial#"$port"}
	if ! [ -c "/dev/$port" ] || ! (: >"/dev/$port") 2>/dev/null; then
		say "There is no serial port $port."
		return 1
	fi
	exec 3>"/dev/$port"
	stty -F "/dev/$port" ${speed#,} raw -echo
	say "Sending $total MiB, compressed, through $port."
	busy=$port
	rm -f /tmp/failed
	printf '\n-----BEGIN SEGUE CORE-----\n' >&3
	{ pack || echo yes >/tmp/failed; } | base64 2>/tmp/why >&3 || echo yes >/tmp/failed
	if [ -e /tmp/failed ]; then
		printf '\n-----CUT SEGUE CORE-----\n' >&3
	else
		printf -- '-----END SEGUE CORE %s-----\n' "$(stat -c %s $core)" >&3
	fi
	stty -F "/dev/$port" sane
	exec 3>&-
	busy=
	if [ -e /tmp/failed ]; then
		say "What was sent through $port is cut. $(head -n 1 /tmp/why)"
		return 1
	fi
	say "Sent: $total MiB through $port."
}

# seconds WORD USUAL: the number in NAME=NUMBER, or USUAL. Arithmetic with anything else would end the shell, and so Linux.
seconds() {
	case ${1#*=} in
	'' | 0?* | *[!0-9]*)
		say "$1 is not a number of seconds. It stays $2."
		echo "$2"
		;;
	*) echo "${1#*=}" ;;
	esac
}

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
(: </dev/console >/dev/console) 2>/dev/null && exec </dev/console >/dev/console 2>&1
# Messages of the kernel would be in the middle of ours, and of a core.
echo 1 >/proc/sys/kernel/printk
consoles=$(cat /sys/class/tty/console/active)

label= serial= then=poweroff wait=30 pause=60
. /crashkit/settings
for word in $(cat /proc/cmdline); do
	case $word in
	crashkit.label=*) label=${word#*=} ;;
	crashkit.serial=*) serial=${word#*=} ;;
	crashkit.then=*) then=${word#*=} ;;
	crashkit.wait=*) wait=$(seconds "$word" "$wait") ;;
	crashkit.pause=*) pause=$(seconds "$word" "$pause") ;;
	esac
done

if ! [ -e $core ]; then
	say "There is no $core: Linux was not told elfcorehdr=, which SEGUE_LOAD_CRASH adds, or it has no such file (PROC_VMCORE)."
	leave 1
fi
total=$((($(stat -c %s $core) + 1048575) >> 20))
if [ "$label" ]; then
	# A driver for which there is no device may refuse.
	for each in /modules/*; do
		[ ! -f "$each" ] || insmod "$each" 2>/dev/null || echo "${each#/modules/*-}" >>/tmp/modules
	done
	save && leave 0
fi
if [ "$serial" ]; then
	send && leave 0
fi
say "The core is not saved."
leave 1
