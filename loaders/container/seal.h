/* SPDX-License-Identifier: MIT */
/* Exported to segue.elf and the segue command. */
#ifndef SEGUE_SEAL_H
#define SEGUE_SEAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * The seal is the last 32 bytes of a blob on an image. It detects a read that differs from what was written. A blob
 * without a seal is started unchecked, and a message says so.
 *
 * The bytes before the seal, padded with zeros to a multiple of SEAL_SECTOR, are little-endian words of 32 bits. sum is
 * the sum of all words. sum_of_sums adds up the value of sum after each sector of SEAL_SECTOR bytes, which detects
 * sectors in the wrong order. Both are modulo 2^32.
 */
#define SEAL_MAGIC "SegueSeal 1\n"    /* 12 bytes without the NUL */
#define SEAL_SECTOR 2048u
struct seal {
	uint8_t magic[12];
	uint8_t size[8];              /* bytes before the seal */
	uint8_t sum[4];
	uint8_t sum_of_sums[4];
	uint8_t zero[4];
};
_Static_assert(sizeof(struct seal) == 32, "seal.h");
_Static_assert(offsetof(struct seal, size) == 12, "seal.h");
_Static_assert(offsetof(struct seal, sum) == 20, "seal.h");
_Static_assert(offsetof(struct seal, sum_of_sums) == 24, "seal.h");

#endif
