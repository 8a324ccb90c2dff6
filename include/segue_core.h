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
 * width. Notes with the name SEGUE_CORE_NAME are these. All numbers are little-endian.
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
	SEGUE_CORE_CPU = 0x5302,      /* struct segue_core_cpu: after a crash, one for each CPU */
	SEGUE_CORE_NO_CPU = 0x5303,   /* in the place of NT_PRSTATUS, of a CPU that is lost. Its contents mean nothing */
	SEGUE_CORE_CRASH = 0x5304     /* struct segue_core_crash: after a crash, one */
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
	uint32_t cpu;                 /* its number at the host, from 0; its NT_PRSTATUS has the next higher one as pr_pid */
	uint32_t flags;               /* SEGUE_CORE_CPU_* */
	uint32_t turns;               /* calls of segue_crash_cpu() */
	uint32_t apic_id;             /* of the local APIC, by CPUID; UINT32_MAX: unknown */
	uint32_t reserved;
	uint64_t cr0, cr2, cr3, cr4, efer; /* when it was noted */
};

struct segue_core_crash {
	uint32_t size;                /* of this structure */
	uint32_t noted;               /* 1: first is valid */
	uint32_t first;               /* the CPU that segue_crash_cpu() has noted first: most likely the one that has crashed */
	uint32_t cpu_count;
};

#endif
