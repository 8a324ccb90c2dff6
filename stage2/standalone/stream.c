/* SPDX-License-Identifier: MIT */
#include "container/seal.h"
#include "progress.h"
#include "standalone.h"
#include "stream.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint8_t *buffer(void)
{
	return physical(MEDIA_BUFFER);
}

/* Adds to the sums the chunk's bytes up to offset end that are not in them yet, without the seal. */
static void sum_to(struct stream *stream, uint32_t end)
{
	if (stream->chunk_at >= stream->sum_end)
		return;
	end = least(end, stream->sum_end - stream->chunk_at);
	if (end <= stream->summed)
		return;
	seal_add(&stream->check, buffer() + stream->summed, end - stream->summed);
	stream->summed = end;
}

/* The seal may be split between two chunks. */
static void keep_seal(struct stream *stream)
{
	uint32_t at = stream->sum_end > stream->chunk_at ? stream->sum_end - stream->chunk_at : 0;

	for (; at < stream->chunk_size; at++)
		stream->seal[stream->chunk_at + at - stream->sum_end] = buffer()[at];
}

/* Reads the next chunk. There must be one. */
static void fill(struct stream *stream)
{
	struct media *media = stream->media;
	uint32_t sector_size = media->disk.sector_size, left, sectors;

	sum_to(stream, stream->chunk_size);
	stream->chunk_at += stream->chunk_size;
	progress_update(stream->chunk_at);
	left = stream->size - stream->chunk_at;
	sectors = left >= MEDIA_BUFFER_SIZE ? MEDIA_BUFFER_SIZE / sector_size : (left + sector_size - 1) / sector_size;
	sectors = media_read(media, media->path, media->sector + stream->chunk_at / sector_size, sectors);
	stream->chunk_size = least(left, sectors * sector_size);
	stream->used = stream->summed = 0;
	if (stream->chunk_at + stream->chunk_size > stream->sum_end)
		keep_seal(stream);
}

void stream_open(struct stream *stream, struct media *media)
{
	*stream = (struct stream){ .media = media, .size = (uint32_t)media->size };
	if (media->size >= UINT32_MAX)
		media_refuse(media->path, "it is larger than the 4 GiB that 32-bit code can address");
	stream->sum_end = stream->size < SEAL_SIZE ? stream->size : stream->size - SEAL_SIZE;
	progress_start(stream->size);
}

/* Of the chunk's next size bytes, returns how many are whole sectors of the seal, after the first *lead bytes. */
static uint32_t whole_sectors(const struct stream *stream, uint32_t size, uint32_t *lead)
{
	uint32_t at = stream->chunk_at + stream->used;

	*lead = (0 - at) % SEAL_SECTOR;
	if (at >= stream->sum_end)
		return 0;
	size = least(size, stream->sum_end - at);
	return size < *lead ? 0 : (size - *lead) & ~(SEAL_SECTOR - 1);
}

/* Takes size bytes from the chunk, copied and summed in one walk as far as possible. */
static void take(struct stream *stream, uint8_t *dest, uint32_t size)
{
	const uint8_t *from = buffer() + stream->used;
	uint32_t lead, whole = whole_sectors(stream, size, &lead);

	if (dest && whole) {
		sum_to(stream, stream->used + lead);
		copy_bytes(dest, from, lead);
		seal_copy(&stream->check, dest + lead, from + lead, whole);
		stream->summed = stream->used + lead + whole;
		lead += whole;
		copy_bytes(dest + lead, from + lead, size - lead);
	} else if (dest) {
		copy_bytes(dest, from, size);
	}
	stream->used += size;
}

static void read_chunks(struct stream *stream, uint8_t *dest, uint32_t size)
{
	while (size) {
		uint32_t step;

		if (stream->used == stream->chunk_size)
			fill(stream);
		step = least(size, stream->chunk_size - stream->used);
		take(stream, dest, step);
		if (dest)
			dest += step;
		size -= step;
	}
}

uint32_t stream_peek(struct stream *stream, uint32_t size)
{
	uint32_t have = stream->peeked_end - stream->peeked_at;

	for (uint32_t i = 0; i < have; i++)
		stream->peeked[i] = stream->peeked[stream->peeked_at + i];
	size = least(size, stream_left(stream));
	if (size > have) {
		read_chunks(stream, stream->peeked + have, size - have);
		have = size;
	}
	stream->peeked_at = 0;
	stream->peeked_end = have;
	return size;
}

void stream_read(struct stream *stream, uint8_t *dest, uint32_t size)
{
	uint32_t step = least(size, stream->peeked_end - stream->peeked_at);

	stream->at += size;
	if (dest && step) {
		copy_bytes(dest, stream->peeked + stream->peeked_at, step);
		dest += step;
	}
	stream->peeked_at += step;
	read_chunks(stream, dest, size - step);
}

bool stream_close(struct stream *stream)
{
	const char *why;

	stream_read(stream, NULL, stream_left(stream));
	sum_to(stream, stream->chunk_size);
	seal_end(&stream->check);
	progress_end(stream->size);
	if (stream->size < SEAL_SIZE || !seal_is_there(stream->seal))
		return false;
	why = seal_why(&stream->check, stream->seal);
	if (why)
		media_refuse(stream->media->path, why);
	return true;
}
