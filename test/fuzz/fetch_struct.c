/* SPDX-License-Identifier: MIT */
/* Nearly valid bundles that are longer than one chunk of a read. */
#include "check_fetch.h"
#define stream generator
#include "generate_bundle.h"
#undef stream

FUZZ_UNTRACED static void fill_long(uint8_t *data, size_t size, uint8_t kind)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 7 + kind);
}

/* A member with a size near that of a chunk. */
static void add_long_member(struct file *f, struct generator *s)
{
	static const char *const names[] = { "initrd", "modules/05-long", "modules/07-long", "kernel" };
	static uint8_t data[sizeof f->at];
	uint8_t kind = take_8(s);
	size_t size = (kind & 0xf0u) * 64u + take_8(s);

	fill_long(data, size, kind);
	put_member(f, names[kind % 4], data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t blob[BLOB_MAX + SEAL_SECTOR + SEAL_SIZE];
	static struct file file, kernel;
	struct way way = take_way(data, &size);
	struct generator generator = { data, data + size }, *s = &generator;
	uint8_t kind = take_8(s);
	unsigned members = take_8(s) % 96;

	if (kind & 1)
		generate_elf(&kernel, s, kind & 2);
	else
		generate_linux(&kernel, s);
	file.size = 0;
	if (kind & 8)
		put_member(&file, "kernel", kernel.at, kernel.size);
	if (kind & 16)
		pad_first_member(&file);
	for (; members; members--)
		if (members % 8 == 5)
			add_long_member(&file, s);
		else
			generate_member(&file, s, &kernel);
	put_member(&file, "TRAILER!!!", (const uint8_t *)"", 0);
	spoil(&file, s);
	if (!file.size)
		return 0;
	memcpy(blob, file.at, file.size);
	check_fetch(blob, file.size, &way);
	return 0;
}
