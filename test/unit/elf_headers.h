/* SPDX-License-Identifier: MIT */
/* The headers of a plain ELF32 executable: Tool Interface Standard, ELF 1.2, figures 1-3 and 2-1. */
#ifndef TEST_ELF_HEADERS_H
#define TEST_ELF_HEADERS_H

#include <string.h>
#include "common/bytes.h"

#define ELF_HEADERS(segments) (52u + (segments) * 32u)

/* segments: how many put_segment() will add. */
static inline void put_elf_header(uint8_t *p, uint32_t entry, uint16_t segments)
{
	memset(p, 0, ELF_HEADERS(segments));
	memcpy(p, "\177ELF\1\1\1", 7);
	put_le16(p + 16, 2);
	put_le16(p + 18, 3);
	put_le32(p + 20, 1);
	put_le32(p + 24, entry);
	put_le32(p + 28, 52);
	put_le16(p + 40, 52);
	put_le16(p + 42, 32);
	put_le16(p + 44, segments);
}

static inline void put_segment(uint8_t *p, uint32_t number, uint32_t offset, uint32_t dest, uint32_t size, uint32_t memory_size)
{
	p += 52 + number * 32;
	put_le32(p, 1);
	put_le32(p + 4, offset);
	put_le32(p + 8, dest);
	put_le32(p + 12, dest);
	put_le32(p + 16, size);
	put_le32(p + 20, memory_size);
}

#endif
