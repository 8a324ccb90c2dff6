/* SPDX-License-Identifier: MIT */
/*
 * PVH, Xen's boot protocol of guests without a firmware (docs/misc/pvh.pandoc). "start_info.h" is Xen's
 * include/public/arch-x86/hvm/start_info.h, "elfnote.h" its include/public/elfnote.h. The structures only provide offsets.
 */
#ifndef SEGUE_PVH_FORMAT_H
#define SEGUE_PVH_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* elfnote.h: the owner with its NUL, and the type of the note whose 4 or 8 bytes are the physical entry in 32-bit mode */
#define PVH_NOTE_OWNER "Xen"
#define PVH_NOTE_ENTRY 18u
#define PVH_NOTE_RELOCATABLE 19u

/* start_info.h */
#define PVH_MAGIC 0x336ec578u
#define PVH_VERSION 1u                /* the first with a memory map */

/* start_info.h: struct hvm_start_info. An address of 0: the thing is not there */
struct pvh_start_info {
	uint32_t magic, version;
	uint32_t flags;               /* SIF_*: of guests of Xen */
	uint32_t nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr;
	uint64_t memmap_paddr;
	uint32_t memmap_entries;
	uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, magic) == 0, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, version) == 4, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, flags) == 8, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, nr_modules) == 12, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, modlist_paddr) == 16, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, cmdline_paddr) == 24, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, rsdp_paddr) == 32, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, memmap_paddr) == 40, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, memmap_entries) == 48, "start_info.h");
_Static_assert(offsetof(struct pvh_start_info, reserved) == 52, "start_info.h");

/* start_info.h: struct hvm_modlist_entry, at modlist_paddr */
struct pvh_module {
	uint64_t paddr, size, cmdline_paddr;
	uint64_t reserved;
};
_Static_assert(sizeof(struct pvh_module) == 32, "start_info.h");
_Static_assert(offsetof(struct pvh_module, paddr) == 0, "start_info.h");
_Static_assert(offsetof(struct pvh_module, size) == 8, "start_info.h");
_Static_assert(offsetof(struct pvh_module, cmdline_paddr) == 16, "start_info.h");
_Static_assert(offsetof(struct pvh_module, reserved) == 24, "start_info.h");

/* start_info.h: struct hvm_memmap_table_entry, at memmap_paddr; types as in E820, up to persistent memory */
#define PVH_MEMORY_LAST 7u
struct pvh_memory {
	uint64_t addr, size;
	uint32_t type;
	uint32_t reserved;
};
_Static_assert(sizeof(struct pvh_memory) == 24, "start_info.h");
_Static_assert(offsetof(struct pvh_memory, addr) == 0, "start_info.h");
_Static_assert(offsetof(struct pvh_memory, size) == 8, "start_info.h");
_Static_assert(offsetof(struct pvh_memory, type) == 16, "start_info.h");
_Static_assert(offsetof(struct pvh_memory, reserved) == 20, "start_info.h");

#endif
