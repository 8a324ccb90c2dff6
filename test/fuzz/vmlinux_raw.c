/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as an ELF file that is a Linux: one of two times because the caller says so. */
#include "check_vmlinux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layout layout = take_layout(data, &size);
	const uint8_t *kernel = raw_elf(data, size, 20);

	fuzz_flags = layout.blob & 1 ? SEGUE_LOAD_VMLINUX : 0;
	if (kernel)
		check_load(kernel, size, &layout, check_vmlinux);
	return 0;
}
