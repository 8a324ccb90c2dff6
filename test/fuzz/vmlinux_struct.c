/* SPDX-License-Identifier: MIT */
/* Nearly valid vmlinux files: up to 6 segments, with gaps between them, and notes. */
#include "check_vmlinux.h"
#include "generate.h"

/* A field of the two classes of ELF. */
static void put_field(struct file *f, bool wide, size_t at_32, size_t at_64, uint64_t value)
{
	put(f, wide ? at_64 : at_32, value, wide ? 8 : 4);
}

static void put_notes(struct file *f, struct stream *s, bool wide, size_t header)
{
	static const struct { const char *owner; unsigned type; } notes[] = {
		{"Linux", 0x100}, {"Linux", 0x101}, {"Xen", 6}, {"Xen", 18}, {"GNU", 3}, {"Linux", 0}, {"", 0x100},
	};
	size_t start = 0x1800, at = start, desc;

	for (unsigned count = 1 + take_8(s) % 3; count > 0; count--) {
		unsigned which = take_8(s) % (sizeof notes / sizeof *notes);

		desc = put_note(f, &at, notes[which].owner, s, take_8(s) & 0x1f, notes[which].type);
		if (which == 2)
			memcpy(f->at + desc, "linux", 6);
	}
	put(f, header, take_8(s) < 0xf0 ? 4 : 1, 4);
	put_field(f, wide, header + 4, header + 8, take_number(s, start));
	put_field(f, wide, header + 16, header + 32, take_number(s, at - start));
}

static void generate(struct file *f, struct stream *s)
{
	unsigned segments = 1 + take_8(s) % 6, note = take_8(s) % (segments + 1);
	uint64_t base = 0x100000u + (take_8(s) & 0x3f) * 0x4000u, dest = base, size, more;
	bool wide = (take_8(s) & 3) == 3;

	f->size = 0x2000;
	memset(f->at, 0, 0x400);
	fill_pattern(f, 0x400, 23);
	memset(f->at + 0x1800, 0, 0x800);
	put(f, 0, 0x464c457f, 4);
	put(f, 4, wide ? 0x010102 : 0x010101, 3);
	put(f, 16, take_8(s) < 0xf0 ? 2 : take_8(s) & 3, 2);
	put(f, 18, take_8(s) < 0xf0 && !wide ? 3 : 62, 2);
	put(f, 20, 1, 4);
	put_field(f, wide, 24, 24, take_number(s, base));
	put_field(f, wide, 28, 32, wide ? 64 : 52);
	put(f, wide ? 54 : 42, wide ? 56 : 32, 2);
	put(f, wide ? 56 : 44, segments + 1, 2);
	for (unsigned i = 0, at = wide ? 64 : 52; i <= segments; i++, at += wide ? 56 : 32) {
		if (i == note) {
			put_notes(f, s, wide, at);
			continue;
		}
		size = 0x40u + (take_8(s) & 0x3f) * 16u;
		more = (take_8(s) & 7) * 0x400u;
		put(f, at, 1, 4);
		put_field(f, wide, at + 4, at + 8, take_number(s, 0x400 + i * 0x300u));
		put_field(f, wide, at + 8, at + 16, take_number(s, dest + 0xc0000000u));
		put_field(f, wide, at + 12, at + 24, take_number(s, dest));
		put_field(f, wide, at + 16, at + 32, take_number(s, size));
		put_field(f, wide, at + 20, at + 40, take_number(s, size + more));
		dest += size + more + (take_8(s) & 7) * 0x1000u;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct layout layout = take_layout(data, &size);
	struct stream s = {data, data + size};

	generate(&file, &s);
	spoil(&file, &s);
	fuzz_flags = take_8(&s) & 1 ? SEGUE_LOAD_VMLINUX : 0;
	check_load(file.at, file.size, &layout, check_vmlinux);
	return 0;
}
