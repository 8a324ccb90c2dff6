/* SPDX-License-Identifier: MIT */
/* The fuzzer's bytes as a blob on a medium. */
#include "check_fetch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t blob[BLOB_MAX + SEAL_SECTOR + SEAL_SIZE];
	struct way way = take_way(data, &size);

	if (!size || size > BLOB_MAX)
		return 0;
	memcpy(blob, data, size);
	check_fetch(blob, size, &way);
	return 0;
}
