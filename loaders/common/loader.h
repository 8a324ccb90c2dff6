/* SPDX-License-Identifier: MIT */
/*
 * The interface between the loaders and the rest of the library: the job of one segue_load(), segments and their
 * placement, the protocol's tables, and the entry state.
 *
 * A loader reads untrusted bytes through the helpers in bytes.h. It adds the segments with fixed addresses first
 * (segue_add_segment), then those that may float (segue_add_floating, segue_add_table). Then it fills its tables and
 * sets the entry state. It writes to the workspace only.
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
	uint32_t number;              /* index among segments of this name; NO_NUMBER: it is the only one */
	uint16_t target_type;         /* the type of this range in the target's memory map; 0: unchanged */
	bool optional;                /* may be absent (no room, or another entry), so a digest leaves it out */
	addr_t dest;
	addr_t size;                  /* bytes claimed in the target, zeros included */
	struct bytes source;          /* copied to dest; zero_size zeros follow */
	addr_t zero_size;             /* may end before size does (Linux init_size) */
	/* Of the source, for segue_segment_at(): by then the extents are the host's again. Set by segue_arrange(). */
	addr_t source_at;
	bool in_digest;
};

/* Segment selectors at the target's entry. From ENTRY_REAL_MODE on: the bit of the block that enters the target (block.h). */
enum entry_selectors {
	ENTRY_CODE_08_DATA_10,        /* flat: Multiboot, plain ELF */
	ENTRY_CODE_10_DATA_18,        /* flat: Linux */
	ENTRY_REAL_MODE,              /* real_code:ip, all others real_data */
	ENTRY_LONG_MODE = 0x200       /* *wide has all */
};
struct entry_state {
	uint32_t eax, ebx, ecx, edx, esi, edi, ebp, esp, eip; /* purgatory.h copies these as they are; 64-bit mode: eip only */
	uint32_t selectors;           /* enum entry_selectors */
	uint16_t real_code, real_data; /* segments */
	bool real_interrupts;         /* enter real mode with IF set */
	const struct long_entry *wide; /* common/long_entry.h; in the workspace */
};
static inline bool segue_is_real_mode(const struct entry_state *entry)
{
	return entry->selectors == ENTRY_REAL_MODE;
}
static inline bool segue_is_long_mode(const struct entry_state *entry)
{
	return entry->selectors == ENTRY_LONG_MODE;
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

/* Bytes of the host in target_memory, and where in staging they are kept. */
struct save {
	addr_t dest, source, size;
};

struct caller;                        /* stage2/return/caller.h */

/* What is used most comes first: i386 reaches 127 bytes of a structure by shorter instructions. */
struct job {
	struct log log;
	const struct segue_load_args *args;
	struct segment *segments;     /* in the order they were added */
	uint32_t *claims;             /* indices into segments, sorted by dest; the segments are disjoint */
	size_t segment_count;
	const struct segue_machine *machine; /* as the target will find it: quiet.h may change the screen of args->machine */
	struct bundle bundle;
	addr_t workspace_phys;
	uint8_t *workspace;
	/*
	 * RAM in target memory, without firmware and kept ranges; sorted, disjoint. Below ADDRESS_LIMIT, and after
	 * segue_find_high_ram() from 4 GiB on too.
	 */
	struct range *ram;
	size_t ram_count;
	struct arena arena;
	const struct segue_loader *const *next; /* those that may load the kernel if this one passes */

	const struct segue_part *parts; /* [0] is the blob, the modules follow; extents are checked */
	size_t part_count;
	addr_t **extent_ends;         /* for each part with extents: the offset in the part at which every 16th extent ends */
	size_t segment_limit;
	struct tables_way tables;     /* how the current page tables are read */
	const char *protocol;         /* static: "Multiboot 1" */
	struct entry_state entry;
	uint32_t blocks;              /* of purgatory, that are needed: stage2/blocks/block.h */
	int (*place_catcher)(struct job *job); /* NULL: not asked for */
	uint8_t *catcher;             /* CATCHER_BYTES of workspace; NULL: none */
	addr_t catcher_dest;          /* physical; 0: none */
	addr_t needs_memory;
	addr_t return_page;           /* physical (return/return_page.h); 0: the target does not come back */
	struct save *saves;           /* sorted by dest */
	size_t save_count;
	addr_t core;                  /* physical: the ELF core header of the host's memory (core/core.h); 0: none */
	uint32_t core_size;           /* bytes of it; for a crash without its notes */
	uint32_t core_notes, core_notes_size; /* where the notes are in the workspace, and their bytes */
	uint32_t core_cpus;           /* CPUs that have a slot in the notes (core/slots.h); 0: the target is not for a crash */
	/* Fills in the notes of the CPU that calls segue_call(). NULL: there is no core. */
	void (*note_caller)(const struct job *job, const struct caller *caller, uint32_t cpu);
	struct range spare;           /* a part of the workspace, physical, in which bytes may be set aside */
	bool rsdp_is_wrong;           /* machine->rsdp is not to be used */
	bool modules_stay;            /* as with SEGUE_LOAD_MODULES_STAY: the second try, after the first lacked RAM */
#if ADDRESS_MAX > UINT32_MAX
	int no_low_ram;               /* why there is no RAM below 4 GiB: the refusal's code; 0: there is */
#endif
	bool is_64_bit;               /* the kernel's headers say that it is for a 64-bit CPU */
	uint32_t asks_video;          /* enum segue_video */
	uint32_t video_width, video_height, video_depth, video_mode; /* what segue_describe() reports */
};

/*
 * The lowest address for what stays above the data that firmware leaves below 1 MiB. That rule yields if target memory has no
 * RAM above. Then a table or a module may go below.
 */
static inline addr_t segue_floor(const struct job *job)
{
	return job->args->target_memory_count > 0 && job->ram[job->ram_count - 1].end <= ONE_MIB ? 0 : ONE_MIB;
}

/*
 * Adds a segment at a fixed address. The range must be RAM, must not be kept, and must not overlap another segment.
 * Warns if it covers the BIOS data. The target claims size bytes at dest: the source, zero_size zeros, and possibly
 * more, so that size >= source.size + zero_size. Refuses with SEGUE_E_SEGMENT_*.
 */
int segue_add_segment(struct job *job, const char *name, uint32_t number, addr_t dest,
		      const struct bytes *source, addr_t zero_size, addr_t size);

/* Constraints on the address of a floating segment. */
struct place {
	addr_t min, max;              /* the segment lies within [min, max) */
	uint32_t align;               /* a power of two */
	bool from_top;                /* take the highest fit instead of the lowest */
	bool not_in_place;            /* always move it, even if it already lies at a suitable address */
	int error;                    /* code of the refusal if nothing fits: SEGUE_E_NO_PLACE, SEGUE_E_LINUX_INITRD ... */
};
/*
 * Adds a segment at an address of its choice. The segment stays where its source lies, if that is one physical run and
 * satisfies place; otherwise it goes to the lowest or highest free RAM. Call it after all fixed segments are added.
 * *dest receives the physical address; dest may be NULL.
 */
int segue_add_floating(struct job *job, const char *name, uint32_t number, const struct bytes *source,
		       addr_t size, const struct place *place, addr_t *dest);

/* Is [start, end) free RAM that no segment claims? */
bool segue_is_free(const struct job *job, addr_t start, addr_t end);
/* Adds the RAM above 4 GiB to job->ram; not on i386. Nothing may be placed there that a source lies in (linux_high.c). */
void segue_find_high_ram(struct job *job);
/* The lowest or highest free address for size bytes that satisfies place; false if there is none. */
bool segue_find_free(const struct job *job, addr_t size, const struct place *place, addr_t *start);

/*
 * Adds a table of the protocol: size zeroed bytes of workspace, which the target finds at *dest. The loader fills
 * *table after it is placed.
 */
int segue_add_table(struct job *job, const char *name, size_t size, const struct place *place,
		    uint8_t **table, addr_t *dest);

/*
 * Adds the catcher if the caller asked for it: a segment that the target's memory map reports as reserved. Call it
 * after the segments that must have their place first, and before segue_target_map(). block_catcher.c fills in its
 * bytes later.
 */
#define CATCHER_SIZE 16384u
#define CATCHER_BYTES 2048u           /* the part that is copied; catcher.asm builds the rest at run time */
static inline int segue_place_catcher(struct job *job)
{
	return job->place_catcher ? job->place_catcher(job) : SEGUE_OK;
}

/*
 * The target's memory map: the host's entries, in their order. RAM is split around each segment that has a target_type
 * and around entries of other types. RAM outside target memory is told as reserved. Where two entries have the same RAM, the
 * first keeps it. Targets read the map entry by entry: Linux's decompressor (process_e820_entries() in
 * arch/x86/boot/compressed/kaslr.c) unpacks the kernel into any entry of RAM, whatever another entry says of that memory.
 *
 * Writes at most limit entries to map, which has at most twice the host's, and two for each such segment and for each range of
 * target memory. *count receives
 * the full number, which may exceed limit; call with limit 0 to ask for it. Call after all segments are added.
 */
void segue_target_map(const struct job *job, struct segue_range *map, size_t limit, size_t *count);

/* The screen that the target may continue to use; NULL if none is known. */
static inline const struct segue_framebuffer *segue_screen(const struct job *job)
{
	const struct segue_machine *machine = job->machine;

	return machine && machine->framebuffer.type != SEGUE_FRAMEBUFFER_NONE && machine->framebuffer.width > 0 ?
		&machine->framebuffer : NULL;
}

/* The end of what ranges of this type (0: of any) have from start on, over any number of entries; at most ADDRESS_LIMIT. */
addr_t segue_run_end(const struct segue_range *map, size_t count, addr_t start, uint32_t type);
static inline addr_t segue_ram_end(const struct segue_range *map, size_t count, addr_t start)
{
	return segue_run_end(map, count, start, SEGUE_MEMORY_RAM);
}

/* Turns the blob into job->bundle, by the rules in container/open.c. */
int segue_open_blob(struct job *job);

/* For a protocol whose header is searched for: matching bytes may be there by chance. */
struct searched_header {
	const char *name;
	/*
	 * The kernel is recognised, but its header cannot be valid. Another loader that recognises the kernel is then
	 * preferred.
	 */
	bool (*is_stray)(const struct bytes *kernel);
	/*
	 * No loader of a protocol with a header recognises the kernel. Says why the first bytes that look like a header are
	 * not one; NULL if none do.
	 */
	const char *(*nearly)(const struct bytes *kernel, size_t *offset);
};

/* Protocols, in the order of the rules in recognise.c. */
enum family {
	FAMILY_CORE,
	FAMILY_LINUX,
	FAMILY_MULTIBOOT,             /* of both versions */
	FAMILY_MULTIBOOT2,            /* of no loader: it has only a header of version 2 */
	FAMILY_ELF,                   /* also PVH and vmlinux */
	FAMILY_BOOT_SECTOR,
	FAMILY_NONE
};

/*
 * A boot protocol. recognise() looks at the bytes alone and tells whether the kernel uses this protocol. It also
 * accepts a broken kernel of this protocol, so that load() can say what is wrong with it. load() does the rest, or returns
 * LOADER_PASSES before it has added a segment: then the next loader of the same family is for this kernel.
 */
#define LOADER_PASSES (-1)
struct segue_loader {
	const char *protocol;
	bool (*recognise)(const struct bytes *kernel);
	int (*load)(struct job *job);
	const struct searched_header *searched; /* NULL: the magic has a fixed offset */
	uint32_t family;              /* enum family */
	/* Is this a Linux, by its bytes or because the caller says so? NULL: FAMILY_LINUX says it. Not NULL: no plain ELF's loader. */
	bool (*is_linux)(const struct job *job);
	/*
	 * What segue_strerror() says of codes that only this loader has and that follow each other: the first code in a byte, then the
	 * texts, each with its NUL. Ends with an empty one; NULL: none.
	 */
	const char *meanings;
#if ADDRESS_MAX > UINT32_MAX
	bool takes_high;              /* load() finds room above 4 GiB */
#endif
};

/* segue.h has it for hosts; hidden, it needs no GOT. */
extern const struct segue_loader *const segue_loaders[] SEGUE_HIDDEN;

/* Refuses what needs a loader or container that is not linked; name: "loader_linux". */
static inline int segue_refuse_unlinked(const struct log *log, const char *what, const char *name)
{
	return segue_refuse(log, SEGUE_E_NOT_LINKED, "this is a %s, for segue_%s", what, name);
}

/* Sets job->protocol and runs the loader that recognises job->bundle.kernel. */
int segue_load_kernel(struct job *job);

#endif
