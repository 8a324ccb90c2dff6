/* SPDX-License-Identifier: MIT */
/* Nearly valid cores: ranges that touch and overlap, notes, page tables that use each other, with small errors. */
#define file generated_file
#define put put_number
#define put_note put_generated_note
#include "generate.h"
#undef file
#undef put
#undef put_note
#include "check_corefile.h"

#define RAM 0x100000u
#define TABLES 6u
#define TABLES_AT 0x2000u             /* in the file and from RAM on */

static struct generated_file made;

static size_t put_note_header(size_t at, const char *name, uint32_t size, uint32_t type, struct stream *s)
{
	size_t name_size = strlen(name) + 1;

	put_number(&made, at, take_number(s, name_size), 4);
	put_number(&made, at + 4, take_8(s) < 0xf0 ? size : take_number(s, size), 4);
	put_number(&made, at + 8, take_8(s) < 0xf0 ? type : take_8(s), 4);
	memcpy(made.at + at + 12, name, name_size);
	return at + 12 + ((name_size + 3) & ~(size_t)3);
}

static size_t put_host(size_t at, struct stream *s)
{
	uint8_t mode = take_8(s);

	at = put_note_header(at, "Segue", 72, 0x5301, s);
	put_number(&made, at, take_8(s) < 0xf0 ? 72 : take_8(s), 4);
	put_number(&made, at + 4, 100, 4);
	put_number(&made, at + 8, mode & 0x40 ? mode & 0x3f : mode & 1 ? 32 : 64, 4);
	put_number(&made, at + 12, take_8(s) & 1, 4);
	put_number(&made, at + 16, take_number(s, RAM), 8);
	put_number(&made, at + 24, take_number(s, 0x1000), 8);
	put_number(&made, at + 32, take_number(s, RAM + 16), 4);
	put_number(&made, at + 40, 0x80000011, 8);
	put_number(&made, at + 48, RAM + TABLES_AT, 8);
	put_number(&made, at + 56, (mode & 2 ? 0x20 : 0x10) + (mode & 4 ? 0x1000 : 0), 8);
	put_number(&made, at + 64, mode & 1 ? 0 : 0x500, 8);
	return at + 72;
}

/* A note of a crash (segue_core.h) */
static size_t put_crash(size_t at, uint8_t kind, struct stream *s)
{
	static const struct {
		uint32_t type, size;
	} notes[] = { { 0x5302, 64 }, { 0x5303, 336 }, { 0x5304, 256 }, { 0x5305, 24 }, { 0x5306, 40 } };
	unsigned which = (kind & 0x1f) % 5;
	uint32_t size = notes[which].size;

	at = put_note_header(at, "Segue", size, notes[which].type, s);
	memset(made.at + at, kind & 0x80 ? 'x' : 0, size);
	put_number(&made, at, size, 4);
	switch (notes[which].type) {
	case 0x5302:
		put_number(&made, at + 4, take_8(s) & 3, 4);
		put_number(&made, at + 8, take_8(s) & 1, 4);
		break;
	case 0x5304:
		put_number(&made, at + 8, take_8(s) & 1, 4);
		put_number(&made, at + 16, take_8(s) & 1, 4);
		break;
	case 0x5305:
		put_number(&made, at + take_8(s) % size, 0, 1);
		break;
	case 0x5306:
		put_number(&made, at + 4, take_8(s) & 1, 4);
		put_number(&made, at + 8, take_number(s, RAM), 8);
		put_number(&made, at + 16, take_number(s, 0x80), 8);
		put_number(&made, at + 24, take_number(s, RAM + 0x80), 8);
		put_number(&made, at + 32, take_8(s) < 0xf0 ? 4 : take_8(s), 4);
		break;
	}
	return at + size;
}

static size_t put_notes_of(size_t at, struct stream *s)
{
	for (unsigned count = take_8(s) % 6; count; count--) {
		uint8_t kind = take_8(s);
		size_t start, size = kind & 2 ? 336 : 144;

		if (!(kind & 0x1c)) {
			at = put_host(at, s);
			continue;
		}
		if ((kind & 0x60) == 0x60) {
			at = put_crash(at, kind, s);
			continue;
		}
		start = put_note_header(at, kind & 0x80 ? "VMCOREINFO" : "CORE", (uint32_t)size, kind & 0x80 ? 0 : 1, s);
		memset(made.at + start, kind, size);
		put_number(&made, start + (kind & 2 ? 32 : 24), take_8(s), 4);
		at = start + size;
	}
	return at;
}

/* Tables of entries that point to each other, to pages of the core, or anywhere. */
static void put_tables(struct stream *s)
{
	for (unsigned count = take_8(s); count; count--) {
		unsigned table = take_8(s) % TABLES, at = take_8(s), index = at & 0x80 ? at & 3 : at & 63, width = take_8(s) & 1 ? 8 : 4;
		uint64_t to = RAM + (take_8(s) & 15) * 0x1000u;
		uint8_t flags = take_8(s);

		if (flags & 0x40)
			to = take_number(s, to);
		/* Some at the end, where addresses become canonical */
		put_number(&made, TABLES_AT + table * 0x1000u + (flags & 0x20 ? 4096 / width - 1 - index : index) * width,
			   (to & ~0xfffull) | (flags & 0x81) | 1, width);
	}
}

/* p_offset, p_vaddr, p_paddr, p_filesz, p_memsz */
static void put_fields(size_t at, bool is_64, const uint64_t fields[5])
{
	unsigned word = is_64 ? 8 : 4;

	for (unsigned i = 0; i < 5; i++)
		put_number(&made, at + word + word * i, fields[i], word);
}

static void put_load(size_t at, bool is_64, struct stream *s)
{
	uint8_t how = take_8(s);
	uint64_t offset = (how & 7) * 0x1000u, size = 0x1000u + (how >> 3 & 7) * 0x400u, phys = RAM + offset;
	uint64_t virt = take_8(s) & 1 ? CORE_NOWHERE : (is_64 ? 0xffff800000000000 : 0xc0000000) + offset;

	/* Somewhere else than in the order of the file */
	if (how & 0x40) {
		uint8_t page = take_8(s);

		phys = page & 0x80 ? take_number(s, phys) : RAM + (page & 7) * 0x1000u;
	}
	if (how & 0x80)
		virt = take_number(s, virt);
	put_number(&made, at, 1, 4);
	put_fields(at, is_64, (const uint64_t[]){ offset, virt, phys, take_number(s, size), size });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream stream = { data, data + size }, *s = &stream;
	uint8_t how = take_8(s), kind = take_8(s);
	bool is_64 = kind & 1;
	unsigned loads = 1 + take_8(s) % 8, head = is_64 ? 64 : 52, program = is_64 ? 56 : 32, word = is_64 ? 8 : 4;
	size_t notes = 0x400, end;

	made.size = TABLES_AT + TABLES * 0x1000u;
	memset(made.at, 0, sizeof made.at);
	_Static_assert(sizeof made.at >= TABLES_AT + TABLES * 0x1000u, "generate.h");
	put_number(&made, 0, 0x464c457f, 4);
	put_number(&made, 4, is_64 ? 0x010102 : 0x010101, 3);
	put_number(&made, 16, 4, 2);
	put_number(&made, 18, kind & 2 ? 62 : 3, 2);
	put_number(&made, 20, 1, 4);
	put_number(&made, 24 + word, take_8(s) < 0xf0 ? head : take_number(s, head), word);
	put_number(&made, 24 + 2 * word, kind & 4 ? 0x300 : 0, word);
	put_number(&made, 30 + 3 * word, program, 2);
	put_number(&made, 32 + 3 * word, kind & 4 ? 0xffff : loads + 1, 2);
	put_number(&made, 0x300 + (is_64 ? 44 : 28), loads + 1, 4);
	end = put_notes_of(notes, s);
	put_number(&made, head, 4, 4);
	put_number(&made, head + (is_64 ? 8 : 4), notes, word);
	put_number(&made, head + (is_64 ? 32 : 16), take_8(s) < 0xf0 ? end - notes : take_number(s, end - notes), word);
	/* A range of all that the file has, for the tables, then others that may overlap it. */
	for (unsigned i = 0; i < loads; i++)
		put_load(head + (i + 1) * program, is_64, s);
	if (!(kind & 8))
		put_fields(head + program, is_64, (const uint64_t[]){ 0, kind & 16 ? CORE_NOWHERE : 0xc0000000, RAM, made.size, made.size });
	put_tables(s);
	spoil(&made, s);
	check_corefile(made.at, made.size, how, RAM + TABLES_AT);
	return 0;
}
