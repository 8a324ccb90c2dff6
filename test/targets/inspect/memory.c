/* SPDX-License-Identifier: MIT */
/* Reads untrusted memory, the loader's memory map, and our own place in it. */
#include "state.h"
#include "inspect_output.h"

struct map memory_map;

extern char inspect_image_start[], inspect_image_end[];
extern char inspect_bss_start[];
extern const volatile uint32_t inspect_pattern[], inspect_pattern_end[];

uint32_t peek8(uint32_t address)
{
	uint32_t value;

	/* GCC treats a load from a small constant address as a NULL dereference */
	__asm__ volatile("movzbl (%1), %0" : "=r"(value) : "r"(address));
	return value;
}

uint32_t peek16(uint32_t address)
{
	return peek8(address) + 256 * peek8(address + 1);
}

uint32_t peek32(uint32_t address)
{
	return peek16(address) + 65536 * peek16(address + 2);
}

uint64_t peek64(uint32_t address)
{
	return peek32(address) + ((uint64_t)peek32(address + 4) << 32);
}

uint32_t image_start(void)
{
	return (uint32_t)(uintptr_t)inspect_image_start;
}

uint32_t image_end(void)
{
	return (uint32_t)(uintptr_t)inspect_image_end;
}

bool ranges_meet(uint64_t a_start, uint64_t a_end, uint64_t b_start, uint64_t b_end)
{
	return a_start < b_end && b_start < a_end;
}

void map_add(uint64_t start, uint64_t length, uint32_t type)
{
	struct range *range;

	if (memory_map.count == MAP_MAX) {
		memory_map.dropped++;
		return;
	}
	range = &memory_map.range[memory_map.count++];
	range->start = start;
	range->end = start + length < start ? UINT64_MAX : start + length;
	range->type = type;
}

/* Is all of [start, end) available, and no part of it in a range of another type? */
bool map_has_ram(uint64_t start, uint64_t end)
{
	bool progress = true;

	for (uint32_t i = 0; i < memory_map.count; i++) {
		const struct range *range = &memory_map.range[i];

		if (range->type != 1 && ranges_meet(range->start, range->end, start, end))
			return false;
	}
	while (start < end && progress) {
		progress = false;
		for (uint32_t i = 0; i < memory_map.count; i++) {
			const struct range *range = &memory_map.range[i];

			if (range->type == 1 && range->start <= start && start < range->end) {
				start = range->end;
				progress = true;
			}
		}
	}
	return start >= end;
}

void map_judge(void)
{
	uint32_t available = 0, empty = 0, overlaps = 0;

	for (uint32_t i = 0; i < memory_map.count; i++) {
		const struct range *range = &memory_map.range[i];

		if (range->type == 1)
			available++;
		if (range->start == range->end)
			empty++;
		for (uint32_t j = 0; j < i; j++) {
			const struct range *other = &memory_map.range[j];

			if (ranges_meet(range->start, range->end, other->start, other->end))
				overlaps++;
		}
	}
	expect_that(available > 0, "protocol.map.available", "at least 1", "%u", available);
	expect("protocol.map.dropped", memory_map.dropped, 0);
	expect("protocol.map.empty_entries", empty, 0);
	expect("protocol.map.overlaps", overlaps, 0);
	expect_that(map_has_ram(image_start(), image_end()), "protocol.image.in_ram",
		    "all in available memory", "[%x, %x)", image_start(), image_end());
}

/* CRC-32 as in IEEE 802.3, bit by bit into a table of 256, then byte by byte. */
uint32_t crc32(uint32_t start, uint32_t size)
{
	static uint32_t table[256];
	const volatile uint8_t *p = (const volatile uint8_t *)(uintptr_t)start;
	uint32_t crc = 0xffffffff;

	if (table[255] == 0) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;

			for (uint32_t k = 0; k < 8; k++)
				c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
			table[i] = c;
		}
	}
	for (uint32_t i = 0; i < size; i++)
		crc = crc >> 8 ^ table[(crc ^ p[i]) & 255];
	return ~crc;
}

/* Counts bytes of .bss that are not zero, then clears .bss, so that we can use it. */
uint32_t clear_bss(void)
{
	uint32_t wrong = 0;

	for (volatile char *p = inspect_bss_start; p < inspect_image_end; p++) {
		if (*p)
			wrong++;
		*p = 0;
	}
	return wrong;
}

/* Checks that the loader copied all bytes, up to the last one, and zeroed .bss. */
void image_judge(bool loader_zeroes_bss, uint32_t nonzero_bss)
{
	uint32_t word = 1, wrong = 0;

	for (const volatile uint32_t *p = inspect_pattern; p < inspect_pattern_end; p++) {
		word = word * 1664525 + 1013904223;
		if (*p != word)
			wrong++;
	}
	expect("protocol.image.wrong_words", wrong, 0);
	if (loader_zeroes_bss)
		expect("protocol.image.nonzero_bss_bytes", nonzero_bss, 0);
	else
		not_applicable("protocol.image.nonzero_bss_bytes", "a bzImage clears its own .bss");
}
