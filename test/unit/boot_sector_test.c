/* SPDX-License-Identifier: MIT */
/* Boot sectors: recognition, entry state, and purgatory's parameters for targets in real mode. */
#include "loader_job.h"
#include "leave/loaded.h"
#include "purgatory/purgatory.h"

static uint8_t sector[512];
static const uint8_t partition[16] = {0x80, 1, 1, 0, 0x0c, 254, 63, 5, 0, 8, 0, 0, 0, 16, 0, 0};

static void make_sector(void)
{
	for (size_t i = 0; i < sizeof sector; i++)
		sector[i] = (uint8_t)(i * 5 + 3);
	sector[510] = 0x55;
	sector[511] = 0xaa;
}

static struct loader_job *begin(void)
{
	struct loader_job *t;

	make_sector();
	t = new_job(sector, sizeof sector);
	t->args.flags = SEGUE_LOAD_BIOS;
	t->args.machine = &t->machine;
	return t;
}

static void load_ok(struct loader_job *t)
{
	assert_int_equal(run_loader(t, &segue_loader_boot_sector), SEGUE_OK);
	assert_int_equal(t->job.entry.selectors, ENTRY_REAL_MODE);
	assert_int_equal(t->job.entry.real_code, 0);
	assert_int_equal(t->job.entry.real_data, 0);
	assert_int_equal(t->job.entry.eip, 0x7c00);
	assert_int_equal(t->job.entry.esp, 0x7c00);
	assert_true(t->job.entry.real_interrupts);
	assert_int_equal(t->job.entry.eax | t->job.entry.ebx | t->job.entry.ecx | t->job.entry.edi, 0);
	assert_memory_equal(target(t, 0x7c00, 512), sector, 512);
}

static void recognition(void **state)
{
	(void)state;
	make_sector();
	assert_true(segue_loader_boot_sector.recognise(&(struct bytes){sector, 512, 0}));
	for (size_t size = 0; size < 512; size++) {
		uint8_t *exact = malloc(size ? size : 1);

		memcpy(exact, sector, size);
		assert_false(segue_loader_boot_sector.recognise(&(struct bytes){exact, size, 0}));
		free(exact);
	}
	{
		uint8_t longer[1024];

		memcpy(longer, sector, 512);
		memcpy(longer + 512, sector, 512);
		assert_false(segue_loader_boot_sector.recognise(&(struct bytes){longer, 513, 0}));
		assert_false(segue_loader_boot_sector.recognise(&(struct bytes){longer, 1024, 0}));
	}
	sector[511] = 0xab;
	assert_false(segue_loader_boot_sector.recognise(&(struct bytes){sector, 512, 0}));
}

static void drives(void **state)
{
	struct loader_job *t = begin();

	(void)state;
	load_ok(t);
	assert_int_equal(t->job.entry.edx, 0x80);
	assert_int_equal(t->job.entry.esi | t->job.entry.ebp, 0);
	assert_int_equal(t->job.segment_count, 1);
	free(t);
	t = begin();
	t->machine.has_boot_device = 1;
	t->machine.boot_device = 0x01ffffff;
	load_ok(t);
	assert_int_equal(t->job.entry.edx, 1);
	free(t);
	t = begin();
	t->args.machine = NULL;
	load_ok(t);
	assert_int_equal(t->job.entry.edx, 0x80);
	free(t);
}

static void a_partition(void **state)
{
	struct loader_job *t = begin();

	(void)state;
	t->machine.partition_entry = partition;
	load_ok(t);
	assert_int_equal(t->job.entry.esi, 0x7be);
	assert_int_equal(t->job.entry.ebp, 0x7be);
	assert_memory_equal(target(t, 0x7be, 16), partition, 16);
	assert_int_equal(segment_with(t, 0x7be)->size, 16);
	free(t);
}

static void what_it_does_not_get(void **state)
{
	struct loader_job *t = begin();

	(void)state;
	add_module(t, "abc", 3, "one", NULL);
	t->args.cmdline = "quiet";
	load_ok(t);
	assert_int_equal(t->warnings, 2);
	assert_sentence(t, "no modules: they are dropped");
	free(t);
}

static void refusals(void **state)
{
	static const struct segue_range high[] = {{0x8000, 0x9fc00, SEGUE_MEMORY_RAM, 0}, {0x100000, 0x4000000, SEGUE_MEMORY_RAM, 0}};
	struct loader_job *t = begin();

	(void)state;
	t->args.flags = SEGUE_LOAD_REAL_MODE;
	assert_int_equal(run_loader(t, &segue_loader_boot_sector), SEGUE_E_BOOT_SECTOR_BIOS);
	assert_sentence(t, "boot sector, and no BIOS");
	free(t);
	t = begin();
	set_map(t, high, 2);
	assert_int_equal(run_loader(t, &segue_loader_boot_sector), SEGUE_E_SEGMENT_NOT_RAM);
	assert_sentence(t, "boot sector 0 at 0x7c00 to 0x7e00");
	free(t);
}

/* ---- through segue_load() ---- */
static struct loader_job *load(uint64_t workspace_phys, uint32_t a20_was_shut, int expected)
{
	struct loader_job *t = begin();

	t->args.blob = t->parts[0];
	t->args.workspace_phys = workspace_phys;
	t->machine.a20_was_shut = a20_was_shut;
	assert_int_equal(segue_load(&t->args), expected);
	return t;
}

static const struct purgatory_params *params_of(const struct loader_job *t)
{
	return (const void *)(t->workspace + PURGATORY_PARAMS_AT);
}

/* Those of a load without anything that asks for one */
#define FLAGS_OF_ALL (PURGATORY_BOOT_CPU_ONLY | PURGATORY_CPUS)
/* The core, the data page, and up to the end of the block for real mode. */
#define PAGES ((segue_purgatory_real_mode.at + segue_purgatory_real_mode.size + PURGATORY_PAGE - 1) / PURGATORY_PAGE)

static void what_purgatory_is_told(void **state)
{
	struct loader_job *t = load(WORKSPACE_AT, 0, SEGUE_OK);
	struct segue_description d = {.struct_size = sizeof d};

	(void)state;
	assert_int_equal(params_of(t)->flags & ~FLAGS_OF_ALL, PURGATORY_REAL_MODE | PURGATORY_INTERRUPTS);
	assert_int_equal(params_of(t)->pages, PAGES);
	assert_int_equal(params_of(t)->code_selector, 0);
	assert_int_equal(params_of(t)->data_selector, 0);
	assert_int_equal(params_of(t)->registers[8], 0x7c00);
	assert_int_equal(params_of(t)->registers[3], 0x80);
	assert_int_equal(params_of(t)->home, WORKSPACE_AT);
	assert_int_equal(segue_describe(t->workspace, &d), SEGUE_OK);
	assert_int_equal(d.real_mode, 1);
	assert_int_equal(d.entry, 0x7c00);
	assert_string_equal(d.protocol, "boot sector");
	free(t);
}

/* With A20 disabled, bit 20 of every address is 0. */
static void where_purgatory_shuts_a20(void **state)
{
	static const uint32_t workspaces[] = {0x3000000, 0x3100000, 0x30fe000, 0x31ff000};

	(void)state;
	for (size_t i = 0; i < sizeof workspaces / sizeof *workspaces; i++) {
		struct loader_job *t = load(workspaces[i], 1, SEGUE_OK);
		uint32_t home = params_of(t)->home;

		assert_int_equal(params_of(t)->flags & ~FLAGS_OF_ALL, PURGATORY_REAL_MODE | PURGATORY_INTERRUPTS | PURGATORY_SHUT_A20);
		for (uint32_t page = 0; page < PAGES; page++)
			assert_int_equal((home + page * 4096) & 0x100000, 0);
		if (i == 0)
			assert_int_equal(home, workspaces[i]);
		else
			assert_true(home + PAGES * 4096 <= workspaces[i] || home >= workspaces[i] + WORKSPACE_SIZE);
		free(t);
	}
}

/* RAM in odd megabytes only: no place for purgatory. */
static void no_place_to_shut_a20(void **state)
{
	static const struct segue_range odd[] = {
		{0, 0x9fc00, SEGUE_MEMORY_RAM, 0}, {0x3100000, 0x3200000, SEGUE_MEMORY_RAM, 0},
		{0x5100000, 0x5200000, SEGUE_MEMORY_RAM, 0},
	};
	struct loader_job *t = begin();

	(void)state;
	set_map(t, odd, 3);
	t->args.blob = t->parts[0];
	t->args.workspace_phys = 0x3100000;
	t->machine.a20_was_shut = 1;
	assert_int_equal(segue_load(&t->args), SEGUE_E_NO_PURGATORY);
	t->machine.a20_was_shut = 0;
	assert_int_equal(segue_load(&t->args), SEGUE_OK);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recognition), cmocka_unit_test(drives), cmocka_unit_test(a_partition),
		cmocka_unit_test(what_it_does_not_get), cmocka_unit_test(refusals), cmocka_unit_test(what_purgatory_is_told),
		cmocka_unit_test(where_purgatory_shuts_a20), cmocka_unit_test(no_place_to_shut_a20),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
