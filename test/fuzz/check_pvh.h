/* SPDX-License-Identifier: MIT */
/* Checks what a PVH kernel finds when it follows the start info's pointers in fuzz_memory. */
#ifndef FUZZ_CHECK_PVH_H
#define FUZZ_CHECK_PVH_H

#include "check_multiboot.h"

/* An address or a size of 64 bits that must be below 4 GiB. */
static inline uint32_t low_at(uint64_t addr)
{
	CHECK(word_at(addr + 4) == 0, "the upper half at %#llx", (unsigned long long)addr);
	return word_at(addr);
}

static inline void check_pvh_modules(const struct world *w, uint32_t info)
{
	uint32_t count = word_at(info + 12), list = low_at(info + 16), own = count - (uint32_t)w->args.module_count;

	/* a bundle's own modules come first */
	CHECK(count >= w->args.module_count, "modules are missing");
	CHECK((count == 0) == (list == 0) && list % 8 == 0, "the list of %u modules", count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = list + 32 * i, start = low_at(at), size = low_at(at + 8), line = low_at(at + 16);

		CHECK(low_at(at + 24) == 0 && size <= MEMORY_SIZE && start <= MEMORY_SIZE - size, "module %u: %#x bytes at %#x", i, size, start);
		if (line)
			check_string(line);
		if (i >= own) {
			const struct segue_part *part = &w->args.modules[i - own];

			CHECK(size == part->size && !memcmp(fuzz_memory + start, part->data, part->size), "module %u is not whole", i);
			CHECK(part->cmdline ? !strcmp((const char *)fuzz_memory + line, part->cmdline) : line == 0, "the line of module %u", i);
		}
	}
}

static inline void check_pvh(const struct world *w)
{
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_range told[TOLD_MAX];
	struct segue_segment s;
	uint32_t info, map;
	size_t i = 0, count = told_map(w, told);

	segue_describe(w->args.workspace, &d);
	if (strcmp(d.protocol, "PVH"))
		return;
	do
		CHECK(segue_segment_at(w->args.workspace, i, &s) == SEGUE_OK, "there is no start info");
	while (++i, strcmp(s.name, "PVH start info"));
	info = (uint32_t)s.dest;
	CHECK(info % 8 == 0 && word_at(info) == 0x336ec578 && word_at(info + 4) == 1 && word_at(info + 8) == 0, "the head");
	CHECK(low_at(info + 32) == 0 && word_at(info + 52) == 0, "the RSDP");
	check_string(low_at(info + 24));
	check_pvh_modules(w, info);
	map = low_at(info + 40);
	CHECK(map % 8 == 0 && word_at(info + 48) == count, "a map of %u ranges", word_at(info + 48));
	for (i = 0; i < count; i++) {
		uint32_t at = map + 24 * (uint32_t)i;

		CHECK(word_at(at) == (uint32_t)told[i].start && word_at(at + 8) == (uint32_t)(told[i].end - told[i].start) &&
		      word_at(at + 16) == told[i].type && word_at(at + 20) == 0, "range %zu of the map", i);
	}
}

#endif
