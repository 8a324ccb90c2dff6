/* SPDX-License-Identifier: MIT */
/* The refusals of segue_bios() and segue_physical_call(): each has its code and its sentence, and leaves the workspace unchanged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "segue.h"

static struct segue_bios_args args;
static struct segue_bios_registers registers;
static uint8_t *workspace;
static uint32_t entry;
static char sentence[256];

static void note(void *context, int level, const char *text)
{
	(void)context;
	assert_int_equal(level, SEGUE_LOG_ERROR);
	assert_int_equal(sentence[0], 0);
	strncpy(sentence, text, sizeof sentence - 1);
}

static void old_struct(void) { args.struct_size--; }
static void unknown_flag(void) { args.flags = 0x8; }
static void no_workspace(void) { args.workspace = NULL; }
static void no_data(void) { args.data = NULL; args.data_size = 1; }
static void no_pit_mode(void) { args.pit_mode = 6; }
static void based(void) { args.code_base = 0x1000; }
static void off_page(void) { args.workspace = workspace + 16; }
static void off_page_physical(void) { args.workspace_phys = 0x3000010; }
static void too_high(void) { args.workspace_phys = 0xfffff000 - SEGUE_BIOS_WORKSPACE_SIZE + 4096; }
static void highest(void) { args.workspace_phys = 0xfffff000 - SEGUE_BIOS_WORKSPACE_SIZE; }
static void too_small(void) { args.workspace_size = SEGUE_BIOS_WORKSPACE_SIZE - 1; }
static void too_much(void) { args.data_size = SEGUE_BIOS_DATA_MAX + 1; }
static void most(void) { args.data_size = SEGUE_BIOS_DATA_MAX; }
static void low_off_page(void) { args.low_phys = 0x10010; }
static void too_low(void) { args.low_phys = 0x10; }
static void lowest(void) { args.low_phys = 0x1000; }
static void low_too_high(void) { args.low_phys = 0x8d000; }
static void over_low(void) { args.workspace_phys = 0x10000; }
static void into_low(void) { args.workspace_phys = 0xf000; }
static void into_low_by_its_end(void) { args.workspace_phys = 0x2000; args.low_phys = 0x16000; }
static void over_the_end_of_low(void) { args.workspace_phys = 0x13000; args.data_size = 0x1001; }
static void behind_low(void) { args.workspace_phys = 0x13000; args.data_size = 0x1000; }
static void before_low(void) { args.workspace_phys = 0x1000; args.low_phys = 0x16000; }
static void over_vectors(void) { args.workspace_phys = 0; }
static void over_video(void) { args.workspace_phys = 0x8c000; }
static void below_video(void) { args.workspace_phys = 0x8b000; }
static void over_rom(void) { args.workspace_phys = 0xff000; }
static void above_rom(void) { args.workspace_phys = 0x100000; }
static void data_inside(void) { args.data = workspace + 100; args.data_size = 10; }
static void data_across(void) { args.data = workspace - 5; args.data_size = 6; }
static void low_highest(void) { args.low_phys = 0x8c000; }

struct refusal {
	const char *name;
	void (*spoil)(void);
	int code;
	const char *says;
};

static const struct refusal refusals[] = {
	{"older struct", old_struct, SEGUE_E_STRUCT_SIZE, NULL},
	{"unknown flag", unknown_flag, SEGUE_E_FLAGS, "flag"},
	{"no workspace", no_workspace, SEGUE_E_ARGUMENT, "argument"},
	{"no data", no_data, SEGUE_E_ARGUMENT, "argument"},
	{"no such mode", no_pit_mode, SEGUE_E_ARGUMENT, "argument"},
	{"a base in 64-bit mode", based, SEGUE_E_ARGUMENT, "argument"},
	{"off page", off_page, SEGUE_E_WORKSPACE_ALIGN, "page"},
	{"off page, physical", off_page_physical, SEGUE_E_WORKSPACE_ALIGN, "page"},
	{"too high", too_high, SEGUE_E_WORKSPACE_HIGH, "4 GiB"},
	{"too small", too_small, SEGUE_E_WORKSPACE_SMALL, "86015 bytes of 86016"},
	{"too much data", too_much, SEGUE_E_BIOS_DATA, "8193 bytes; 8192 at most"},
	{"low off page", low_off_page, SEGUE_E_BIOS_LOW, "0x10010 to 0x14010"},
	{"too low", too_low, SEGUE_E_BIOS_LOW, "0x10 to"},
	{"low too high", low_too_high, SEGUE_E_BIOS_LOW, "0x8d000 to 0x91000"},
	{"over low", over_low, SEGUE_E_BIOS_OVERLAP, "0x10000 to 0x25000"},
	{"into low", into_low, SEGUE_E_BIOS_OVERLAP, "borrows 0x10000 to 0x12000"},
	{"into low by its end", into_low_by_its_end, SEGUE_E_BIOS_OVERLAP, "borrows 0x16000 to 0x18000"},
	{"over the end of low", over_the_end_of_low, SEGUE_E_BIOS_OVERLAP, "borrows 0x10000 to 0x14000"},
	{"over vectors", over_vectors, SEGUE_E_BIOS_OVERLAP, "0x0 to 0x15000; the BIOS has 0 to 0x1000"},
	{"over video memory", over_video, SEGUE_E_BIOS_OVERLAP, "0x8c000 to 0xa1000"},
	{"over ROM", over_rom, SEGUE_E_BIOS_OVERLAP, "0xff000 to 0x114000"},
	{"data in the workspace", data_inside, SEGUE_E_WORKSPACE_USED, "arguments"},
	{"data across its start", data_across, SEGUE_E_WORKSPACE_USED, "arguments"},
	/* With correct arguments it goes on to the check that fails in a user program. */
	{"highest", highest, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"behind low", behind_low, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"before low", before_low, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"below video memory", below_video, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"above ROM", above_rom, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"most data", most, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"lowest", lowest, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"low highest", low_highest, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
};

/* Of segue_physical_call(); without a change: real mode, 0x100 bytes, entered at 0. */
static void flat(void) { args.flags = SEGUE_PHYSICAL_32BIT; }
static void flag_above(void) { args.flags = 0x10; }
static void no_bytes(void) { args.data_size = 0; }
static void at_the_end(void) { entry = 0x100; }
static void last_byte(void) { entry = 0xff; }
static void flat_at_the_end(void) { flat(); entry = 0x100; }
static void large(uint32_t size) { args.data_size = size; args.workspace_size = SEGUE_BIOS_WORKSPACE_SIZE + 0x80000; }
static void segment_end(void) { large(0x20000); entry = 0x10000; }
static void last_of_segment(void) { large(0x20000); entry = 0xffff; }
static void flat_above_segment(void) { flat(); segment_end(); }
static void above_most(void) { large(SEGUE_PHYSICAL_DATA_MAX + 1); }
static void flat_most(void) { flat(); large(SEGUE_PHYSICAL_DATA_MAX); args.low_phys = 0x200000; }
static void real_most(void) { large(0x7d000); args.low_phys = 0x11000; }
static void real_above_most(void) { large(0x7d001); args.low_phys = 0x11000; }
static void small_for_data(void) { args.data_size = SEGUE_BIOS_DATA_MAX + 1; args.workspace_size = SEGUE_BIOS_WORKSPACE_SIZE; }
static void enough_for_data(void) { small_for_data(); args.workspace_size += 0x1000; }
static void real_in_high(void) { args.low_phys = 0x200000; }
static void flat_in_high(void) { flat(); args.low_phys = 0x200000; }
static void flat_at_1_mib(void) { flat(); args.low_phys = 0x100000; }
static void flat_in_video(void) { flat(); args.low_phys = 0xa0000; }
static void flat_into_video(void) { flat(); args.low_phys = 0x8d000; }
static void flat_in_vectors(void) { flat(); args.low_phys = 0x10; }
static void flat_off_page(void) { flat(); args.low_phys = 0x200010; }
static void flat_highest(void) { flat(); args.low_phys = 0xffffb000; }
static void flat_too_high(void) { flat(); args.low_phys = 0xffffc000; }
static void flat_over_workspace(void) { flat(); args.low_phys = 0x3000000 - 0x2000; }
static void flat_below_workspace(void) { flat(); args.low_phys = 0x3000000 - 0x3000; }
static void high_for_data(void) { flat_most(); args.workspace_phys = 0xfffff000 - SEGUE_BIOS_WORKSPACE_SIZE - 0x7d000; }

static const struct refusal physical_refusals[] = {
	{"older struct", old_struct, SEGUE_E_STRUCT_SIZE, NULL},
	{"unknown flag", flag_above, SEGUE_E_FLAGS, "flag"},
	{"no workspace", no_workspace, SEGUE_E_ARGUMENT, "argument"},
	{"no binary", no_bytes, SEGUE_E_PHYSICAL_ENTRY, "0x0, in 0 bytes"},
	{"entry at the end", at_the_end, SEGUE_E_PHYSICAL_ENTRY, "0x100, in 256 bytes"},
	{"the same, 32-bit", flat_at_the_end, SEGUE_E_PHYSICAL_ENTRY, "0x100, in 256 bytes"},
	{"entry above the segment", segment_end, SEGUE_E_PHYSICAL_ENTRY, "0x10000, in 131072 bytes"},
	{"too much data", above_most, SEGUE_E_BIOS_DATA, "524289 bytes; 524288 at most"},
	{"more than base memory", real_above_most, SEGUE_E_BIOS_LOW, "0x11000 to 0x91000"},
	{"workspace small for the data", small_for_data, SEGUE_E_WORKSPACE_SMALL, "86016 bytes of 90112"},
	{"workspace high for the data", high_for_data, SEGUE_E_WORKSPACE_HIGH, "4 GiB"},
	{"real mode above 1 MiB", real_in_high, SEGUE_E_BIOS_LOW, "0x200000 to 0x204000"},
	{"video memory", flat_in_video, SEGUE_E_BIOS_LOW, "0xa0000 to 0xa4000"},
	{"into the EBDA", flat_into_video, SEGUE_E_BIOS_LOW, "0x8d000 to 0x91000"},
	{"vectors", flat_in_vectors, SEGUE_E_BIOS_LOW, "0x10 to"},
	{"off page", flat_off_page, SEGUE_E_BIOS_LOW, "0x200010 to"},
	{"into the last page", flat_too_high, SEGUE_E_BIOS_LOW, "0xffffc000 to"},
	{"over the workspace", flat_over_workspace, SEGUE_E_BIOS_OVERLAP, "borrows 0x2ffe000 to 0x3001000"},
	{"data in the workspace", data_inside, SEGUE_E_WORKSPACE_USED, "arguments"},
	{"last byte", last_byte, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"last of the segment", last_of_segment, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"32-bit above the segment", flat_above_segment, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"most data", flat_most, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"most data in real mode", real_most, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"workspace for the data", enough_for_data, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"32-bit above 1 MiB", flat_in_high, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"32-bit at 1 MiB", flat_at_1_mib, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"highest", flat_highest, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
	{"below the workspace", flat_below_workspace, SEGUE_E_READY_PRIVILEGE, "CPL 0"},
};

static void check_refusals(const struct refusal *each, size_t count, size_t data_size,
			   int (*call)(const struct segue_bios_args *, uint32_t, struct segue_bios_registers *))
{
	static uint8_t data[SEGUE_PHYSICAL_DATA_MAX + 1];

	workspace = aligned_alloc(4096, SEGUE_BIOS_WORKSPACE_SIZE + SEGUE_PHYSICAL_DATA_MAX);
	memset(workspace, 0x5a, SEGUE_BIOS_WORKSPACE_SIZE + SEGUE_PHYSICAL_DATA_MAX);
	for (; count; count--, each++) {
		int code;

		args = (struct segue_bios_args){.struct_size = sizeof args, .workspace = workspace, .workspace_phys = 0x3000000,
						.workspace_size = SEGUE_BIOS_WORKSPACE_SIZE, .data = data, .data_size = data_size,
						.log = note};
		entry = 0;
		memset(sentence, 0, sizeof sentence);
		each->spoil();
		code = call(&args, entry, &registers);
		if (code != each->code || (each->says && !strstr(sentence, each->says)))
			fail_msg("%s: code %d, \"%s\"", each->name, code, sentence);
		for (size_t at = 0; at < SEGUE_BIOS_WORKSPACE_SIZE + SEGUE_PHYSICAL_DATA_MAX; at++)
			if (workspace[at] != 0x5a)
				fail_msg("%s: byte %zu of the workspace has changed", each->name, at);
	}
	free(workspace);
}

static void test_refusals(void **state)
{
	(void)state;
	check_refusals(refusals, sizeof refusals / sizeof refusals[0], 0, segue_bios);
}

static void test_physical_refusals(void **state)
{
	(void)state;
	check_refusals(physical_refusals, sizeof physical_refusals / sizeof physical_refusals[0], 0x100, segue_physical_call);
}

static void test_no_arguments(void **state)
{
	struct segue_range range;
	size_t count;

	(void)state;
	args = (struct segue_bios_args){.struct_size = sizeof args};
	assert_int_equal(segue_bios(NULL, 0x10, &registers), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_bios(&args, 0x10, NULL), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_physical_call(NULL, 0, &registers), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_physical_call(&args, 0, NULL), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_bios_memory_map(NULL, &range, 1, &count), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_bios_memory_map(&args, NULL, 1, &count), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_bios_memory_map(&args, &range, 1, NULL), SEGUE_E_ARGUMENT);
	args.struct_size = 0;
	assert_int_equal(segue_bios_memory_map(&args, &range, 1, &count), SEGUE_E_STRUCT_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_physical_refusals),
		cmocka_unit_test(test_no_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
