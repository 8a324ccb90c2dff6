/* SPDX-License-Identifier: MIT */
/*
 * The command line of segue.elf. Blanks separate words. Quotes, "..." or '...', keep blanks in a
 * word and may begin anywhere in it; after a backslash the next character is literal, inside
 * quotes too. So cmdline="a b", "cmdline=a b" (as GRUB 2 passes it) and cmdline=a\ b are the same.
 *
 *   console=LIST     where to print, separated by commas; the default is ttyS0,screen
 *       ttyS0..ttyS3   serial port 0x3f8, 0x2f8, 0x3e8, 0x2e8
 *       0xPORT         serial port at that I/O port
 *       ,SPEED         after a serial port: its speed, 115200 if not given ("8n1" may follow)
 *       screen         the text screen or the framebuffer, whichever the machine has
 *       vga, fb        only a text screen, only a framebuffer
 *       debug          port 0xe9 of QEMU and Bochs
 *       none           nothing, not even refusals
 *   quiet            show refusals only
 *   verbose          show all details of the segments, the plan and the machine
 *   cmdline="..."    the target's command line, instead of the one with the module
 *   panic=SECONDS    reboot this many seconds after a refusal; 0, the default: never
 *   digest=reboot    if the digest of the moved bytes is not the bundle's, show both and reboot;
 *                    digest=stop, the default: show both and stop
 *   argv0=no         do not put the file's name before the strings of a Multiboot target
 *   modules=stay     a Multiboot target's modules stay where they are, if they can; else they follow the kernel
 *   multiboot=2      a kernel with Multiboot headers of both versions is loaded by version 2, not by version 1
 *   elf64=32bit      the entry of an ELF64 without a Multiboot header is 32-bit code
 *   linux16          start a Linux in its 16-bit setup code, which calls the BIOS itself; needs a BIOS
 *   linux64          start a Linux at its 64-bit entry, in 64-bit mode
 *   vmlinux          an ELF kernel is a Linux, also without notes that say so
 *   catcher          print an exception, with all registers, in a target that has no IDT of its own yet
 *   within=LIST      the target may use only this memory: ranges START-END, separated by commas, as 64K-640K or
 *                    0x10000-0xa0000; END is not included; given again, it adds ranges. Linux needs 64K-640K too
 *   drive=DRIVE      the boot drive to pass to the target: fd0 to fd3, hd0 to hd15, or the BIOS's
 *                    number, 0x80; a boot sector gets it in DL
 *   chain=DRIVE      start the boot sector of that drive, as the BIOS would, instead of the loaded target
 *   chain=DRIVE,N    start the boot sector of its partition N, 1 to 4, as its MBR would
 *   video=MODE       the target's screen; not given: the one that the target asks for (Multiboot flag 2, Linux vga=),
 *                    else the one that the boot loader has left
 *       1024x768x32    graphics of that size, or the nearest available (vbe.h); 1024x768: of any depth
 *       auto           graphics of the monitor's own size
 *       text           text
 *       keep           the one that the boot loader has left, whatever the target asks for
 */
#ifndef STANDALONE_OPTIONS_H
#define STANDALONE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "segue.h"

#define OPTIONS_SERIAL_MAX 4
#define OPTIONS_WITHIN_MAX 8

enum option_video {
	OPTION_VIDEO_AS_ASKED,
	OPTION_VIDEO_SIZE,
	OPTION_VIDEO_TEXT,
	OPTION_VIDEO_KEEP
};

struct options {
	bool quiet, verbose;
	bool console_given;
	bool vga, framebuffer, debug_port;
	size_t serial_count;
	struct {
		uint16_t port;
		uint32_t speed;
	} serial[OPTIONS_SERIAL_MAX];
	const char *cmdline;          /* NULL: not given */
	uint32_t panic_seconds;
	uint32_t load_flags;          /* SEGUE_LOAD_* */
	bool drive_given, chain_given;
	uint8_t drive, chain_drive;   /* BIOS's numbers */
	uint32_t chain_partition;     /* 0: the drive's own boot sector */
	enum option_video video;
	uint32_t video_width, video_height, video_depth; /* of OPTION_VIDEO_SIZE; 0: any */
	size_t within_count;
	struct segue_range within[OPTIONS_WITHIN_MAX]; /* target_memory */
};

enum option_verdict {
	OPTION_TAKEN,
	OPTION_UNKNOWN,               /* not an option */
	OPTION_VALUE                  /* an option with an invalid value */
};

void options_default(struct options *options);

/*
 * Removes quotes and backslashes from line, in place, and turns it into *count words, one after
 * the other, each with its NUL. False: a quote was not closed; the line's end closes it.
 */
bool options_split(char *line, size_t *count);

/* The word after this one. */
char *options_next(char *word);

/* Interprets one word. */
enum option_verdict options_take(struct options *options, const char *word);

#endif
