/* SPDX-License-Identifier: MIT */
/* Numbers of specifications, from bytes that nobody vouches for. The loaders have the same in bytes.h. */
#ifndef STANDALONE_LITTLE_ENDIAN_H
#define STANDALONE_LITTLE_ENDIAN_H
#ifndef SEGUE_BYTES_H

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
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static inline void put_le64(uint8_t *p, uint64_t value)
{
	for (uint32_t i = 0; i < 8; i++, value >>= 8)
		p[i] = (uint8_t)value;
}

#endif
#endif
