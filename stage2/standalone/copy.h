/* SPDX-License-Identifier: MIT */
/* copy.asm: copies, and the sums of the seal (container/seal.h), by SSE2 if the CPU has it. */
#ifndef STANDALONE_COPY_H
#define STANDALONE_COPY_H

#include <stddef.h>
#include <stdint.h>

/* Each sum is that of its four lanes, modulo 2^32. */
struct copy_sums {
	uint32_t sum[4];
	uint32_t sum_of_sums[4];      /* sum's lanes, added up after each sector of 2048 bytes */
};

/* Enables SSE2, if the CPU has it; copy_close() restores the CPU's state. Without it the functions work, but slower. */
void copy_open(void);
void copy_close(void);

/* No overlap. Any alignment. */
void copy_bytes(void *dest, const void *source, uint32_t size);

/* Copies sectors of 2048 bytes, source on a 16-byte boundary, and adds them to the sums. dest NULL: sums only. */
void copy_sectors(void *dest, const void *source, uint32_t sectors, struct copy_sums *sums);

#endif
