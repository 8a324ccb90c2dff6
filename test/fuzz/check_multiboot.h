/* SPDX-License-Identifier: MIT */
/* Checks what a Multiboot kernel finds when it follows the information's pointers in fuzz_memory. */
#ifndef FUZZ_CHECK_MULTIBOOT_H
#define FUZZ_CHECK_MULTIBOOT_H

#include "check.h"

static inline uint32_t word_at(uint64_t addr)
{
	const uint8_t *p = fuzz_memory + addr;

	CHECK(addr >= 0x10000 && addr <= MEMORY_SIZE - 4, "a pointer to %#llx", (unsigned long long)addr);
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void check_string(uint32_t addr)
{
	CHECK(addr >= 0x10000 && addr < MEMORY_SIZE && memchr(fuzz_memory + addr, 0, MEMORY_SIZE - addr), "a string without end");
}

static inline void check_modules(const struct world *w, uint32_t info)
{
	uint32_t count = word_at(info + 20), list = word_at(info + 24);

	/* a bundle's own modules come first */
	CHECK(count >= w->args.module_count, "modules are missing");
	for (uint32_t i = 0; i < count; i++) {
		uint32_t start = word_at(list + 16 * i), end = word_at(list + 16 * i + 4);

		CHECK(start <= end && end <= MEMORY_SIZE, "module %u: %#x to %#x", i, start, end);
		check_string(word_at(list + 16 * i + 8));
		if (i >= count - w->args.module_count) {
			const struct segue_part *part = &w->args.modules[i - (count - w->args.module_count)];

			CHECK(end - start == part->size && !memcmp(fuzz_memory + start, part->data, part->size), "module %u is not whole", i);
		}
	}
}

static inline void check_map(const struct world *w, uint32_t info)
{
	uint32_t length = word_at(info + 44), at = word_at(info + 48), end = at + length;
	struct segue_range told[TOLD_MAX];
	size_t i = 0, count = told_map(w, told);

	for (; at < end; at += word_at(at) + 4, i++) {
		CHECK(i < count, "more ranges than there are");
		CHECK(word_at(at + 4) == (uint32_t)told[i].start && word_at(at + 12) == (uint32_t)(told[i].end - told[i].start) &&
		      word_at(at + 20) == told[i].type, "range %zu of the map", i);
	}
	CHECK(i == count && at == end, "the map ends elsewhere");
}

static inline void check_multiboot(const struct world *w)
{
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s;
	uint32_t flags, info;
	size_t i = 0;

	segue_describe(w->args.workspace, &d);
	if (strcmp(d.protocol, "Multiboot 1"))
		return;
	do
		CHECK(segue_segment_at(w->args.workspace, i, &s) == SEGUE_OK, "there is no information");
	while (++i, strcmp(s.name, "Multiboot information"));
	info = (uint32_t)s.dest;
	flags = word_at(info);
	CHECK((flags & 0x245) == 0x245, "flags %#x", flags);
	check_string(word_at(info + 16));
	check_string(word_at(info + 64));
	if (flags & 8)
		check_modules(w, info);
	else
		CHECK(w->args.module_count == 0, "modules are missing");
	check_map(w, info);
	if (flags & 0x20) {
		uint32_t num = word_at(info + 28), size = word_at(info + 32), addr = word_at(info + 36);

		CHECK(word_at(info + 40) < num && num && (size == 40 || size == 64), "section headers");
		word_at(addr + num * size - 4);
	}
}

#endif
