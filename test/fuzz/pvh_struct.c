/* SPDX-License-Identifier: MIT */
/* Nearly valid PVH kernels: ELF files of either class, with one or two PT_NOTEs of up to seven notes. */
#include "check_pvh.h"
#include "generate.h"

static uint32_t get(const struct file *f, size_t at)
{
	return f->at[at] | (uint32_t)f->at[at + 1] << 8 | (uint32_t)f->at[at + 2] << 16 | (uint32_t)f->at[at + 3] << 24;
}

/* Mostly the plain number. */
static uint64_t take_plain(struct stream *s, uint64_t plain)
{
	return take_8(s) < 0xe0 ? plain : take_number(s, plain);
}

/* Notes from at on; every other one has the entry. Returns their end. */
static size_t put_notes(struct file *f, size_t at, struct stream *s, uint32_t entry)
{
	for (unsigned count = take_8(s) & 7; count > 0; count--) {
		uint8_t kind = take_8(s);
		uint32_t size = kind & 2 ? 8 : 4, name = kind & 4 ? 4 : 6;

		if (kind & 1) {
			name = 4;
			put(f, at + 8, 18, 4);
		} else {
			size = kind >> 3;
			put(f, at + 8, kind & 0x18 ? 18 : 6, 4);
		}
		put(f, at, take_plain(s, name), 4);
		put(f, at + 4, take_plain(s, size), 4);
		memcpy(f->at + at + 12, kind & 1 ? "Xen\0\0\0\0" : kind & 0x20 ? "GNU\0\0\0\0" : "XenX\0\0\0", 8);
		at += 12 + ((name + 3) & ~3u);
		put(f, at, take_8(s) < 0xf0 ? entry : take_number(s, entry), 8);
		at += (size + 3) & ~3u;
	}
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct layout layout = take_layout(data, &size);
	struct stream s = {data, data + size};
	uint8_t how = take_8(&s);
	unsigned word, header, segments;
	uint32_t entry;
	size_t at = 0x500;

	/* a Multiboot header now and then: both then */
	generate_elf(&file, &s, how >= 0xf0);
	word = file.at[4] == 2 ? 8 : 4;
	header = word == 8 ? 56 : 32;
	segments = file.at[32 + 3 * word];
	entry = get(&file, 0x100 + (word == 8 ? 24 : 12)) + (take_8(&s) & 0x1f);
	for (unsigned i = 0; i <= (how & 1); i++, segments++) {
		size_t p = 0x100 + segments * header, end = put_notes(&file, at, &s, entry);

		put(&file, p, 4, 4);
		put(&file, p + word, take_plain(&s, at), word);
		put(&file, p + 4 * word, take_plain(&s, end - at), word);
		at = end;
	}
	put(&file, 32 + 3 * word, segments, 2);
	/* The file ends after the notes, or in them. */
	if ((how & 6) == 6)
		file.size = at - (take_8(&s) & 7);
	spoil(&file, &s);
	check_load(file.at, file.size, &layout, check_pvh);
	return 0;
}
