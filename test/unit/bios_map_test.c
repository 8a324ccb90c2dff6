/* SPDX-License-Identifier: MIT */
/* The BIOS's memory map, from simulated BIOSes: correct answers, and the errors that BIOSes make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bios/bios_map.h"

#define SMAP 0x534d4150u
#define SEGMENT 0x1200u
#define OFFSET 0x34u
#define CARRY SEGUE_BIOS_CARRY

struct entry {
	uint64_t base, length;
	uint32_t type, size, attributes;
};

static struct {
	struct entry entries[400];
	uint32_t count;
	int ends_by_carry, endless, forgets_signature;
	uint32_t e801[4];             /* AX BX CX DX; all 0: not known */
	uint32_t function_88, base_memory;
	int refuse_from;              /* this call and all later ones fail; 0: none */
	int calls, map_calls;
} bios;

static uint8_t data[BIOS_MAP_DATA];
static struct segue_range ranges[BIOS_MAP_MAX];

static void e820(struct segue_bios_registers *r)
{
	uint32_t i = r->ebx;
	const struct entry *entry;

	bios.map_calls++;
	assert_int_equal(r->edx, SMAP);
	assert_int_equal(r->ecx, 24);
	assert_int_equal(r->es, SEGMENT);
	assert_int_equal(r->edi, OFFSET);
	/* ACPI 3.0: a BIOS that returns 20 bytes does not write this field */
	assert_int_equal(data[20], 1);
	if (i >= bios.count && !bios.endless) {
		r->eflags |= CARRY;
		return;
	}
	entry = &bios.entries[i % bios.count];
	memcpy(data, &entry->base, 8);
	memcpy(data + 8, &entry->length, 8);
	memcpy(data + 16, &entry->type, 4);
	if (entry->size == 24)
		memcpy(data + 20, &entry->attributes, 4);
	r->eax = bios.forgets_signature ? 0 : SMAP;
	r->ecx = entry->size;
	r->ebx = bios.endless || bios.ends_by_carry || i + 1 < bios.count ? i + 1 : 0;
}

static void int15(struct segue_bios_registers *r)
{
	if (r->eax == 0xe820 && bios.count) {
		e820(r);
	} else if (r->eax == 0xe801 && (bios.e801[0] | bios.e801[1] | bios.e801[2] | bios.e801[3])) {
		r->eax = 0xdead0000 | bios.e801[0];
		r->ebx = 0xdead0000 | bios.e801[1];
		r->ecx = 0xdead0000 | bios.e801[2];
		r->edx = 0xdead0000 | bios.e801[3];
	} else if (r->eax == 0x8800 && bios.function_88) {
		r->eax = 0xdead0000 | bios.function_88;
	} else {
		r->eflags |= CARRY;
	}
}

static int call(struct bios_map *map, uint32_t vector, struct segue_bios_registers *r)
{
	(void)map;
	if (++bios.calls == bios.refuse_from)
		return SEGUE_E_BIOS_GONE;
	assert_true(bios.refuse_from == 0 || bios.calls < bios.refuse_from);
	r->eflags = 0x202;
	if (vector == 0x15)
		int15(r);
	else if (vector == 0x12)
		r->eax = 0xdead0000 | bios.base_memory;
	else
		fail_msg("INT %x", vector);
	return SEGUE_OK;
}

static void start(void)
{
	memset(&bios, 0, sizeof bios);
	memset(ranges, 0xa5, sizeof ranges);
	bios.base_memory = 639;
}

static void add(uint64_t base, uint64_t length, uint32_t type, uint32_t size, uint32_t attributes)
{
	bios.entries[bios.count++] = (struct entry){base, length, type, size, attributes};
}

/* Reads with room for this many ranges. Returns the code, and sets *count. */
static int read_into(size_t limit, size_t *count)
{
	struct bios_map map = {.call = call, .data = data, .segment = SEGMENT, .offset = OFFSET, .ranges = ranges, .limit = limit};
	int code = segue_bios_read_map(&map);

	*count = map.count;
	assert_true(map.count <= limit);
	if (limit < BIOS_MAP_MAX)
		assert_int_equal(ranges[limit].reserved, 0xa5a5a5a5);
	return code;
}

static void assert_range(size_t i, uint64_t start_, uint64_t end, uint32_t type)
{
	assert_int_equal(ranges[i].start, start_);
	assert_int_equal(ranges[i].end, end);
	assert_int_equal(ranges[i].type, type);
	assert_int_equal(ranges[i].reserved, 0);
}

static void test_entries(void **state)
{
	size_t count;

	(void)state;
	for (int by_carry = 0; by_carry < 2; by_carry++) {
		start();
		bios.ends_by_carry = by_carry;
		add(0, 0x9fc00, 1, 20, 0);
		add(0x9fc00, 0x400, 2, 24, 1);
		add(0x100000, 0x100000, 1, 24, 0);       /* to be ignored */
		add(0x200000, 0, 1, 24, 1);              /* empty */
		add(0x300000, 0x1000, 1, 16, 0);         /* too short to be an entry */
		add(0x100000, 0xff00000, 1, 24, 9);
		add(0xfffffffffffff000, 0x2000, 12, 20, 0); /* wraps; a type of the firmware's own */
		assert_int_equal(read_into(BIOS_MAP_MAX, &count), SEGUE_OK);
		assert_int_equal(count, 4);
		assert_range(0, 0, 0x9fc00, 1);
		assert_range(1, 0x9fc00, 0xa0000, 2);
		assert_range(2, 0x100000, 0x10000000, 1);
		assert_range(3, 0xfffffffffffff000, UINT64_MAX, 12);
		assert_int_equal(bios.calls, 7 + by_carry);
	}
}

static void test_endless(void **state)
{
	size_t count;

	(void)state;
	start();
	add(0x100000, 0xff00000, 1, 20, 0);
	bios.endless = 1;
	assert_int_equal(read_into(BIOS_MAP_MAX, &count), SEGUE_OK);
	assert_int_equal(count, BIOS_MAP_MAX);
	assert_int_equal(bios.map_calls, BIOS_MAP_MAX);
	/* E820 returns no usable range: E801 is used */
	start();
	add(0x100000, 0xff00000, 1, 24, 0);
	bios.endless = 1;
	bios.e801[0] = 1024;
	assert_int_equal(read_into(BIOS_MAP_MAX, &count), SEGUE_OK);
	assert_int_equal(bios.map_calls, BIOS_MAP_MAX);
	assert_int_equal(count, 3);
	assert_range(2, 0x100000, 0x200000, 1);
}

static void test_more_than_room(void **state)
{
	size_t count;

	(void)state;
	for (size_t limit = 0; limit < 6; limit++) {
		start();
		for (uint64_t i = 0; i < 5; i++)
			add(0x100000 + i * 0x2000, 0x1000, 1, 20, 0);
		assert_int_equal(read_into(limit, &count), limit < 5 ? SEGUE_E_BIOS_MAP_LIMIT : SEGUE_OK);
		assert_int_equal(count, limit);
	}
	/* without E820 there are three or four ranges */
	for (size_t limit = 0; limit < 5; limit++) {
		start();
		bios.e801[2] = 0x3c00;
		bios.e801[3] = 0x10;
		assert_int_equal(read_into(limit, &count), limit < 4 ? SEGUE_E_BIOS_MAP_LIMIT : SEGUE_OK);
	}
}

static void test_fallbacks(void **state)
{
	size_t count;

	(void)state;
	/* carry at the first call, no signature, or nothing above 1 MiB: treated as a BIOS without E820 */
	for (int how = 0; how < 3; how++) {
		start();
		if (how > 0)
			add(0, 0x9fc00, 1, 20, 0);
		if (how == 1)
			add(0x100000, 0x100000, 1, 20, 0);
		bios.forgets_signature = how == 1;
		bios.function_88 = 0xfc00;
		assert_int_equal(read_into(BIOS_MAP_MAX, &count), SEGUE_OK);
		assert_int_equal(count, 3);
		assert_range(0, 0, 639 * 1024, 1);
		assert_range(1, 639 * 1024, 0x100000, 2);
		assert_range(2, 0x100000, 0x4000000, 1);
		for (int in_cx = 0; in_cx < 2; in_cx++) {
			memset(bios.e801, 0, sizeof bios.e801);
			bios.e801[in_cx * 2] = 0xffff;
			bios.e801[in_cx * 2 + 1] = 0x10;
			assert_int_equal(read_into(BIOS_MAP_MAX, &count), SEGUE_OK);
			assert_int_equal(count, 4);
			assert_range(2, 0x100000, 0x1000000, 1);
			assert_range(3, 0x1000000, 0x1100000, 1);
		}
	}
}

static void test_no_memory(void **state)
{
	size_t count;

	(void)state;
	start();
	assert_int_equal(read_into(BIOS_MAP_MAX, &count), SEGUE_E_BIOS_MAP);
	start();
	add(0, 0x9fc00, 1, 20, 0);
	add(0x100000, 0x100000, 2, 20, 0);
	assert_int_equal(read_into(BIOS_MAP_MAX, &count), SEGUE_E_BIOS_MAP);
}

/* A failing call's code is returned, and no further call is made. */
static void test_refused_call(void **state)
{
	size_t count;

	(void)state;
	for (int at = 1; at <= 4; at++) {
		start();
		bios.refuse_from = at;
		assert_int_equal(read_into(BIOS_MAP_MAX, &count), SEGUE_E_BIOS_GONE);
		assert_int_equal(bios.calls, at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_more_than_room),
		cmocka_unit_test(test_fallbacks),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_refused_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
