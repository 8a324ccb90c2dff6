/* SPDX-License-Identifier: MIT */
/* Nearly valid blobs of every kind: a plain kernel, a kernel in a bundle, or one after Fiwix's lengths. */
#include "check_multiboot.h"
#include "generate.h"

static void generate_kernel(struct file *f, struct stream *s)
{
	switch (take_8(s) & 3) {
	case 0:
		generate_elf(f, s, false);
		break;
	case 1:
		generate_elf(f, s, true);
		break;
	case 2:
		generate_flat(f, s);
		break;
	default:
		generate_linux(f, s);
	}
}

static void generate_bundle(struct file *f, struct stream *s, const struct file *kernel)
{
	static const char *const names[] = {
		"initrd", "cmdline", "modules/00-a", "modules/01-b", "modules/00-a.cmdline", "modules", "./initrd", "kernel",
	};
	static const uint8_t bytes[512] = "console=ttyS0";
	unsigned count = take_8(s) & 7;

	f->size = 0;
	put_member(f, "kernel", kernel->at, kernel->size);
	while (count-- > 0) {
		const char *name = names[take_8(s) & 7];
		size_t size = take_8(s) * 2u;

		put_member(f, name, bytes, strstr(name, "cmdline") && size > 13 ? 13 : size);
	}
	put_member(f, "TRAILER!!!", bytes, 0);
}

static void generate_fiwix(struct file *f, struct stream *s, const struct file *kernel)
{
	size_t initrd = take_8(s) * 3u;

	memcpy(f->at + 8, kernel->at, kernel->size);
	memset(f->at + 8 + kernel->size, 0x33, initrd + 5);
	put(f, 0, take_number(s, kernel->size), 4);
	put(f, 4, take_number(s, initrd), 4);
	f->size = 8 + kernel->size + initrd + (take_8(s) & 3u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file kernel, blob;
	struct layout layout = take_layout(data, &size);
	struct stream s = {data, data + size};
	uint8_t container = take_8(&s);

	generate_kernel(&kernel, &s);
	if (container & 1)
		generate_bundle(&blob, &s, &kernel);
	else if (container & 2)
		generate_fiwix(&blob, &s, &kernel);
	else
		blob = kernel;
	spoil(&blob, &s);
	check_load(blob.at, blob.size, &layout, check_multiboot);
	return 0;
}
