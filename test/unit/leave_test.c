/* SPDX-License-Identifier: MIT */
/* The page tables that segue_exec() leaves the host with, walked as the CPU walks them in each paging mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "leave/leave.h"

#define PHYS 0x12345000u              /* of the leave page; the tables follow it */
#define FAULT 1u                      /* not the address of a page */

struct mode {
	unsigned levels, bits;
};
static const struct mode mode_32 = {2, 10}, mode_pae = {3, 9};
#if ADDRESS_MAX > UINT32_MAX
static const struct mode mode_4 = {4, 9}, mode_5 = {5, 9};
#endif

struct memory {
	uint8_t *page;                /* the leave page, and the tables behind it */
	uint32_t count;               /* of tables */
};

static uint64_t read_entry(const struct memory *m, uint64_t table, uint64_t index, unsigned bits)
{
	uint64_t offset = table - PHYS, size = bits == 10 ? 4 : 8, entry = 0;

	assert_int_equal(table % PAGE, 0);
	assert_in_range(offset, PAGE, m->count * PAGE);
	memcpy(&entry, m->page + offset + index * size, size);
	return entry;
}

/* Intel SDM vol. 3, 4.3 to 4.5: returns the page of a linear address, or FAULT. Reserved bits must be 0. */
static uint64_t walk(const struct memory *m, const struct mode *mode, uint64_t root, uint64_t linear)
{
	uint64_t table = root;

	for (unsigned level = mode->levels; level-- > 0;) {
		unsigned bits = mode->levels == 3 && level == 2 ? 2 : mode->bits;
		uint64_t entry = read_entry(m, table, linear >> (12 + mode->bits * level) & ((1u << bits) - 1), mode->bits);

		if (!(entry & 1))
			return FAULT;
		/* present and writable, supervisor; nothing else but the address, and of PAE's first entries present only */
		assert_int_equal(entry & 0xfff, mode->levels == 3 && level == 2 ? 1 : 3);
		assert_int_equal(entry >> 32, 0);
		table = entry & ~(uint64_t)0xfff;
	}
	return table;
}

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
	return (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

static uint64_t random64(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static uint64_t random_page(const struct mode *mode)
{
	uint64_t at = random64() & ~(uint64_t)0xfff;

	if (mode->levels < 4)
		return at & 0xffffffff;
	return sign_extend(at, mode->levels == 4 ? 48 : 57);
}

/* All three addresses are mapped to the leave page, and their neighbours are not mapped. */
static void check(const struct memory *m, const struct mode *mode, uint32_t root, const addr_t linear[3])
{
	assert_in_range(m->count, 0, LEAVE_TABLES);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(walk(m, mode, root, linear[i]), PHYS);
		for (int step = -1; step <= 1; step += 2) {
			uint64_t next = (linear[i] & ~(addr_t)0xfff) + (uint64_t)(int64_t)(step * (int)PAGE);
			bool ours = false;

			if (mode->levels < 4)
				next &= 0xffffffff;
			/* 5-level tables share one 4-level table, so addresses that are equal in 48 bits are mapped too */
			for (int j = 0; j < 3; j++)
				ours |= ((next ^ linear[j]) & (mode->levels == 5 ? 0xfffffffff000 : ~(uint64_t)0xfff)) == 0;
			if (!ours)
				assert_int_equal(walk(m, mode, root, next), FAULT);
		}
	}
}

static uint32_t build(struct leave_tables *tables, struct memory *m, const struct mode *mode, const addr_t linear[3])
{
	uint32_t root;

	memset(m->page, 0, LEAVE_PAGES * PAGE);
	*tables = (struct leave_tables){.page = m->page, .phys = PHYS};
#if ADDRESS_MAX > UINT32_MAX
	if (mode->levels == 5)
		root = segue_leave_map_57(tables, segue_leave_map(tables, 4, linear), linear);
	else
#endif
		root = segue_leave_map(tables, mode->levels, linear);
	m->count = tables->used;
	return root;
}

static void check_mode(const struct mode *mode)
{
	struct memory m = {.page = malloc(LEAVE_PAGES * PAGE)};
	struct leave_tables tables;

	for (int turn = 0; turn < 4000; turn++) {
		addr_t linear[3] = {(addr_t)random_page(mode) + turn % 4096, (addr_t)random_page(mode), PHYS};

		/* any two of them in one page, in adjacent pages, or in one table */
		if (turn % 8 == 1)
			linear[0] = PHYS + 0x400;
		if (turn % 8 == 2)
			linear[1] = PHYS;
		if (turn % 8 == 3)
			linear[0] = linear[1] = PHYS;
		if (turn % 8 == 4)
			linear[0] = PHYS + PAGE;
		if (turn % 8 == 5)
			linear[1] = PHYS - PAGE;
		if (turn % 8 == 6)
			linear[1] = linear[0] - 7 * PAGE;
		check(&m, mode, build(&tables, &m, mode, linear), linear);
	}
	free(m.page);
}

static void test_32_bit(void **state)
{
	(void)state;
	check_mode(&mode_32);
}

static void test_pae(void **state)
{
	(void)state;
	check_mode(&mode_pae);
}

#if ADDRESS_MAX > UINT32_MAX
static void test_4_level(void **state)
{
	(void)state;
	check_mode(&mode_4);
}

static void test_5_level(void **state)
{
	(void)state;
	check_mode(&mode_5);
}
#endif

struct loaded_gate {
	struct segue_load_args args;
	struct job job;
	uint8_t *workspace;
	const struct leave *leave;
};

/* base, of code and data, changes the gate's linear address but not the bytes that are copied. */
static void prepare(struct loaded_gate *g, uint32_t phys, uint32_t base)
{
	static const struct segue_machine machine = {.serial_port = 0x3f8};

	memset(g, 0, sizeof *g);
	g->workspace = aligned_alloc(PAGE, LEAVE_AT + LEAVE_PAGES * PAGE);
	memset(g->workspace, 0, LEAVE_AT + LEAVE_PAGES * PAGE);
	g->args = (struct segue_load_args){
		.workspace = g->workspace, .machine = &machine, .code_base = base, .data_base = base};
	g->job = (struct job){.args = &g->args, .machine = &machine, .workspace = g->workspace, .workspace_phys = phys};
	segue_prepare_leave(&g->job);
	memcpy(&g->leave, g->workspace + LEAVE_POINTER_AT, sizeof g->leave);
}

/* The gate's copy has the gate's own offset in its page, and does not overlap the structure and its stack. */
static void check_leave_page(uint32_t base)
{
	struct loaded_gate g;
	size_t size = (size_t)(segue_gate_end - segue_gate), at, leave_at;
	size_t gate_at = ((uintptr_t)segue_gate + base) % PAGE;
	uint8_t *page;

	prepare(&g, PHYS - LEAVE_AT, base);
	page = g.workspace + LEAVE_AT;
	assert_in_range(size, 1, GATE_LIMIT);
	assert_int_equal(g.leave->gate & ~(PAGE - 1), PHYS);
	at = g.leave->gate % PAGE;
	/* if the gate crosses a page, that offset is impossible, and paging must be off */
	assert_int_equal(at, gate_at + size <= PAGE ? gate_at : 0);
	assert_memory_equal(page + at, segue_gate, size);
	leave_at = (size_t)((const uint8_t *)g.leave - page);
	assert_int_equal(g.leave->physical, PHYS + leave_at);
	assert_int_equal(g.leave->linear & UINT32_MAX, ((uintptr_t)g.leave + base) & UINT32_MAX);
	assert_int_equal(leave_at % 16, 0);
	assert_in_range(leave_at, LEAVE_STACK, PAGE + LEAVE_STACK - LEAVE_SIZE);
	assert_true(leave_at + LEAVE_SIZE - LEAVE_STACK <= at || at + size <= leave_at - LEAVE_STACK);
	assert_int_equal(g.leave->purgatory, PHYS - LEAVE_AT);
	assert_int_equal(g.leave->serial, 0x3f8);
	assert_int_equal(g.leave->code_base, base);
	free(g.workspace);
}

static void test_the_leave_page(void **state)
{
	(void)state;
	for (uint32_t base = 0; base < 2 * PAGE; base += 0x10)
		check_leave_page(base);
}

/* Both roots map the gate, the structure and its physical address to the leave page. */
static void test_the_roots(void **state)
{
	struct loaded_gate g;
	struct memory m;
	addr_t linear[3];

	(void)state;
	prepare(&g, PHYS - LEAVE_AT, 0);
	m = (struct memory){.page = g.workspace + LEAVE_AT, .count = LEAVE_TABLES};
	linear[0] = (addr_t)(uintptr_t)segue_gate;
	linear[1] = (addr_t)g.leave->linear;
	linear[2] = PHYS;
#if ADDRESS_MAX > UINT32_MAX
	check(&m, &mode_4, g.leave->root, linear);
	check(&m, &mode_5, g.leave->wide_root, linear);
#else
	check(&m, &mode_32, g.leave->root, linear);
	check(&m, &mode_pae, g.leave->wide_root, linear);
#endif
	free(g.workspace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_32_bit),
		cmocka_unit_test(test_pae),
#if ADDRESS_MAX > UINT32_MAX
		cmocka_unit_test(test_4_level),
		cmocka_unit_test(test_5_level),
#endif
		cmocka_unit_test(test_the_leave_page),
		cmocka_unit_test(test_the_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
