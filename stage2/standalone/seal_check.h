/* SPDX-License-Identifier: MIT */
/* The sums of a blob's seal (container/seal.h), computed while the blob is read. */
#ifndef STANDALONE_SEAL_CHECK_H
#define STANDALONE_SEAL_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include "copy.h"

#define SEAL_SIZE 32u

struct seal_check {
	struct copy_sums sums;
	uint32_t size;                /* bytes so far */
};

/* Adds the next bytes, from a 16-byte boundary. Their number is a multiple of 4, except in the last call. */
void seal_add(struct seal_check *check, const uint8_t *bytes, uint32_t size);

/* The same, copied to dest: whole sectors, from a sector's start. */
void seal_copy(struct seal_check *check, uint8_t *dest, const uint8_t *bytes, uint32_t size);

/* Call it after all bytes before the seal have been added. */
void seal_end(struct seal_check *check);

/* True if these SEAL_SIZE bytes are a seal. seal_why() is then NULL if it matches the bytes read, else the reason. */
bool seal_is_there(const uint8_t *seal);
const char *seal_why(const struct seal_check *check, const uint8_t *seal);

#endif
