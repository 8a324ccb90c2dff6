/* SPDX-License-Identifier: MIT */
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include "digest.h"

/* The byte of this process that the dry run has at this physical address. */
static const uint8_t *byte_at(const struct dry_run *run, uint64_t address)
{
	const struct placed_file *placed = &run->blob;
	size_t i;

	for (i = 0; i < run->module_count && address - placed->extent.addr >= placed->extent.size; i++)
		placed = &run->modules[i];
	return placed->file.data + (address - placed->extent.addr);
}

void digest_of(const struct dry_run *run, uint8_t digest[DIGEST_SIZE])
{
	struct segue_segment segment;
	SHA2_CTX context;
	size_t i;

	_Static_assert(DIGEST_SIZE == SHA256_DIGEST_LENGTH, "sha2.h");
	SHA256Init(&context);
	for (i = 0; !segue_segment_at(run->workspace, i, &segment); i++)
		if (segment.in_digest)
			SHA256Update(&context, byte_at(run, segment.source), segment.file_size);
	SHA256Final(digest, &context);
}

void digest_text(const uint8_t digest[DIGEST_SIZE], char text[DIGEST_DIGITS + 1])
{
	size_t i;

	for (i = 0; i < DIGEST_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

bool digest_is_right(const struct dry_run *run, char text[DIGEST_DIGITS + 1])
{
	uint8_t digest[DIGEST_SIZE];

	digest_of(run, digest);
	digest_text(digest, text);
	return !run->bundle.digest || !memcmp(digest, run->bundle.digest, sizeof digest);
}
