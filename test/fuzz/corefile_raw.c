/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a core: after a byte for the paging mode and four for CR3. */
#include "check_corefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 5 || size > 0x20000)
		return 0;
	check_corefile(data + 5, size - 5, data[0], le32(data + 1));
	return 0;
}
