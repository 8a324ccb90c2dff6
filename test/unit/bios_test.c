/* SPDX-License-Identifier: MIT */
/* The refusals of segue_bios(): each has its code and its sentence, and leaves the workspace unchanged. */
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

static const struct {
	const char *name;
	void (*spoil)(void);
	int code;
	const char *says;
} refusals[] = {
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

static void test_refusals(void **state)
{
	static uint8_t data[SEGUE_BIOS_DATA_MAX + 1];

	(void)state;
	workspace = aligned_alloc(4096, SEGUE_BIOS_WORKSPACE_SIZE);
	memset(workspace, 0x5a, SEGUE_BIOS_WORKSPACE_SIZE);
	for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
		int code;

		args = (struct segue_bios_args){.struct_size = sizeof args, .workspace = workspace, .workspace_phys = 0x3000000,
						.workspace_size = SEGUE_BIOS_WORKSPACE_SIZE, .data = data, .log = note};
		memset(sentence, 0, sizeof sentence);
		refusals[i].spoil();
		code = segue_bios(&args, 0x10, &registers);
		if (code != refusals[i].code || (refusals[i].says && !strstr(sentence, refusals[i].says)))
			fail_msg("%s: code %d, \"%s\"", refusals[i].name, code, sentence);
		for (size_t at = 0; at < SEGUE_BIOS_WORKSPACE_SIZE; at++)
			assert_int_equal(workspace[at], 0x5a);
	}
	free(workspace);
}

static void test_no_arguments(void **state)
{
	struct segue_range range;
	size_t count;

	(void)state;
	args = (struct segue_bios_args){.struct_size = sizeof args};
	assert_int_equal(segue_bios(NULL, 0x10, &registers), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_bios(&args, 0x10, NULL), SEGUE_E_ARGUMENT);
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
		cmocka_unit_test(test_no_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
