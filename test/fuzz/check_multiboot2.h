/* SPDX-License-Identifier: MIT */
/* Checks what a Multiboot 2 kernel finds when it reads the information's tags in fuzz_memory. */
#ifndef FUZZ_CHECK_MULTIBOOT2_H
#define FUZZ_CHECK_MULTIBOOT2_H

#include "check_multiboot.h"

static inline void check_tag_map(const struct world *w, uint32_t tag, uint32_t size)
{
	struct segue_range told[TOLD_MAX];
	size_t count = told_map(w, told);

	CHECK(word_at(tag + 8) == 24 && word_at(tag + 12) == 0 && size == 16 + 24 * count, "a map of %u bytes", size);
	for (size_t i = 0; i < count; i++) {
		uint32_t at = tag + 16 + 24 * (uint32_t)i;

		CHECK(word_at(at) == (uint32_t)told[i].start && word_at(at + 8) == (uint32_t)(told[i].end - told[i].start) &&
		      word_at(at + 16) == told[i].type && word_at(at + 20) == 0, "range %zu of the map", i);
	}
}

static inline void check_tag_module(const struct world *w, uint32_t tag, uint32_t index, uint32_t count)
{
	uint32_t start = word_at(tag + 8), end = word_at(tag + 12), own = count - (uint32_t)w->args.module_count;

	CHECK(start <= end && end <= MEMORY_SIZE, "module %u: %#x to %#x", index, start, end);
	check_string(tag + 16);
	if (index >= own) {
		const struct segue_part *part = &w->args.modules[index - own];

		CHECK(end - start == part->size && !memcmp(fuzz_memory + start, part->data, part->size), "module %u is not whole", index);
	}
}

/* Tags are in the information, of each type but modules at most one, and an end tag ends it. */
static inline void check_multiboot2(const struct world *w)
{
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s;
	uint32_t info, end, count[32] = {0}, modules = 0, at;
	size_t i = 0;

	segue_describe(w->args.workspace, &d);
	if (strcmp(d.protocol, "Multiboot 2"))
		return;
	do
		CHECK(segue_segment_at(w->args.workspace, i, &s) == SEGUE_OK, "there is no information");
	while (++i, strcmp(s.name, "Multiboot information"));
	info = (uint32_t)s.dest;
	end = info + word_at(info);
	CHECK(info % 8 == 0 && word_at(info + 4) == 0 && word_at(info) <= s.size && word_at(info) >= 16, "the head");
	for (at = info + 8; word_at(at) != 0; at += (word_at(at + 4) + 7) & ~7u) {
		CHECK(word_at(at) < 32 && word_at(at + 4) >= 8 && word_at(at + 4) <= end - 8 - at, "a tag at %#x", at);
		count[word_at(at)]++;
	}
	CHECK(at + 8 == end && word_at(at + 4) == 8, "the end tag");
	for (i = 0; i < 32; i++)
		CHECK(count[i] <= 1 || i == 3, "%u tags %zu", count[i], i);
	CHECK(count[1] && count[2] && count[4] && count[6] && count[21], "a tag is missing");
	CHECK(count[3] >= w->args.module_count, "modules are missing");
	for (at = info + 8; word_at(at) != 0; at += (word_at(at + 4) + 7) & ~7u) {
		uint32_t size = word_at(at + 4);

		if (word_at(at) == 1 || word_at(at) == 2)
			check_string(at + 8);
		if (word_at(at) == 3)
			check_tag_module(w, at, modules++, count[3]);
		if (word_at(at) == 6)
			check_tag_map(w, at, size);
		if (word_at(at) == 9)
			CHECK(word_at(at + 8) && word_at(at + 16) < word_at(at + 8) && (word_at(at + 12) == 40 || word_at(at + 12) == 64) &&
			      size == 20 + word_at(at + 8) * word_at(at + 12), "section headers");
	}
}

#endif
