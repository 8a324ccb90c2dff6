/* SPDX-License-Identifier: MIT */
/*
 * What the loaders share: the job that one segue_load() works on, bytes of a source,
 * segments and where they go, tables that the protocol passes, and the entry state.
 *
 * A loader reads untrusted bytes through the helpers in bytes.h, lists its fixed segments
 * (segue_add_segment), then places what may float (segue_add_floating, segue_add_table), fills
 * its tables, and sets the entry state. It writes into the workspace only.
 */
#ifndef SEGUE_LOADER_H
#define SEGUE_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/arena.h"
#include "common/bundle.h"
#include "common/bytes.h"
#include "common/log.h"
#include "segue.h"

#define PAGE 4096u
#define ONE_MIB 0x100000u

#define NO_NUMBER 0xffffffffu
struct segment {
	const char *name;             /* static: "ELF segment", "initrd" */
	uint32_t number;              /* which of several; NO_NUMBER: the only one */
	uint16_t target_type;         /* not 0: what the target's memory map calls this range */
	bool optional;                /* not always there (no room; another entry): so no part of a digest */
	addr_t dest;
	addr_t size;                  /* claimed in the target, zeros included */
	struct bytes source;          /* source.size bytes at dest; the rest of zero_size is zeroed */
	addr_t zero_size;             /* bytes to zero after source; size may exceed both (Linux init_size) */
};

/* The segments that the protocol asks for. */
enum entry_selectors {
	ENTRY_CODE_08_DATA_10,        /* flat: Multiboot, plain ELF */
	ENTRY_CODE_10_DATA_18,        /* flat: Linux */
	ENTRY_REAL_MODE               /* real_code:ip, all others real_data */
};
struct entry_state {
	uint32_t eax, ebx, ecx, edx, esi, edi, ebp, esp, eip; /* copied as they stand: purgatory.h */
	uint32_t selectors;           /* enum entry_selectors */
	uint16_t real_code, real_data; /* segments */
	bool real_interrupts;         /* real mode is entered with IF set */
};
static inline bool segue_is_real_mode(const struct entry_state *entry)
{
	return entry->selectors == ENTRY_REAL_MODE;
}

/* [start, end) */
struct range {
	addr_t start, end;
};

/* How page tables are read, if they are mapped: stage2/leave/walk.h. */
enum tables_mapped { TABLES_NOT_KNOWN, TABLES_OFFSET, TABLES_WINDOW };
struct tables_way {
	uint32_t mapped;              /* enum tables_mapped */
	addr_t at;                    /* linear: a table less its physical address; or what the lowest tables map for address 0 */
	addr_t root;                  /* linear: where the root is read */
};

struct job {
	struct log log;
	const struct segue_load_args *args;
	bool rsdp_is_wrong;           /* machine->rsdp is not to be used */
	const struct segue_machine *machine; /* as the target will find it: its screen is not always args->machine's (quiet.h) */
	struct arena arena;
	const struct segue_part *parts; /* [0] the blob, then the modules; extents checked */
	size_t part_count;
	addr_t **extent_ends;         /* of each part that has extents: where in the part each 16th of them ends */
	addr_t workspace_phys;
	uint8_t *workspace;
	struct tables_way tables;     /* the page tables in force were read so */

	struct range *ram;            /* RAM below ADDRESS_LIMIT less firmware's and kept ranges; sorted, apart */
	size_t ram_count;

	struct bundle bundle;
	const char *protocol;         /* static: "Multiboot 1" */
	struct segment *segments;     /* in the order they were added */
	uint32_t *claims;             /* their numbers, sorted by dest: they are disjoint */
	size_t segment_count, segment_limit;
	struct entry_state entry;
	uint8_t *catcher;             /* CATCHER_BYTES of workspace; NULL: none */
	addr_t catcher_dest;          /* physical; 0: none */
	bool modules_stay;            /* as with that flag: the second try, where RAM is too full for the first */
	addr_t needs_memory;
	bool is_64_bit;               /* the kernel is for a 64-bit CPU, as far as its headers tell */
	uint32_t asks_video;          /* enum segue_video */
	uint32_t video_width, video_height, video_depth, video_mode; /* as segue_describe() tells them */
};

/*
 * Adds a segment at a fixed place: checks that it is RAM, apart from every other segment, and not kept; warns where
 * it covers the BIOS's data. zero_size bytes after the source are zeroed; size >= source.size + zero_size
 * is what the target claims from dest on. Refuses with SEGUE_E_SEGMENT_*.
 */
int segue_add_segment(struct job *job, const char *name, uint32_t number, addr_t dest,
		      const struct bytes *source, addr_t zero_size, addr_t size);

/* Where a floating segment may go. */
struct place {
	addr_t min, max;              /* the whole of it within [min, max) */
	uint32_t align;               /* a power of two */
	bool from_top;                /* highest fit rather than lowest */
	bool not_in_place;            /* the protocol wants it moved even if it lies well */
	int error;                    /* what no place is called: SEGUE_E_NO_PLACE, SEGUE_E_LINUX_INITRD ... */
};
/*
 * Adds a segment where it fits: where it lies already, if that is one physical run that meets the
 * place's terms; else the lowest or highest free RAM. Call it when all fixed segments are in.
 * *dest gets the physical address (may be NULL).
 */
int segue_add_floating(struct job *job, const char *name, uint32_t number, const struct bytes *source,
		       addr_t size, const struct place *place, addr_t *dest);

/* Is [start, end) free RAM that no segment claims? */
bool segue_is_free(const struct job *job, addr_t start, addr_t end);
/* Lowest or highest address in place's terms for size bytes; false: none. */
bool segue_find_free(const struct job *job, addr_t size, const struct place *place, addr_t *start);

/*
 * Adds a table of the protocol: size bytes of workspace, zeroed, that the target will find at *dest.
 * The loader fills *table after it is placed.
 */
int segue_add_table(struct job *job, const char *name, size_t size, const struct place *place,
		    uint8_t **table, addr_t *dest);

/*
 * Adds the catcher where it is asked for: a segment of memory that the target's map calls reserved. Call it when
 * all segments are in that may not give way, and before segue_target_map(). Its bytes come later
 * (purgatory_params.c).
 */
#define CATCHER_SIZE 16384u
#define CATCHER_BYTES 2048u           /* of these the first; it makes the rest itself: catcher.asm */
int segue_place_catcher(struct job *job);

/*
 * The memory map that the target gets: the host's own entries, in their order, cut where a segment
 * has a target_type. Written to map (limit entries); *count gets the number, also when it is larger
 * than limit (call with limit 0 to ask). Call after all segments are added.
 */
void segue_target_map(const struct job *job, struct segue_range *map, size_t limit, size_t *count);

/* The screen that the target may go on using; NULL: none is known. */
static inline const struct segue_framebuffer *segue_screen(const struct job *job)
{
	const struct segue_machine *machine = job->machine;

	return machine && machine->framebuffer.type != SEGUE_FRAMEBUFFER_NONE && machine->framebuffer.width > 0 ?
		&machine->framebuffer : NULL;
}

/* Where RAM from start on ends, in however many entries it is described; ADDRESS_LIMIT if it goes on there. */
addr_t segue_ram_end(const struct segue_range *map, size_t count, addr_t start);

/* blob -> bundle: the rules of container/open.c. */
int segue_open_blob(struct job *job);

/* A header that is searched for: bytes that look like one may be there by chance. */
struct searched_header {
	const char *name;
	/* Of a kernel that is recognised: is the header one that cannot be right? Another loader that recognises it is preferred. */
	bool (*is_stray)(const struct bytes *kernel);
	/* Of one that nobody recognises: why the first that was perhaps meant to be one is none; NULL: nothing looks like it. */
	const char *(*nearly)(const struct bytes *kernel, size_t *offset);
};

/*
 * A boot protocol. recognise looks at the bytes only and says whether the kernel is this protocol's (true even if
 * it is a broken one, so that its own loader says why); load does the rest.
 */
struct loader {
	const char *protocol;
	bool (*recognise)(const struct bytes *kernel);
	int (*load)(struct job *job);
	const struct searched_header *searched; /* NULL: its magic has one place */
};
/* In the order they are asked, NULL after the last: protocols.c. */
extern const struct loader *const segue_loaders[] SEGUE_HIDDEN;
extern const struct loader segue_loader_multiboot SEGUE_HIDDEN, segue_loader_linux SEGUE_HIDDEN,
	segue_loader_linux_old SEGUE_HIDDEN, segue_loader_elf SEGUE_HIDDEN, segue_loader_boot_sector SEGUE_HIDDEN;

/* Sets job->protocol and runs the loader that recognises job->bundle.kernel. */
int segue_load_kernel(struct job *job);

#endif
