/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as an ELF file that is a Linux: one of two times because the caller says so. */
#include "check_vmlinux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t kernel[BLOB_MAX];
	struct layout layout = take_layout(data, &size);

	if (size < 20 || size > BLOB_MAX)
		return 0;
	memcpy(kernel, data, size);
	memcpy(kernel, "\177ELF", 4);
	fuzz_flags = layout.blob & 1 ? SEGUE_LOAD_VMLINUX : 0;
	check_load(kernel, size, &layout, check_vmlinux);
	return 0;
}
