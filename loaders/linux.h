/* SPDX-License-Identifier: MIT */
/* Shared by the files of the Linux loader. */
#ifndef SEGUE_LINUX_H
#define SEGUE_LINUX_H

#include "common/loader.h"
#include "common/long_entry.h"
#include "linux_header.h"

/* What the loader knows of the kernel and has decided about it. */
struct linux_kernel {
	const uint8_t *header;        /* the whole setup header */
	uint32_t header_end;          /* offset in the file; boot.rst, 32-bit Boot Protocol: 0x202 + the byte at 0x201 */
	uint32_t minor;               /* the minor version: 15 is protocol 2.15 */
	bool old;                     /* from before 2.00: the header ends after boot_flag; minor is 0 */
	bool low;                     /* a zImage: the code goes below the setup code */
	bool real_mode;               /* enter through the setup code */
	struct bytes setup;           /* boot sector and setup code */
	struct bytes code;            /* the protected-mode code */
	uint32_t alignment;           /* new kernel_alignment, where the protocol lets us choose; 0: unchanged */
	addr_t load;                  /* address of the code and the 32-bit entry */
	bool high;                    /* the initrd may lie above 4 GiB: job->ram has that memory too */
	addr_t room_above;            /* if the kernel goes there too: of its segment's end, for zero page and command line; else 0 */
	addr_t memory_end;            /* from the command line's mem=; HIGH_LIMIT without one */
	addr_t initrd, initrd_size;   /* size 0: none */
	uint64_t rsdp;                /* 0: unknown */
	addr_t page;                  /* address of the zero page */
};

/* Does linux_64.c place the kernel above 4 GiB? */
static inline bool segue_linux_is_above(const struct linux_kernel *kernel)
{
	return HIGH_LIMIT > ADDRESS_LIMIT && kernel->room_above > 0;
}

/* A size of memory in whole pages; sizes are far below what would wrap. */
static inline addr_t segue_linux_pages(addr_t size)
{
	return (size + PAGE - 1) & ~(addr_t)(PAGE - 1);
}

#define LINUX_HEADER_AT(kernel, field) ((kernel)->header + offsetof(struct linux_setup_header, field))

/* For "2.%s%u" in sentences: 2.01 is not 2.1. */
#define LINUX_MINOR(kernel) ((kernel)->minor < 10 ? "0" : ""), (kernel)->minor

/*
 * The steps of the entries (linux.c, linux_64.c, linux_real.c): reads the header and finds the code; places the code; reads the
 * command line, and places the initrd, with the modules as part of it; checks what came with the kernel, and says what it is.
 * vmlinux.c takes some of them.
 */
int segue_linux_open(struct job *job, struct linux_kernel *kernel);
int segue_linux_place_kernel(struct job *job, struct linux_kernel *kernel);
int segue_linux_pass(struct job *job, struct linux_kernel *kernel);
int segue_linux_place_initrd(struct job *job, struct linux_kernel *kernel);
#if ADDRESS_MAX > UINT32_MAX
/* A part of segue_linux_pass(), which a kernel above 4 GiB needs before it is placed. */
void segue_linux_find_memory_end(struct job *job, struct linux_kernel *kernel);
/* Bytes that the zero page and the command line need at most. */
addr_t segue_linux_room(const struct job *job);
#endif
int segue_linux_end(struct job *job, struct linux_kernel *kernel);
/* Of the 32-bit and the 64-bit entry, before the last of these: adds all other segments, and the zero page as the last one. */
int segue_linux_tell(struct job *job, struct linux_kernel *kernel);

/* boot.rst, 32-bit Boot Protocol: EBP, EDI and EBX 0 */
static inline void segue_linux_enter_32(struct job *job, const struct linux_kernel *kernel)
{
	job->entry = (struct entry_state){
		.esi = (uint32_t)kernel->page, .eip = (uint32_t)kernel->load, .selectors = ENTRY_CODE_10_DATA_18,
	};
}

/* boot.rst, 64-bit Boot Protocol; wide: as segue_add_long_tables() has left it */
static inline void segue_linux_enter_64(struct job *job, const struct linux_kernel *kernel, struct long_entry *wide, addr_t rip)
{
	wide->rip = rip;
	wide->registers[LONG_RSI] = kernel->page;
	job->entry = (struct entry_state){.eip = (uint32_t)rip, .selectors = ENTRY_LONG_MODE, .wide = wide};
}

/*
 * Places and fills in the zero page, the command line, and the part of the memory map that does not fit into the page.
 * Call after all other segments are added.
 */
int segue_linux_boot_params(struct job *job, struct linux_kernel *kernel);

/*
 * Finds the next option name= in *rest. *value receives its value, and *rest then starts after it; false if there is no
 * more. linux_line.c says which words are options. segue_linux_is(): is the value this text?
 */
bool segue_linux_option(struct bytes *rest, const char *name, struct bytes *value) SEGUE_HIDDEN;
bool segue_linux_is(const struct bytes *value, const char *text) SEGUE_HIDDEN;

/*
 * boot.rst, Special Command Line Options: the value of hdr.vid_mode for the last vga= of a command line. It is a number
 * or one of these constants; LINUX_VIDEO_NORMAL if there is no valid vga=.
 */
#define LINUX_VIDEO_NORMAL 0xffffu
#define LINUX_VIDEO_EXTENDED 0xfffeu
#define LINUX_VIDEO_ASK 0xfffdu
uint32_t segue_linux_vid_mode(const struct bytes *line);
/* Sets job->asks_video and video_mode from vga=, for a kernel whose setup code does not run. */
void segue_linux_ask_video(struct job *job, struct linux_kernel *kernel);

#endif
