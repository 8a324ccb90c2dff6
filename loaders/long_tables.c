/* SPDX-License-Identifier: MIT */
/* Page tables and a GDT for a target that is entered in 64-bit mode (Intel SDM vol. 3, 3.4.5, 4.5, 7.2.3 and 7.7). */
#include "common/placement.h"
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

/* Tables that the entries of this level lead to: one for each unit of which bytes are mapped. */
static uint32_t tables_for(const struct range *high, size_t count, uint32_t shift)
{
	/* The first 4 GiB are mapped always. */
	uint32_t next = (uint32_t)((HIGH_START - 1) >> shift) + 1, tables = next;

	for (size_t i = 0; HIGH_LIMIT > ADDRESS_LIMIT && i < count; i++) {
		uint32_t first = (uint32_t)((uint64_t)high[i].start >> shift), last = (uint32_t)((uint64_t)(high[i].end - 1) >> shift);

		if (first < next)
			first = next;
		next = last + 1;
		tables += next - first;
	}
	return tables;
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

static int add(struct job *job, size_t size, bool stay, uint8_t **table, addr_t *at)
{
	static const char name[] = "64-bit tables";
	/* From the top, because a kernel of before 4.8 unpacks itself by these tables, and may do so anywhere in low RAM. */
	static const struct place place = {
		.min = ONE_MIB, .max = ADDRESS_LIMIT, .align = PAGE, .from_top = true, .error = SEGUE_E_NO_PLACE,
	};
#if ADDRESS_MAX > UINT32_MAX
	struct segment here = {.name = name, .number = NO_NUMBER, .size = size, .source = {.size = size, .part = PART_WORKSPACE}};

	if (stay && !segue_find_free(job, size, &place, at)) {
		here.source.data = *table = segue_arena_take(&job->arena, size, PAGE);
		if (!*table)
			return SEGUE_E_WORKSPACE_SMALL;
		here.dest = *at = job->workspace_phys + (addr_t)(*table - job->workspace);
		/* Nothing is moved, so it need not be the target's RAM. */
		if (!segue_claim_that_meets(job, *at, *at + size))
			return segue_add_known(job, &here);
	}
#else
	(void)stay;
#endif
	return segue_add_table(job, name, size, &place, table, at);
}

int segue_add_long_tables(struct job *job, const struct range *high, size_t count, bool stay, struct long_entry *entry)
{
	/* The GDT's; the top table; then one for each 512 GiB and one for each GiB. */
	uint32_t pages = 2 + tables_for(high, count, 39) + tables_for(high, count, 30);
	struct tables tables = {.used = 1};
	uint8_t *page;
	addr_t at;
	int error = add(job, pages * PAGE, stay, &page, &at);

	if (error != SEGUE_OK)
		return error;
	job->segments[job->segment_count - 1].target_type = SEGUE_MEMORY_RESERVED;
	fill_gdt(page, (uint32_t)at);
	tables.bytes = page + PAGE;
	tables.at = at + PAGE;
	map(&tables, 0, HIGH_START);
	for (size_t i = 0; HIGH_LIMIT > ADDRESS_LIMIT && i < count; i++)
		map(&tables, high[i].start, high[i].end);
	*entry = (struct long_entry){
		.rflags = EFLAGS_FIXED, .efer = EFER_LME, .pat = PAT_AT_RESET, .cr0 = CR0_PE_ET_PG, .cr3 = (uint32_t)tables.at,
		.cr4 = CR4_PAE, .gdt = (uint32_t)at, .gdt_limit = GDT_BYTES - 1, .code = GDT_CODE, .data = GDT_DATA, .tss = GDT_TSS,
	};
	return SEGUE_OK;
}
