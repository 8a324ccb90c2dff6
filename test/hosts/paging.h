/* SPDX-License-Identifier: MIT */
/* Page tables in every format that a host may use. */
#ifndef PAGING_H
#define PAGING_H

#include "host.h"

/* Intel SDM vol. 3, tables 4-4 to 4-20 */
#define ENTRY_PRESENT 0x1u
#define ENTRY_WRITE 0x2u
#define ENTRY_USER 0x4u
#define ENTRY_NO_CACHE 0x10u
#define ENTRY_ACCESSED 0x20u
#define ENTRY_DIRTY 0x40u
#define ENTRY_LARGE 0x80u
#define ENTRY_GLOBAL 0x100u
#define ENTRY_NO_EXECUTE ((uint64_t)1 << 63)

struct tables {
	enum host_mode mode;
	bool no_execute;              /* keep ENTRY_NO_EXECUTE; otherwise it is dropped */
	bool global;                  /* keep ENTRY_GLOBAL */
	bool settled;                 /* set accessed and dirty at once, so that the CPU writes nothing */
	uint64_t root;
};

/* Takes zeroed pages for tables; defined in boot.c. */
uint64_t take_pages(uint64_t count);

void tables_begin(struct tables *tables);
/* The size of the mode's largest page below 1 GiB; 4 KiB in MODE_4K. */
uint64_t large_page(const struct tables *tables);
/* Maps whole pages. With large set it uses large pages where the addresses and the size allow it. */
void map(struct tables *tables, uint64_t linear, uint64_t physical, uint64_t size, uint64_t flags, bool large);
/* The root is its own table at this slot; with PAE the four page directories are, from this slot of all 2048 on. */
void map_recursively(struct tables *tables, uint32_t slot);
void unmap_page(struct tables *tables, uint64_t linear);

#endif
