/* SPDX-License-Identifier: MIT */
/*
 * Of Linux's zero page what a PC of pc_map.h with a text screen fills in. Offsets are numbers from Documentation/x86/boot.rst and
 * zero-page.rst, so that the tests find a wrong one in linux_header.h.
 */
#ifndef TEST_ZERO_PAGE_H
#define TEST_ZERO_PAGE_H

#include "common/bytes.h"
#include "pc_map.h"

#define ZERO_PAGE_SIZE 0x1000u

/* The machine of expect_machine() but for its screen, which is text. */
#define ZERO_PAGE_MACHINE .rsdp = 0xf5a10, .cursor_column = 7, .cursor_row = 12

static inline void expect_machine(uint8_t *expected)
{
	static const struct segue_range map[] = {PC_MAP};

	expected[0x00] = 7;
	expected[0x01] = 12;
	put_le16(expected + 0x02, 0xffff);    /* ext_mem_k: 126 MiB are more than it holds */
	expected[0x06] = 3;
	expected[0x07] = 80;
	put_le16(expected + 0x0a, 3);
	expected[0x0e] = 25;
	expected[0x0f] = 1;
	put_le16(expected + 0x10, 16);
	put_le64(expected + 0x70, 0xf5a10);
	put_le32(expected + 0x1e0, (0x7fe0000 - 0x100000) / 1024);
	expected[0x1e8] = sizeof map / sizeof *map;
	for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
		put_le64(expected + 0x2d0 + 20 * i, map[i].start);
		put_le64(expected + 0x2d8 + 20 * i, map[i].end - map[i].start);
		put_le32(expected + 0x2e0 + 20 * i, map[i].type);
	}
}

static inline void assert_zero_page(const uint8_t *page, const uint8_t *expected)
{
	for (size_t i = 0; i < ZERO_PAGE_SIZE; i++)
		if (page[i] != expected[i])
			fail_msg("zero page at %#zx: %#x, not %#x", i, page[i], expected[i]);
}

#endif
