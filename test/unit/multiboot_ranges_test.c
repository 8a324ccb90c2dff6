/* SPDX-License-Identifier: MIT */
/* segue_range_from_multiboot(): maps as boot loaders pass them, truncated at every length, and with wrong sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "common/bytes.h"
#include "segue.h"

#define LIMIT 8u

static const struct segue_range known[] = {
	{0, 0x9fc00, SEGUE_MEMORY_RAM, 0}, {0x9fc00, 0xa0000, SEGUE_MEMORY_RESERVED, 0},
	{0x100000, 0x7fe0000, SEGUE_MEMORY_RAM, 0}, {0x7fe0000, 0x7fe0000, SEGUE_MEMORY_ACPI, 0},
	{0xfffc0000u, 0x100000000u, SEGUE_MEMORY_NVS, 0}, {0x100000000u, UINT64_MAX, 0xfffffff0u, 0},
};
#define KNOWN (sizeof known / sizeof *known)

static uint8_t bytes[1024];
static size_t size;

static void put_entry(const struct segue_range *range)
{
	put_le64(bytes + size, range->start);
	put_le64(bytes + size + 8, range->end - range->start);
	put_le32(bytes + size + 16, range->type);
	size += 20;
}

/* more: additional bytes in an entry, such as ACPI 3.0's attributes. */
static void make_1(size_t more)
{
	memset(bytes, 0xa5, sizeof bytes);
	size = 0;
	for (size_t i = 0; i < KNOWN; i++) {
		put_le32(bytes + size, (uint32_t)(20 + more));
		size += 4;
		put_entry(&known[i]);
		size += more;
	}
}

/* A command line of seven bytes before the map's tag, which must be aligned to be found. */
static void make_2(size_t entry_size)
{
	size_t tag = 24;

	memset(bytes, 0xa5, sizeof bytes);
	put_le32(bytes + 8, 1);
	put_le32(bytes + 12, 15);
	memcpy(bytes + 16, "ignore", 7);
	put_le32(bytes + tag, 6);
	put_le32(bytes + tag + 8, (uint32_t)entry_size);
	put_le32(bytes + tag + 12, 0);
	size = tag + 16;
	for (size_t i = 0; i < KNOWN; i++) {
		put_entry(&known[i]);
		size += entry_size - 20;
	}
	put_le32(bytes + tag + 4, (uint32_t)(size - tag));
	size += -size & 7;
	put_le32(bytes + size, 0);
	put_le32(bytes + size + 4, 8);
	size += 8;
	put_le32(bytes, (uint32_t)size);
}

/* On the heap, at an odd address, up to the end of the allocation, so that ASan reports a read past the end. */
static int read_copy(int version, size_t length, struct segue_range *ranges, size_t limit, size_t *count)
{
	uint8_t *copy = malloc(length + 1);
	int code;

	assert_non_null(copy);
	memcpy(copy + 1, bytes, length);
	code = segue_range_from_multiboot(version, copy + 1, length, ranges, limit, count);
	free(copy);
	return code;
}

static void expect_known(int version)
{
	for (size_t limit = 0; limit <= LIMIT; limit++) {
		struct segue_range ranges[LIMIT + 1], untouched;
		size_t count = 99;

		memset(ranges, 0x5a, sizeof ranges);
		untouched = ranges[LIMIT];
		assert_int_equal(read_copy(version, size, ranges, limit, &count), limit < KNOWN ? SEGUE_E_RANGE_LIMIT : SEGUE_OK);
		assert_int_equal(count, KNOWN);
		for (size_t i = 0; i <= LIMIT; i++)
			assert_memory_equal(&ranges[i], i < limit && i < KNOWN ? &known[i] : &untouched, sizeof *ranges);
	}
}

static void expect(int version, size_t length, int code)
{
	struct segue_range ranges[LIMIT];
	size_t count = 99;

	assert_int_equal(read_copy(version, length, ranges, LIMIT, &count), code);
	assert_int_equal(count, code == SEGUE_OK ? KNOWN : 0);
}

static void whole_maps(void **state)
{
	(void)state;
	for (size_t more = 0; more <= 12; more += 4) {
		make_1(more);
		expect_known(1);
		make_2(20 + more);
		expect_known(2);
	}
}

static void cut_anywhere(void **state)
{
	(void)state;
	make_1(4);
	for (size_t length = 1; length < size; length++) {
		struct segue_range ranges[LIMIT];
		size_t count = 99, whole = length % 28 == 0 ? length / 28 : 0;

		assert_int_equal(read_copy(1, length, ranges, LIMIT, &count), whole ? SEGUE_OK : SEGUE_E_RANGE_MAP);
		assert_int_equal(count, whole);
	}
	make_2(24);
	for (size_t length = 0; length < size; length++) {
		expect(2, length, SEGUE_E_RANGE_MAP);
		/* total_size is the truncated size */
		put_le32(bytes, (uint32_t)length);
		expect(2, length, SEGUE_E_RANGE_MAP);
		put_le32(bytes, (uint32_t)size);
	}
}

static void no_map(void **state)
{
	(void)state;
	expect(1, 0, SEGUE_E_RANGE_NONE);
	make_2(24);
	put_le32(bytes + 24, 7);
	expect(2, size, SEGUE_E_RANGE_NONE);
	make_2(24);
	put_le32(bytes + 8, 0);
	expect(2, size, SEGUE_E_RANGE_NONE);
}

static void lies(void **state)
{
	static const uint32_t sizes[] = {0, 1, 7, 19, 0x7fffffff, 0x80000000u, 0xfffffff8u, 0xfffffffcu, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		make_1(0);
		put_le32(bytes + 24, sizes[i]);
		expect(1, size, SEGUE_E_RANGE_MAP);
		make_2(24);
		put_le32(bytes + 32, sizes[i]);       /* entry_size */
		expect(2, size, SEGUE_E_RANGE_MAP);
		make_2(24);
		put_le32(bytes + 28, sizes[i]);       /* the tag's size */
		expect(2, size, SEGUE_E_RANGE_MAP);
		make_2(24);
		put_le32(bytes + 12, sizes[i] == 19 ? 9000 : sizes[i]); /* another tag's */
		expect(2, size, SEGUE_E_RANGE_MAP);
		make_2(24);
		put_le32(bytes, sizes[i]);            /* total_size */
		expect(2, size, SEGUE_E_RANGE_MAP);
	}
	/* a range that wraps */
	make_1(0);
	put_le64(bytes + 4, 1);
	put_le64(bytes + 12, UINT64_MAX);
	expect(1, size, SEGUE_E_RANGE_MAP);
	/* the last entry is truncated */
	make_2(24);
	put_le32(bytes + 28, (uint32_t)(16 + 24 * KNOWN - 4));
	expect(2, size, SEGUE_E_RANGE_MAP);
}

static void arguments(void **state)
{
	struct segue_range range;
	size_t count = 99;

	(void)state;
	make_1(0);
	assert_int_equal(segue_range_from_multiboot(1, bytes, size, &range, 1, NULL), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_range_from_multiboot(0, bytes, size, &range, 1, &count), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_range_from_multiboot(3, bytes, size, &range, 1, &count), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_range_from_multiboot(1, NULL, size, &range, 1, &count), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_range_from_multiboot(1, bytes, size, NULL, 1, &count), SEGUE_E_ARGUMENT);
	assert_int_equal(count, 0);
	assert_int_equal(segue_range_from_multiboot(1, bytes, size, NULL, 0, &count), SEGUE_E_RANGE_LIMIT);
	assert_int_equal(count, KNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_maps), cmocka_unit_test(cut_anywhere), cmocka_unit_test(no_map), cmocka_unit_test(lies),
		cmocka_unit_test(arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
