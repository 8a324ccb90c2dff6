/* SPDX-License-Identifier: MIT */
/* disk/elf_look.c on files that are cut at each byte, or have a wrong byte anywhere. The sanitizers watch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "elf_look.c"

/* Header, one program header, .modinfo, names, three section headers. */
#define MODINFO "vermagic=6.1 SMP\0depends="
#define NAMES "\0.modinfo\0.shstrtab"
#define FILE_MAX 1024u

static size_t put_at(uint8_t *file, size_t at, uint64_t value, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		file[at + i] = (uint8_t)(value >> 8 * i);
	return at + size;
}

static void put_section(uint8_t *file, size_t at, bool wide, uint32_t name, uint64_t offset, uint64_t size)
{
	size_t word = wide ? 8 : 4;

	put_at(file, at, name, 4);
	at = put_at(file, at + 4, 1, 4) + 2 * word;
	at = put_at(file, at, offset, word);
	put_at(file, at, size, word);
}

/* Returns the size. */
static size_t make_file(uint8_t *file, bool wide, uint32_t type)
{
	size_t header = wide ? 64 : 52, program = wide ? 56 : 32, section = wide ? 64 : 40, word = wide ? 8 : 4;
	size_t info = header + program, names = info + sizeof MODINFO, table = names + sizeof NAMES, at;

	memset(file, 0, FILE_MAX);
	memcpy(file, "\x7f" "ELF", 4);
	file[4] = wide ? 2 : 1;
	file[5] = file[6] = 1;
	at = put_at(file, 16, 1, 2);
	at = put_at(file, at, wide ? 62 : 3, 2);
	at = put_at(file, at, 1, 4) + word;
	at = put_at(file, at, header, word);
	at = put_at(file, at, table, word) + 4;
	at = put_at(file, at, header, 2);
	at = put_at(file, at, program, 2);
	at = put_at(file, at, 1, 2);
	at = put_at(file, at, section, 2);
	at = put_at(file, at, 3, 2);
	put_at(file, at, 2, 2);
	put_at(file, header, type, 4);
	memcpy(file + info, MODINFO, sizeof MODINFO);
	memcpy(file + names, NAMES, sizeof NAMES);
	put_section(file, table + section, wide, 1, info, sizeof MODINFO);
	put_section(file, table + 2 * section, wide, 10, names, sizeof NAMES);
	return table + 3 * section;
}

/* On a copy of its own size, so that a read beyond it is found. */
static const char *look(const uint8_t *bytes, size_t size, unsigned *machine, bool *dynamic)
{
	struct file file = { .data = malloc(size ? size : 1), .size = size };
	const uint8_t *section = NULL;
	const char *found = "none";
	size_t section_size = 0, i;
	volatile uint8_t sum = 0;

	memcpy(file.data, bytes, size);
	*machine = elf_machine(&file);
	*dynamic = *machine && elf_is_dynamic(&file);
	if (*machine)
		section = elf_section(&file, ".modinfo", &section_size);
	for (i = 0; section && i < section_size; i++)
		sum = (uint8_t)(sum + section[i]);
	if (section)
		found = section_size == sizeof MODINFO && !memcmp(section, MODINFO, sizeof MODINFO) ? "right" : "wrong";
	free(file.data);
	return found;
}

static void test_whole_files(void **state)
{
	static uint8_t file[FILE_MAX];
	unsigned machine;
	bool dynamic;
	size_t size;

	(void)state;
	size = make_file(file, true, 1);
	assert_string_equal(look(file, size, &machine, &dynamic), "right");
	assert_int_equal(machine, EM_X86_64);
	assert_false(dynamic);
	size = make_file(file, false, PT_INTERP);
	assert_string_equal(look(file, size, &machine, &dynamic), "right");
	assert_int_equal(machine, EM_386);
	assert_true(dynamic);
}

static void test_cut_files(void **state)
{
	static uint8_t file[FILE_MAX];
	unsigned machine, wide;
	size_t size, cut;
	bool dynamic;

	(void)state;
	for (wide = 0; wide < 2; wide++) {
		size = make_file(file, wide, PT_INTERP);
		/* The last section header is that of the names. */
		for (cut = 0; cut < size; cut++) {
			assert_string_equal(look(file, cut, &machine, &dynamic), "none");
			assert_int_equal(!machine, cut < (wide ? 64u : 52u));
		}
	}
}

static void test_wrong_bytes(void **state)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	static uint8_t file[FILE_MAX];
	unsigned machine, wide, i, seen = 0;
	size_t size, at;
	bool dynamic;

	(void)state;
	for (wide = 0; wide < 2; wide++)
		for (size = make_file(file, wide, 1), at = 0; at < size; at++)
			for (i = 0; i < sizeof values; i++) {
				uint8_t old = file[at];

				file[at] = values[i];
				seen += *look(file, size, &machine, &dynamic) == 'n';
				file[at] = old;
			}
	assert_true(seen > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_files),
		cmocka_unit_test(test_cut_files),
		cmocka_unit_test(test_wrong_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
