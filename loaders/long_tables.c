/* SPDX-License-Identifier: MIT */
/* Page tables and a GDT for a target that is entered in 64-bit mode (Intel SDM vol. 3, 3.4.5, 4.5, 7.2.3 and 7.7). */
#include "long_tables.h"

/* One page for the GDT and the TSS, then the tables, the top one first. */
#define TSS64_AT 0x40u
#define TSS64_SIZE 104u
#define TSS64_IO_MAP 102u
#define GDT_CODE 0x10u
#define GDT_DATA 0x18u
#define GDT_TSS 0x20u
#define GDT_BYTES 0x30u

/* Flat descriptors. Accessed is set, so that the CPU does not write to them. */
#define GDT_CODE_32 0x00cf9b000000ffffull
#define GDT_CODE_64 0x00af9b000000ffffull
#define GDT_DATA_32 0x00cf93000000ffffull
#define GDT_TSS_HIGH 0x00008900u

#define TABLE_SHIFT 9u
#define LARGE_PAGE_SHIFT 21u
#define LARGE_PAGE 0x200000u
#define PRESENT_WRITABLE 0x3u
#define LARGE_ENTRY (PRESENT_WRITABLE | 0x80u)

#define CR0_PE_ET_PG 0x80000011u
#define CR4_PAE 0x20u
#define EFER_LME 0x100u
#define PAT_AT_RESET 0x0007040600070406ull
#define EFLAGS_FIXED 0x2u

struct tables {
	uint8_t *bytes;               /* the top table's */
	addr_t at;                    /* its physical address */
	uint32_t used;                /* pages */
};

static uint32_t units(uint64_t start, uint64_t end, uint32_t shift)
{
	return start < end ? (uint32_t)(((end - 1) >> shift) - (start >> shift)) + 1 : 0;
}

/*
 * The table that the entry of this one for a large page leads to; the entry's bits of the page's number begin at shift. The number
 * has 32 bits, because clang -Oz shifts 64 by a variable in libgcc.
 */
static uint8_t *table_below(struct tables *t, uint8_t *table, uint32_t number, uint32_t shift)
{
	uint8_t *entry = table + (number >> shift & 511u) * 8;

	if (le32(entry) == 0)
		put_le32(entry, (uint32_t)(t->at + PAGE * t->used++) | PRESENT_WRITABLE);
	return t->bytes + ((le32(entry) & ~(PAGE - 1)) - (uint32_t)t->at);
}

static void map(struct tables *t, uint64_t start, uint64_t end)
{
	for (uint64_t at = start & ~(uint64_t)(LARGE_PAGE - 1); at < end; at += LARGE_PAGE) {
		uint32_t number = (uint32_t)(at >> LARGE_PAGE_SHIFT);
		uint8_t *table = table_below(t, table_below(t, t->bytes, number, 2 * TABLE_SHIFT), number, TABLE_SHIFT);

		put_le64(table + (number & 511u) * 8, at | LARGE_ENTRY);
	}
}

static void fill_gdt(uint8_t *page, uint32_t at)
{
	uint32_t tss = at + TSS64_AT;

	put_le64(page + LONG_ENTRY_SWITCH, GDT_CODE_32);
	put_le64(page + GDT_CODE, GDT_CODE_64);
	put_le64(page + GDT_DATA, GDT_DATA_32);
	put_le32(page + GDT_TSS, tss << 16 | (TSS64_SIZE - 1));
	put_le32(page + GDT_TSS + 4, (tss & 0xff000000) | GDT_TSS_HIGH | (tss >> 16 & 0xff));
	put_le16(page + TSS64_AT + TSS64_IO_MAP, TSS64_SIZE);
}

int segue_add_long_tables(struct job *job, addr_t start, addr_t end, struct long_entry *entry)
{
	/* From the top, because a kernel of before 4.8 unpacks itself by these tables, and may do so anywhere in low RAM. */
	static const struct place place = {
		.min = ONE_MIB, .max = ADDRESS_LIMIT, .align = PAGE, .from_top = true, .error = SEGUE_E_NO_PLACE,
	};
	/* The GDT's; the top table; then one for each 512 GiB and one for each GiB, of which the first 4 GiB are in the first 512. */
	uint32_t pages = (end == 0 || (uint64_t)start >> 39 != 0 ? 7 : 6) + units(start, end, 39) + units(start, end, 30);
	struct tables tables = {.used = 1};
	uint8_t *page;
	addr_t at;
	int error = segue_add_table(job, "64-bit tables", pages * PAGE, &place, &page, &at);

	if (error != SEGUE_OK)
		return error;
	job->segments[job->segment_count - 1].target_type = SEGUE_MEMORY_RESERVED;
	fill_gdt(page, (uint32_t)at);
	tables.bytes = page + PAGE;
	tables.at = at + PAGE;
	map(&tables, 0, HIGH_START);
	map(&tables, start, end);
	*entry = (struct long_entry){
		.rflags = EFLAGS_FIXED, .efer = EFER_LME, .pat = PAT_AT_RESET, .cr0 = CR0_PE_ET_PG, .cr3 = (uint32_t)tables.at,
		.cr4 = CR4_PAE, .gdt = (uint32_t)at, .gdt_limit = GDT_BYTES - 1, .code = GDT_CODE, .data = GDT_DATA, .tss = GDT_TSS,
	};
	return SEGUE_OK;
}
