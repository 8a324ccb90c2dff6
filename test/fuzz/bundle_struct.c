/* SPDX-License-Identifier: MIT */
/* Nearly valid bundles and Fiwix blobs with valid kernels. */
#include "check_bundle.h"
#include "generate_bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file, kernel;
	struct layout layout = take_layout(data, &size);
	struct stream stream = {data, data + size}, *s = &stream;
	uint8_t kind = take_8(s);
	unsigned members = take_8(s) % 24;

	if (kind & 1)
		generate_elf(&kernel, s, kind & 2);
	else
		generate_linux(&kernel, s);
	if (kind & 4) {
		/* Fiwix: two lengths, then both files */
		file.size = 8 + kernel.size;
		memcpy(file.at + 8, kernel.at, kernel.size < sizeof file.at - 64 ? kernel.size : sizeof file.at - 64);
		if (file.size > sizeof file.at - 64)
			file.size = sizeof file.at - 64;
		memset(file.at + file.size, 0x69, 56);
		put(&file, 0, take_number(s, kernel.size), 4);
		put(&file, 4, take_number(s, 0), 4);
		file.size += 56;
	} else {
		file.size = 0;
		if (kind & 8)
			put_member(&file, "kernel", kernel.at, kernel.size);
		if (kind & 16)
			pad_first_member(&file);
		while (members--)
			generate_member(&file, s, &kernel);
		put_member(&file, "TRAILER!!!", (const uint8_t *)"", 0);
		spoil(&file, s);
	}
	if (file.size >= 6 && (!memcmp(file.at, "070701", 6) || !memcmp(file.at, "070702", 6)))
		check_bundle(file.at, file.size);
	if (file.size)
		check_load(file.at, file.size, &layout, NULL);
	return 0;
}
