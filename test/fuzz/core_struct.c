/* SPDX-License-Identifier: MIT */
/* Nearly valid cores. */
#include "check_core.h"
#include "generate.h"

/* What the loader recognises a core by, and the class. */
#define KEPT 18u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	uint8_t kept[KEPT];
	struct layout layout = take_layout(data, &size);
	struct stream s = {data, data + size};

	generate_core(&file, &s);
	memcpy(kept, file.at, KEPT);
	spoil(&file, &s);
	memcpy(file.at, kept, KEPT);
	if (file.size >= KEPT)
		load_core(file.at, file.size, &layout);
	return 0;
}
