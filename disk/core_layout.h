/* SPDX-License-Identifier: MIT */
/* What a core for gdb has, and where: ELF32 of a 32-bit host, ELF64 of a 64-bit one. */
#ifndef SEGUE_CORE_LAYOUT_H
#define SEGUE_CORE_LAYOUT_H

#include "core_file.h"
#include "output.h"

/*
 * A 64-bit host's memory that is mapped nowhere has these virtual addresses, which no CPU can have, so that gdb can read it.
 * In an ELF32 file there is no room for such addresses.
 */
#define CORE_PHYSICAL_BASE 0x4000000000000000ull
#define CORE_PHYSICAL_LIMIT (1ull << 52)

struct core_layout {
	struct core_list segments;    /* PT_LOADs, by virtual address; offset is in the new file */
	/* What is copied, by physical address; offset is in the new file, virt the offset in the old one. */
	struct core_list data;
	uint64_t size;
	/* Bytes that the new file does not have */
	uint64_t unmapped;            /* ELF32: nothing maps them */
	uint64_t too_high;            /* ELF32: physical addresses from 4 GiB on */
	struct output headers;        /* ELF header, program headers, notes */
	size_t notes_left_out, cpus_numbered;
};

/* mapped: virtual to physical, as the host or its tables say. False: a complaint has been printed. To be freed in both cases. */
bool core_lay_out(const struct core *core, const struct core_list *mapped, struct core_layout *layout);
void core_layout_free(struct core_layout *layout);

/* Can gdb open the file without a conversion? */
bool core_suits_gdb(const struct core *core);

#endif
