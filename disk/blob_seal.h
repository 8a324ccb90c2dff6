/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_BLOB_SEAL_H
#define SEGUE_BLOB_SEAL_H

#include "container/seal.h"
#include "output.h"

/* Ends a blob with its seal. */
void seal_put(struct output *blob);

enum seal_state {
	SEAL_NONE,
	SEAL_GOOD,
	SEAL_SIZE,                    /* there is one, of a blob of another size */
	SEAL_SUM                      /* there is one, of other bytes */
};
/* Looks at the last bytes of a blob. */
enum seal_state seal_look(const uint8_t *data, size_t size);
/* A sentence on SEAL_SIZE and SEAL_SUM. */
const char *seal_words(enum seal_state state);

#endif
