/* SPDX-License-Identifier: MIT */
/* Nearly valid Multiboot 2 kernels: ELF and flat ones, with any header tags. */
#include "check_multiboot2.h"
#include "generate.h"

/* A tag with these plain values, sometimes of another size. */
static size_t put_tag(struct file *f, size_t at, struct stream *s, uint32_t type, uint32_t count, const uint32_t *plain)
{
	uint8_t how = take_8(s);
	uint32_t size = how < 0xf0 ? 8 + 4 * count : (uint32_t)take_number(s, 8);

	put(f, at, type, 2);
	put(f, at + 2, how & 1, 2);
	put(f, at + 4, size, 4);
	for (uint32_t i = 0; i < count; i++)
		put(f, at + 8 + 4 * i, take_number(s, plain[i]), 4);
	return at + ((8 + 4 * count + 7) & ~7u);
}

/* The header at an offset; the file's first byte is at base. */
static void put_header(struct file *f, size_t at, struct stream *s, bool flat, uint32_t base)
{
	const uint32_t end = take_8(s) & 1 ? base + (uint32_t)f->size : 0, load = take_8(s) & 1 ? base : 0xffffffff;
	size_t next = at + 16;
	uint32_t length;

	if (flat) {
		next = put_tag(f, next, s, 2, 4, (uint32_t[]){base + (uint32_t)at, load, end, 0});
		next = put_tag(f, next, s, 3, 1, (uint32_t[]){base + 0x40});
	}
	for (unsigned count = take_8(s) & 7; count > 0 && next < at + 0x180; count--) {
		uint8_t type = take_8(s);

		if (type % 4 == 0)
			next = put_tag(f, next, s, 10, 4, (uint32_t[]){0, 0xffffffff, 1u << (take_8(s) & 15), take_8(s) & 3});
		else if (type % 4 == 1)
			next = put_tag(f, next, s, 1, 3, (uint32_t[]){1, 4, 6});
		else
			next = put_tag(f, next, s, type >> 4, type & 3, (uint32_t[]){base + 0x420, 600, 32});
	}
	put(f, next, 0, 4);
	put(f, next + 4, 8, 4);
	length = (uint32_t)(take_8(s) < 0xf0 ? next + 8 - at : take_number(s, next + 8 - at));
	put(f, at, 0xe85250d6, 4);
	put(f, at + 4, take_8(s) == 0xff ? 4 : 0, 4);
	put(f, at + 8, length, 4);
	put(f, at + 12, 0u - 0xe85250d6u - length - (f->at[at + 4] + (take_8(s) == 0xff)), 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct layout layout = take_layout(data, &size);
	struct stream s = {data, data + size};
	bool flat = take_8(&s) & 1;

	if (flat) {
		file.size = 0x800 + (take_8(&s) & 7) * 0x100u;
		fill_pattern(&file, 0, 11);
	} else {
		/* a Multiboot 1 header is at 0x400: both then */
		generate_elf(&file, &s, take_8(&s) & 1);
	}
	put_header(&file, flat ? (take_8(&s) & 15) * 8u : 0x500, &s, flat, 0x100000u + (take_8(&s) & 0x3f) * 0x8000u);
	spoil(&file, &s);
	check_load(file.at, file.size, &layout, check_multiboot2);
	return 0;
}
