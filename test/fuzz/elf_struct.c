/* SPDX-License-Identifier: MIT */
/* Nearly valid ELF files. */
#include "check.h"
#include "generate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct layout layout = take_layout(data, &size);
	struct stream s = {data, data + size};

	generate_elf(&file, &s, false);
	spoil(&file, &s);
	check_load(file.at, file.size, &layout, NULL);
	return 0;
}
