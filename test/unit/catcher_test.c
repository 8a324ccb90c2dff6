/* SPDX-License-Identifier: MIT */
/* The catcher's place, its range in the target's map, and purgatory's parameters for it: through segue_load(). */
#include "loader_job.h"
#include "leave/loaded.h"
#include "purgatory/purgatory.h"

#define MIB 0x100000u
#define RAM_END 0x7fe0000u            /* pc_map's */
#define HIGHEST (RAM_END - CATCHER_SIZE)
#define KERNEL_SIZE 8192u

static uint8_t kernel[KERNEL_SIZE];

/* Multiboot 0.6.96, section 3.1: address fields; loaded at 2 MiB. */
static void make_multiboot(void)
{
	memset(kernel, 0x90, sizeof kernel);
	put_le32(kernel, 0x1badb002);
	put_le32(kernel + 4, 0x10000);
	put_le32(kernel + 8, 0u - 0x1badb002 - 0x10000);
	put_le32(kernel + 12, 2 * MIB);
	put_le32(kernel + 16, 2 * MIB);
	put_le32(kernel + 20, 0);
	put_le32(kernel + 24, 0);
	put_le32(kernel + 28, 2 * MIB + 32);
}

/* boot.rst: protocol 2.15, relocatable, at 16 MiB or above. */
static void make_linux(void)
{
	memset(kernel, 0, sizeof kernel);
	kernel[0x1f1] = 1;
	put_le32(kernel + 0x1f4, (KERNEL_SIZE - 1024) / 16);
	put_le16(kernel + 0x1fe, 0xaa55);
	kernel[0x200] = 0xeb;
	kernel[0x201] = 0x6a;
	memcpy(kernel + 0x202, "HdrS", 4);
	put_le16(kernel + 0x206, 0x20f);
	kernel[0x211] = 1;
	put_le32(kernel + 0x214, MIB);
	put_le32(kernel + 0x22c, 0x7fffffff);
	put_le32(kernel + 0x230, 2 * MIB);
	kernel[0x234] = 1;
	put_le32(kernel + 0x238, 2047);
	put_le64(kernel + 0x258, 16 * MIB);
	put_le32(kernel + 0x260, 4 * MIB);
}

/* One segment at 2 MiB. */
static void make_elf(void)
{
	memset(kernel, 0, sizeof kernel);
	memcpy(kernel, "\177ELF\1\1\1", 7);
	put_le16(kernel + 16, 2);
	put_le16(kernel + 18, 3);
	put_le32(kernel + 20, 1);
	put_le32(kernel + 24, 2 * MIB);
	put_le32(kernel + 28, 52);
	put_le16(kernel + 40, 52);
	put_le16(kernel + 42, 32);
	put_le16(kernel + 44, 1);
	put_le32(kernel + 52, 1);
	put_le32(kernel + 56, 4096);
	put_le32(kernel + 60, 2 * MIB);
	put_le32(kernel + 64, 2 * MIB);
	put_le32(kernel + 68, 4096);
	put_le32(kernel + 72, 4096);
}

static struct loader_job *begin(void (*make)(void))
{
	struct loader_job *t;

	make();
	t = new_job(kernel, sizeof kernel);
	t->args.flags = SEGUE_LOAD_CATCHER;
	t->args.machine = &t->machine;
	return t;
}

static int load(struct loader_job *t)
{
	t->args.blob = t->parts[0];
	t->args.modules = t->parts + 1;
	t->args.module_count = t->job.part_count - 1;
	return segue_load(&t->args);
}

static bool find(const struct loader_job *t, const char *name, struct segue_segment *s)
{
	for (size_t i = 0; segue_segment_at(t->workspace, i, s) == SEGUE_OK; i++)
		if (strcmp(s->name, name) == 0)
			return true;
	return false;
}

static const struct purgatory_params *params_of(const void *at)
{
	return (const void *)((const uint8_t *)at + PURGATORY_PARAMS_AT);
}

/* Checks that the catcher's bytes are at this place, and that purgatory's parameters name it. */
static void check_catcher(const struct loader_job *t, uint32_t dest)
{
	struct segue_segment s;

	assert_true(find(t, "catcher", &s));
	assert_int_equal(s.dest, dest);
	assert_int_equal(s.size, CATCHER_SIZE);
	assert_int_equal(s.file_size, CATCHER_BYTES);
	assert_int_equal(s.in_digest, 0);
	assert_memory_equal(t->workspace + (s.source - WORKSPACE_AT), segue_purgatory_catcher.bytes,
			    segue_purgatory_catcher.size);
	assert_int_equal(params_of(t->workspace)->catcher, dest);
}

static void check_none(const struct loader_job *t)
{
	struct segue_segment s;

	assert_false(find(t, "catcher", &s));
	assert_int_equal(params_of(t->workspace)->catcher, 0);
}

/* Counts the entries of a map that have this base, length and type. An entry has size bytes, with the base at an offset. */
static unsigned ranges(const uint8_t *map, size_t count, size_t entry, size_t offset, uint64_t start, uint64_t end, uint32_t type)
{
	unsigned found = 0;

	for (const uint8_t *e = map + offset; count-- > 0; e += entry)
		found += le64(e) == start && le64(e) + le64(e + 8) == end && le32(e + 16) == type;
	return found;
}

static const uint8_t *table(const struct loader_job *t, const char *name, struct segue_segment *s)
{
	assert_true(find(t, name, s));
	return t->workspace + (s->source - WORKSPACE_AT);
}

static void check_multiboot_map(const struct loader_job *t, uint64_t start, uint64_t end, uint32_t type)
{
	struct segue_segment s;
	const uint8_t *info = table(t, "Multiboot information", &s);
	const uint8_t *map = info + (le32(info + 48) - s.dest);

	assert_int_equal(ranges(map, le32(info + 44) / 24, 24, 4, start, end, type), 1);
}

static uint32_t mem_upper(const struct loader_job *t)
{
	struct segue_segment s;

	return le32(table(t, "Multiboot information", &s) + 8);
}

static void test_multiboot(void **state)
{
	struct loader_job *t = begin(make_multiboot);

	(void)state;
	assert_int_equal(load(t), SEGUE_OK);
	check_catcher(t, HIGHEST);
	check_multiboot_map(t, MIB, HIGHEST, SEGUE_MEMORY_RAM);
	check_multiboot_map(t, HIGHEST, RAM_END, SEGUE_MEMORY_RESERVED);
	assert_int_equal(mem_upper(t), (HIGHEST - MIB) / 1024);
	t->args.flags = 0;
	assert_int_equal(load(t), SEGUE_OK);
	check_none(t);
	check_multiboot_map(t, MIB, RAM_END, SEGUE_MEMORY_RAM);
	assert_int_equal(mem_upper(t), (RAM_END - MIB) / 1024);
	free(t);
}

static void check_linux_map(const struct loader_job *t, uint64_t start, uint64_t end, uint32_t type)
{
	struct segue_segment s;
	const uint8_t *page = table(t, "Linux boot parameters", &s);

	assert_int_equal(ranges(page + 0x2d0, page[0x1e8], 20, 0, start, end, type), 1);
}

/* The initrd is at the top already, and is not moved. */
static void test_linux(void **state)
{
	static const uint8_t initrd[3 * 4096] = "initrd";
	struct loader_job *t = begin(make_linux);
	uint32_t dest = (RAM_END - sizeof initrd) / CATCHER_SIZE * CATCHER_SIZE - CATCHER_SIZE;
	struct segue_segment s;

	(void)state;
	add_module(t, initrd, sizeof initrd, "initrd", NULL);
	t->extents[1].addr = RAM_END - sizeof initrd;
	assert_int_equal(load(t), SEGUE_OK);
	assert_true(find(t, "initrd", &s));
	assert_int_equal(s.dest, RAM_END - sizeof initrd);
	check_catcher(t, dest);
	check_linux_map(t, MIB, dest, SEGUE_MEMORY_RAM);
	check_linux_map(t, dest, dest + CATCHER_SIZE, SEGUE_MEMORY_RESERVED);
	check_linux_map(t, dest + CATCHER_SIZE, RAM_END, SEGUE_MEMORY_RAM);
	t->args.flags = 0;
	assert_int_equal(load(t), SEGUE_OK);
	check_none(t);
	check_linux_map(t, MIB, RAM_END, SEGUE_MEMORY_RAM);
	free(t);
}

static void test_plain_elf(void **state)
{
	struct loader_job *t = begin(make_elf);
	struct segue_description d = {.struct_size = sizeof d};

	(void)state;
	assert_int_equal(load(t), SEGUE_OK);
	check_catcher(t, HIGHEST);
	assert_int_equal(segue_describe(t->workspace, &d), SEGUE_OK);
	/* it assumes zeros where it makes its tables */
	assert_int_equal(d.zeroed, CATCHER_SIZE - CATCHER_BYTES);
	free(t);
}

/* A module at the top is not moved if modules stay. */
static void test_modules_do_not_give_way(void **state)
{
	static const uint8_t module[100];
	struct loader_job *t = begin(make_multiboot);
	struct segue_segment s;

	(void)state;
	add_module(t, module, sizeof module, "module", NULL);
	t->args.flags |= SEGUE_LOAD_MODULES_STAY;
	t->extents[1].addr = HIGHEST + PAGE;
	assert_int_equal(load(t), SEGUE_OK);
	assert_true(find(t, "module", &s));
	assert_int_equal(s.dest, HIGHEST + PAGE);
	check_catcher(t, HIGHEST - CATCHER_SIZE);
	free(t);
}

/* RAM that mem_upper does not count is preferred, so that mem_upper does not shrink. Kept memory is not used. */
static void test_ram_in_pieces(void **state)
{
	static const struct segue_range pieces[] = {
		{0, 0x9fc00, SEGUE_MEMORY_RAM, 0},
		{MIB, 0x6000000, SEGUE_MEMORY_RAM, 0},
		{0x7000000, 0x7007000, SEGUE_MEMORY_RAM, 0},
		{0x7800000, 0x7803000, SEGUE_MEMORY_RAM, 0},
	};
	static const struct segue_range keep = {0x7000000, 0x7001000, 0, 0};
	struct loader_job *t = begin(make_multiboot);

	(void)state;
	set_map(t, pieces, 4);
	assert_int_equal(load(t), SEGUE_OK);
	check_catcher(t, 0x7000000);
	check_multiboot_map(t, 0x7000000, 0x7004000, SEGUE_MEMORY_RESERVED);
	check_multiboot_map(t, 0x7004000, 0x7007000, SEGUE_MEMORY_RAM);
	assert_int_equal(mem_upper(t), (0x6000000 - MIB) / 1024);
	t->args.keep = &keep;
	t->args.keep_count = 1;
	assert_int_equal(load(t), SEGUE_OK);
	check_catcher(t, 0x6000000 - CATCHER_SIZE);
	free(t);
}

/* Two entries have the same RAM, or it lies across two entries: each of its bytes is told once. */
static void test_entries_that_meet(void **state)
{
	static const struct segue_range twice[] = {
		{0, 0x9fc00, SEGUE_MEMORY_RAM, 0},
		{MIB, 0x7001000, SEGUE_MEMORY_RAM, 0},
		{0x6000000, 0x7007000, SEGUE_MEMORY_RAM, 0},
		{0x5000000, 0x7007000, SEGUE_MEMORY_RAM, 0},
	};
	struct loader_job *t = begin(make_multiboot);

	(void)state;
	set_map(t, twice, 4);
	assert_int_equal(load(t), SEGUE_OK);
	check_catcher(t, 0x7000000);
	check_multiboot_map(t, MIB, 0x7000000, SEGUE_MEMORY_RAM);
	check_multiboot_map(t, 0x7000000, 0x7001000, SEGUE_MEMORY_RESERVED);
	check_multiboot_map(t, 0x7001000, 0x7004000, SEGUE_MEMORY_RESERVED);
	check_multiboot_map(t, 0x7004000, 0x7007000, SEGUE_MEMORY_RAM);
	assert_int_equal(mem_upper(t), (0x7000000 - MIB) / 1024);
	free(t);
}

/* A piece for the tables, which has no aligned 16 KiB; the kernel's; one just large enough, and then not. */
static void test_tight_memory(void **state)
{
	static const struct segue_range tight[] = {
		{MIB + 0x1000, MIB + 0x7fff, SEGUE_MEMORY_RAM, 0},
		{2 * MIB, 2 * MIB + KERNEL_SIZE, SEGUE_MEMORY_RAM, 0},
		{3 * MIB, 3 * MIB + CATCHER_SIZE, SEGUE_MEMORY_RAM, 0},
	};
	struct loader_job *t = begin(make_multiboot);

	(void)state;
	set_map(t, tight, 3);
	assert_int_equal(load(t), SEGUE_OK);
	check_catcher(t, 3 * MIB);
	t->map[2].end--;
	assert_int_equal(load(t), SEGUE_E_NO_PLACE);
	assert_sentence(t, "catcher 0: 16384 bytes");
	assert_null(segue_loaded(t->workspace));
	t->args.flags = 0;
	assert_int_equal(load(t), SEGUE_OK);
	free(t);
}

/* It overlaps the workspace, so purgatory moves out, and the replay accepts the plan. */
static void test_where_the_workspace_lies(void **state)
{
	struct loader_job *t = begin(make_multiboot);
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s;

	(void)state;
	t->args.workspace_phys = RAM_END - WORKSPACE_SIZE;
	assert_int_equal(load(t), SEGUE_OK);
	assert_true(find(t, "catcher", &s));
	assert_int_equal(s.dest, HIGHEST);
	assert_int_equal(segue_describe(t->workspace, &d), SEGUE_OK);
	assert_true(d.purgatory + PURGATORY_PLAIN_PAGES * PURGATORY_PAGE <= t->args.workspace_phys);
	free(t);
}

static void make_boot_sector(void)
{
	memset(kernel, 0x90, sizeof kernel);
	kernel[510] = 0x55;
	kernel[511] = 0xaa;
}

static void test_real_mode(void **state)
{
	struct loader_job *t = begin(make_boot_sector);

	(void)state;
	t->parts[0].size = t->extents[0].size = 512;
	t->args.flags |= SEGUE_LOAD_BIOS;
	assert_int_equal(load(t), SEGUE_OK);
	assert_int_equal(t->warnings, 1);
	assert_sentence(t, "a target in real mode gets no catcher");
	check_none(t);
	t->args.flags = SEGUE_LOAD_BIOS;
	assert_int_equal(load(t), SEGUE_OK);
	assert_int_equal(t->warnings, 1);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multiboot),
		cmocka_unit_test(test_linux),
		cmocka_unit_test(test_plain_elf),
		cmocka_unit_test(test_modules_do_not_give_way),
		cmocka_unit_test(test_ram_in_pieces),
		cmocka_unit_test(test_entries_that_meet),
		cmocka_unit_test(test_tight_memory),
		cmocka_unit_test(test_where_the_workspace_lies),
		cmocka_unit_test(test_real_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
