/* SPDX-License-Identifier: MIT */
/* Nearly valid bzImages: each field that the loader reads has a usual value or one at a limit. */
#include "check_linux.h"
#include "generate.h"

static void generate(struct file *f, struct stream *s)
{
	unsigned sectors = take_8(s) % 4, setup = ((sectors ? sectors : 4) + 1) * 512;

	f->size = setup + 1 + (size_t)take_8(s) * 100;
	fill_pattern(f, 0, 17);
	memset(f->at + 0x1f1, 0, 0x290 - 0x1f1);
	put(f, 0x1f1, sectors, 1);
	put(f, 0x1f4, take_number(s, (f->size - setup + 15) / 16), 4);
	put(f, 0x1fe, 0xaa55, 2);
	put(f, 0x200, 0xeb, 1);
	put(f, 0x201, take_number(s, 0x6a), 1);
	put(f, 0x202, 0x53726448, 4);
	put(f, 0x206, 0x20f - take_8(s) % 18, 2);
	put(f, 0x20e, take_number(s, 0x100), 2);
	/* one of eight is a zImage */
	put(f, 0x211, (take_8(s) & 7) != 7 ? take_8(s) | 1 : take_8(s) & 0xfe, 1);
	put(f, 0x214, (take_8(s) & 7) != 7 ? take_number(s, 0x100000) : 0, 4);
	put(f, 0x22c, take_8(s) & 1 ? take_number(s, 0x100fff + take_8(s) * 0x3000u) : 0x37ffffff, 4);
	put(f, 0x230, take_8(s) < 0xf0 ? 1u << (12 + take_8(s) % 8) : take_32(s), 4);
	put(f, 0x234, take_8(s) & 1, 1);
	put(f, 0x235, take_8(s) % 20, 1);
	put(f, 0x236, take_8(s), 2);
	put(f, 0x238, take_number(s, 255), 4);
	if (take_8(s) >= 0xf0)
		put(f, 0x250, take_number(s, 0x180000), 8);
	put(f, 0x258, take_number(s, 0x100000u + take_8(s) * 0x1000u), 8);
	put(f, 0x260, take_number(s, take_8(s) * 0x100u), 4);
	/* from before protocol 2.00 */
	if (take_8(s) >= 0xf0) {
		put(f, 0x1f4, (f->size - setup + 15) / 16, 2);
		put(f, 0x202, 0, 4);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct layout layout = take_layout(data, &size);
	struct stream s = {data, data + size};

	generate(&file, &s);
	spoil(&file, &s);
	check_load(file.at, file.size, &layout, check_linux);
	return 0;
}
