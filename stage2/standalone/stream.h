/* SPDX-License-Identifier: MIT */
/* Reads the blob on a medium once, from start to end, and checks its seal. */
#ifndef STANDALONE_STREAM_H
#define STANDALONE_STREAM_H

#include "media.h"
#include "seal_check.h"

#define STREAM_PEEK_MAX 1024u

struct stream {
	struct media *media;
	uint32_t size;                /* of the blob, seal included */
	uint32_t at;                  /* offset of the next byte */
	/* the chunk of the blob in the transfer buffer: */
	uint32_t chunk_at, chunk_size;
	uint32_t used;                /* bytes of it that were read */
	uint32_t summed;              /* bytes of it that are in the sums */
	uint32_t sum_end;             /* offset in the blob: the seal is not in its own sums */
	struct seal_check check;
	uint8_t seal[SEAL_SIZE];
	uint8_t peeked[STREAM_PEEK_MAX];
	uint32_t peeked_at, peeked_end;
};

/* Refuses a blob that is larger than 4 GiB. */
void stream_open(struct stream *stream, struct media *media);

/* Peeks at the next size bytes (up to STREAM_PEEK_MAX), or as many as there are. Returns how many. */
uint32_t stream_peek(struct stream *stream, uint32_t size);

/* Reads the next size bytes to dest; NULL: skips them. size is at most stream_left(). */
void stream_read(struct stream *stream, uint8_t *dest, uint32_t size);

static inline uint32_t stream_left(const struct stream *stream)
{
	return stream->size - stream->at;
}

/* Reads the rest and checks the seal. False: there is no seal. Refuses a blob that does not match its seal. */
bool stream_close(struct stream *stream);

#endif
