/* SPDX-License-Identifier: MIT */
/* Untrusted little-endian bytes, and arithmetic that says when it does not fit. */
#ifndef SEGUE_BYTES_H
#define SEGUE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] + 256u * p[1]);
}

static inline uint32_t le32(const uint8_t *p)
{
	return p[0] + 256u * p[1] + 65536u * p[2] + 16777216u * p[3];
}

static inline uint64_t le64(const uint8_t *p)
{
	return le32(p) + 4294967296u * (uint64_t)le32(p + 4);
}

static inline void put_le16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value % 256u);
	p[1] = (uint8_t)(value / 256u);
}

static inline void put_le32(uint8_t *p, uint32_t value)
{
	put_le16(p, (uint16_t)(value % 65536u));
	put_le16(p + 2, (uint16_t)(value / 65536u));
}

static inline void put_le64(uint8_t *p, uint64_t value)
{
	put_le32(p, (uint32_t)(value % 4294967296u));
	put_le32(p + 4, (uint32_t)(value / 4294967296u));
}

/* Is [offset, offset + size) inside [0, limit)? */
static inline bool fits(uint64_t offset, uint64_t size, uint64_t limit)
{
	return offset <= limit && size <= limit - offset;
}

/* a + b, unless that wraps. */
static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
	if (b > UINT64_MAX - a)
		return false;
	*sum = a + b;
	return true;
}

/* value rounded up to a multiple of align (a power of two), unless that wraps. */
static inline bool align_up(uint64_t value, uint64_t align, uint64_t *aligned)
{
	uint64_t sum;

	if (!add_u64(value, align - 1, &sum))
		return false;
	/* a mask and not %: i386 has no 64-bit division without libgcc */
	*aligned = sum & ~(align - 1);
	return true;
}

#endif
