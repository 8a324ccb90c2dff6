/* SPDX-License-Identifier: MIT */
/* Nearly valid Multiboot kernels: ELF and flat ones. */
#include "check_multiboot.h"
#include "generate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct layout layout = take_layout(data, &size);
	struct stream s = {data, data + size};

	if (take_8(&s) & 1)
		generate_flat(&file, &s);
	else
		generate_elf(&file, &s, true);
	spoil(&file, &s);
	check_load(file.at, file.size, &layout, check_multiboot);
	return 0;
}
