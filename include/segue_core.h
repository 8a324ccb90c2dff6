/* SPDX-License-Identifier: MIT */
/*
 * The ELF core of a host: what its target, or a file that the target has saved, says about the host's memory and CPUs. Needs
 * <stdint.h> only, no library.
 *
 * The header of the core is in the host's workspace, for a target that was loaded with SEGUE_LOAD_CORE: ELFCLASS64, ET_CORE,
 * EM_X86_64 also for a 32-bit host, because Linux takes no other. PT_NOTE is first. Then each range of the host's memory has a
 * PT_LOAD, with
 * - p_paddr   where the host has it;
 * - p_offset  while the target runs: the physical address where it is now (in staging, if the target uses its memory). p_offset
 *             and p_paddr are equal modulo 4096. In a file: its offset, as in any core;
 * - p_vaddr   where the host maps it (struct segue_load_args: mappings), or UINT64_MAX if no mapping contains it; p_paddr if the
 *             host gives no mappings. A range with two mappings has two PT_LOADs.
 * The workspace is in it. Staging, and target memory that the host does not use, is not.
 *
 * Notes with the name "CORE" are those of any core: NT_PRSTATUS, one for each CPU that is known, in the layout of the host's
 * width; pr_pid is the CPU's number at the host plus 1. Notes with the name SEGUE_CORE_NAME are these. All numbers are
 * little-endian. A structure may become larger; its size is in its first field.
 *
 * After a crash (SEGUE_LOAD_CRASH) the notes are: SEGUE_CORE_HOST; for each CPU NT_PRSTATUS, or SEGUE_CORE_NO_CPU if it is lost,
 * and SEGUE_CORE_CPU; SEGUE_CORE_CRASH; those that the host has passed to segue_load().
 */
#ifndef SEGUE_CORE_H
#define SEGUE_CORE_H

#include <stdint.h>

#define SEGUE_CORE_NAME "Segue" /* n_namesz 6 */

/*
 * n_type of notes with that name. Not the numbers of other notes, because BFD does not look at the name: gdb takes any note of
 * type 1 that has the size of NT_PRSTATUS for a CPU.
 */
enum segue_core_note {
	SEGUE_CORE_HOST = 0x5301,     /* struct segue_core_host: one in each core, the first note */
	SEGUE_CORE_CPU = 0x5302,      /* struct segue_core_cpu */
	SEGUE_CORE_NO_CPU = 0x5303,   /* in the place of NT_PRSTATUS, of a CPU that is lost. Its contents mean nothing */
	SEGUE_CORE_CRASH = 0x5304,    /* struct segue_core_crash */
	SEGUE_CORE_KERNEL = 0x5305,   /* from the host: its name, its version, free text; three strings, each with a zero after it */
	SEGUE_CORE_LOG = 0x5306       /* from the host: struct segue_core_log */
};

/* flags of struct segue_core_host */
#define SEGUE_CORE_RESTORES 0x1u      /* the core can be started: restore_entry is valid */

struct segue_core_host {
	uint32_t size;                /* of this structure; later versions may be larger */
	uint32_t version;             /* SEGUE_VERSION of the host's library */
	uint32_t width;               /* 32 or 64: bits of the host's library */
	uint32_t flags;               /* SEGUE_CORE_* */
	uint64_t workspace;           /* physical */
	uint64_t workspace_size;
	/*
	 * Where the host goes on in its segue_call() if its memory is in place again: entered as a target of Multiboot is, but with
	 * any registers. It exchanges nothing with staging. 0: none.
	 */
	uint32_t restore_entry;
	uint32_t return_entry;        /* where the target returns to (segue_target.h); 0: the target does not come back */
	/* The control registers of the CPU that has left the host, or that segue_crash_cpu() has noted first; 0 until then. */
	uint64_t cr0, cr3, cr4, efer;
};

/* flags of struct segue_core_cpu */
#define SEGUE_CORE_CPU_NOTED 0x1u     /* the CPU has said what it was doing; without it the CPU is lost */

struct segue_core_cpu {
	uint32_t size;                /* of this structure */
	uint32_t cpu;                 /* its number at the host, from 0 */
	uint32_t flags;               /* SEGUE_CORE_CPU_* */
	uint32_t turns;               /* calls of segue_crash_cpu() with this number */
	uint32_t apic_id;             /* of its local APIC, by CPUID leaf 1; UINT32_MAX: unknown */
	uint32_t reserved;
	uint64_t cr0, cr2, cr3, cr4, efer; /* when it was noted */
};

#define SEGUE_CORE_TEXT 232u          /* bytes of text, with the zero after it */
struct segue_core_crash {
	uint32_t size;                /* of this structure */
	uint32_t cpu_count;           /* CPUs that have notes, lost ones too */
	uint32_t noted;               /* 1: first is valid */
	uint32_t first;               /* the CPU that was noted first: most likely the one that has crashed */
	uint32_t told;                /* 1: text is valid */
	uint32_t reserved;
	char text[SEGUE_CORE_TEXT];   /* of segue_crash_text(): why the host has crashed */
};

/* flags of struct segue_core_log */
#define SEGUE_CORE_LOG_COUNTS 0x1u    /* next is not a place in the ring but counts all bytes, and is taken modulo ring_size */

/* A ring buffer of text. Addresses are physical; each part is contiguous. */
struct segue_core_log {
	uint32_t size;                /* of this structure */
	uint32_t flags;               /* SEGUE_CORE_LOG_* */
	uint64_t ring, ring_size;
	uint64_t next;                /* where the number is that says at which byte of the ring, from 0, the next one goes */
	uint32_t next_size;           /* bytes of that number: 4 or 8 */
	uint32_t reserved;
};

#endif
