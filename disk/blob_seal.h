/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_BLOB_SEAL_H
#define SEGUE_BLOB_SEAL_H

#include "container/seal.h"
#include "output.h"

/* Appends the seal. */
void seal_put(struct output *blob);

enum seal_state {
	SEAL_NONE,
	SEAL_GOOD,
	SEAL_SIZE,                    /* the seal of a blob of another size */
	SEAL_SUM                      /* the sums differ */
};
/* Checks the seal in the last bytes of a blob. */
enum seal_state seal_look(const uint8_t *data, size_t size);
/* The sentence for SEAL_SIZE or SEAL_SUM. */
const char *seal_words(enum seal_state state);

#endif
