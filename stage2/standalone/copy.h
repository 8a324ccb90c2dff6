/* SPDX-License-Identifier: MIT */
/* copy.asm: copies, and the sums of the seal (container/seal.h), by SSE2 where there is one. */
#ifndef STANDALONE_COPY_H
#define STANDALONE_COPY_H

#include <stddef.h>
#include <stdint.h>

/* Each sum is that of its four lanes, modulo 2^32. */
struct copy_sums {
	uint32_t sum[4];
	uint32_t sum_of_sums[4];      /* sum's lanes, added up after each sector of 2048 bytes */
};
_Static_assert(sizeof(struct copy_sums) == 32, "copy.asm: copy_sums_size");
_Static_assert(offsetof(struct copy_sums, sum_of_sums) == 16, "copy.asm: copy_sums.sum_of_sums");

/* Readies the CPU's SSE2, where it has one; copy_close() puts the CPU back as it was. Without it all works, slower. */
void copy_open(void);
void copy_close(void);

/* No overlap. Any alignment. */
void copy_bytes(void *dest, const void *source, uint32_t size);

/* Sectors of 2048 bytes, source on a 16-byte boundary, and their sums on top of those there are. dest NULL: sums only. */
void copy_sectors(void *dest, const void *source, uint32_t sectors, struct copy_sums *sums);

#endif
