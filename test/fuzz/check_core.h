/* SPDX-License-Identifier: MIT */
/* A core that was accepted: its memory is as its program headers say, read here in another way than by the loader. */
#ifndef FUZZ_CHECK_CORE_H
#define FUZZ_CHECK_CORE_H

#include "check.h"

static inline void check_core(const struct world *w)
{
	const uint8_t *file = w->args.blob.data;
	bool is_64 = file[4] == 2;
	unsigned word = is_64 ? 8 : 4, count = (unsigned)number_at(file + 32 + 3 * word, 2);
	const uint8_t *p = file + number_at(file + 24 + word, word);

	for (; count > 0; count--, p += is_64 ? 56 : 32) {
		const uint8_t *field = p + word;
		uint64_t offset = number_at(field, word), address = number_at(field + 2 * word, word);
		uint64_t bytes = number_at(field + 3 * word, word), size = number_at(field + 4 * word, word);

		if (number_at(p, 4) != 1 || size == 0)
			continue;
		CHECK(bytes <= size && address <= MEMORY_SIZE && size <= MEMORY_SIZE - address, "a segment of %#llx bytes at %#llx",
		      (unsigned long long)size, (unsigned long long)address);
		CHECK(!memcmp(fuzz_memory + address, file + offset, bytes), "bytes at %#llx", (unsigned long long)address);
		CHECK(is_zero(fuzz_memory + address + bytes, size - bytes), "zeros after %#llx", (unsigned long long)(address + bytes));
	}
}

/* A digest or an entry would be other protocols'. */
static inline int load_core(const uint8_t *blob, size_t size, const struct layout *layout)
{
	int error = check_load(blob, size, layout, check_core);

	CHECK(error != SEGUE_E_ELF_TYPE && error != SEGUE_E_ELF_ENTRY, "another loader has taken it: %d", error);
	return error;
}

#endif
