/* SPDX-License-Identifier: MIT */
/* The seal at the end of a blob (container/seal.h). */
#include <string.h>
#include "common/bytes.h"
#include "blob_seal.h"

/* The last word may be incomplete. */
static uint32_t word_at(const uint8_t *data, size_t size, size_t at)
{
	uint8_t word[4] = { 0 };

	memcpy(word, data + at, size - at < sizeof word ? size - at : sizeof word);
	return le32(word);
}

static void make_seal(const uint8_t *data, size_t size, struct seal *seal)
{
	uint32_t sum = 0, sum_of_sums = 0;
	size_t at;

	for (at = 0; at < size; at += 4) {
		sum += word_at(data, size, at);
		if (at + 4 >= size || at % SEAL_SECTOR == SEAL_SECTOR - 4)
			sum_of_sums += sum;
	}
	*seal = (struct seal){ .zero = { 0 } };
	memcpy(seal->magic, SEAL_MAGIC, sizeof seal->magic);
	put_le32(seal->size, (uint32_t)size);
	put_le32(seal->size + 4, (uint32_t)((uint64_t)size >> 32));
	put_le32(seal->sum, sum);
	put_le32(seal->sum_of_sums, sum_of_sums);
}

void seal_put(struct output *blob)
{
	struct seal seal;

	make_seal(blob->data, blob->size, &seal);
	put(blob, &seal, sizeof seal);
}

enum seal_state seal_look(const uint8_t *data, size_t size)
{
	struct seal there, right;

	if (size <= sizeof there)
		return SEAL_NONE;
	memcpy(&there, data + size - sizeof there, sizeof there);
	if (memcmp(there.magic, SEAL_MAGIC, sizeof there.magic))
		return SEAL_NONE;
	make_seal(data, size - sizeof there, &right);
	if (memcmp(there.size, right.size, sizeof there.size))
		return SEAL_SIZE;
	return memcmp(&there, &right, sizeof there) ? SEAL_SUM : SEAL_GOOD;
}

const char *seal_words(enum seal_state state)
{
	return state == SEAL_SIZE ? "its seal is of a blob of another size: the file was truncated or extended" :
				    "its seal does not match its bytes: the file is damaged";
}
