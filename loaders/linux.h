/* SPDX-License-Identifier: MIT */
/* What the files of the Linux loader share. */
#ifndef SEGUE_LINUX_H
#define SEGUE_LINUX_H

#include "common/loader.h"
#include "linux_header.h"

/* What the loader has found of the kernel and decided about it. */
struct linux_kernel {
	const uint8_t *header;        /* the setup header, all of it */
	uint32_t header_end;          /* in the file; boot.rst, 32-bit Boot Protocol: 0x202 + the byte at 0x201 */
	uint32_t minor;               /* 15: protocol 2.15 */
	bool old;                     /* from before 2.00: the header has nothing behind boot_flag; minor is 0 */
	bool low;                     /* a zImage: the code goes below the setup code */
	bool real_mode;               /* to be entered by its setup code */
	struct bytes setup;           /* boot sector and setup code */
	struct bytes code;            /* the protected-mode code */
	uint32_t alignment;           /* for kernel_alignment, where the protocol lets us choose; 0: as it is */
	addr_t load;                  /* where code goes; the 32-bit entry */
	addr_t memory_end;            /* as the command line has it; ADDRESS_LIMIT: it does not */
	addr_t initrd, initrd_size;   /* size 0: none */
	uint64_t rsdp;                /* 0: unknown */
	addr_t page;                  /* where the zero page goes */
};

#define LINUX_HEADER_AT(kernel, field) ((kernel)->header + offsetof(struct linux_setup_header, field))

/* For "2.%s%u" in sentences: 2.01 is not 2.1. */
#define LINUX_MINOR(kernel) ((kernel)->minor < 10 ? "0" : ""), (kernel)->minor

/* A zImage's code. */
int segue_linux_place_low(struct job *job, struct linux_kernel *kernel);
/* Places the setup code with its heap and the command line, fills its header, and enters there. */
int segue_linux_setup(struct job *job, struct linux_kernel *kernel) SEGUE_HIDDEN;

/* Places the zero page with the command line and what of the memory map is too long for it, and fills
 * them. All other segments are in. */
int segue_linux_boot_params(struct job *job, struct linux_kernel *kernel);

/*
 * The value of the next option name= in rest, which then begins after it; false: there is no more (linux_line.c: which
 * words are options). And: is a value this text?
 */
bool segue_linux_option(struct bytes *rest, const char *name, struct bytes *value) SEGUE_HIDDEN;
bool segue_linux_is(const struct bytes *value, const char *text) SEGUE_HIDDEN;

/*
 * boot.rst, Special Command Line Options: what the last vga= of a command line means for hdr.vid_mode. A number, or
 * one of these; LINUX_VIDEO_NORMAL where there is no vga=, or none that means anything.
 */
#define LINUX_VIDEO_NORMAL 0xffffu
#define LINUX_VIDEO_EXTENDED 0xfffeu
#define LINUX_VIDEO_ASK 0xfffdu
uint32_t segue_linux_vid_mode(const struct bytes *line);
/* The same as job->asks_video and video_mode: for a kernel whose setup code does not run. */
int segue_linux_ask_video(struct job *job, struct linux_kernel *kernel);

#endif
