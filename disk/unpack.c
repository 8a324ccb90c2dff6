/* SPDX-License-Identifier: MIT */
#include <bzlib.h>
#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include "common/bytes.h"
#include "container/magic.h"
#include "unpack.h"

#define STEP (1u << 20)
/*
 * A few bytes can stand for terabytes of zeros. Kernels and initrds shrink to a twentieth at best, so more than this is refused:
 * LIMIT_LEAST, or LIMIT_RATIO times the compressed size, but never what does not fit below 4 GiB.
 */
#define LIMIT_LEAST (256u << 20)
#define LIMIT_RATIO 64u
#define LIMIT_MOST UINT32_MAX
/* xz -9 needs 64 MiB for its dictionary; the format allows 4 GiB. */
#define XZ_MEMORY (1u << 30)
/* lz4_Frame_format.md, "Legacy frame": blocks of 8 MiB, each after its compressed size */
#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_BLOCK (8u << 20)

static const char too_early[] = "the file ends too early";
static const char too_large[] = "";   /* finish() has the words */
static const char damaged[] = "the data is damaged";

struct packed {
	const uint8_t *data;          /* the file */
	size_t size, at;              /* at: how much of it has been read */
	struct file out;
	size_t room, limit;
};

/* Room for size bytes after what is unpacked. */
static uint8_t *room_for(struct packed *p, size_t size)
{
	if (p->room - p->out.size < size) {
		p->room += p->room / 2 + size;
		p->out.data = allocate_again(p->out.data, p->room);
	}
	return p->out.data + p->out.size;
}

/* After a library has put bytes there: are there more than may be? */
static bool is_too_large(struct packed *p, size_t size)
{
	p->out.size += size;
	return p->out.size > p->limit;
}

static bool is_next(const struct packed *p, const char *format)
{
	const char *next = unpack_format(p->data + p->at, p->size - p->at);

	return next && !strcmp(next, format);
}

/* Each of these unpacks one member from p->at on, and moves that to the member's end. Returns why not; NULL: it has. */

static const char *gunzip(struct packed *p)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)(p->data + p->at), .avail_in = (uInt)(p->size - p->at) };
	int result = inflateInit2(&stream, 16 + MAX_WBITS);
	const char *why = NULL;

	while (result == Z_OK && !why) {
		stream.next_out = room_for(p, STEP);
		stream.avail_out = STEP;
		result = inflate(&stream, Z_NO_FLUSH);
		if (is_too_large(p, STEP - stream.avail_out))
			why = too_large;
	}
	p->at = p->size - stream.avail_in;
	if (result != Z_STREAM_END && result != Z_OK)
		why = result == Z_BUF_ERROR ? too_early : stream.msg ? stream.msg : zError(result);
	inflateEnd(&stream);
	return why;
}

static const char *lzma_words(lzma_ret result)
{
	switch (result) {
	case LZMA_BUF_ERROR:
		return too_early;
	case LZMA_MEMLIMIT_ERROR:
		return "it needs more than 1 GiB of memory";
	case LZMA_OPTIONS_ERROR:
		return "it has options that liblzma does not know";
	case LZMA_MEM_ERROR:
		return "memory is exhausted";
	default:
		return damaged;
	}
}

static const char *run_lzma(struct packed *p, lzma_stream *stream, lzma_ret result)
{
	const char *why = NULL;

	stream->next_in = p->data + p->at;
	stream->avail_in = p->size - p->at;
	while (result == LZMA_OK && !why) {
		stream->next_out = room_for(p, STEP);
		stream->avail_out = STEP;
		result = lzma_code(stream, LZMA_FINISH);
		if (is_too_large(p, STEP - stream->avail_out))
			why = too_large;
	}
	p->at = p->size - stream->avail_in;
	lzma_end(stream);
	return why || result == LZMA_STREAM_END ? why : lzma_words(result);
}

static const char *unxz(struct packed *p)
{
	lzma_stream stream = LZMA_STREAM_INIT;

	return run_lzma(p, &stream, lzma_stream_decoder(&stream, XZ_MEMORY, 0));
}

static const char *unlzma(struct packed *p)
{
	lzma_stream stream = LZMA_STREAM_INIT;

	return run_lzma(p, &stream, lzma_alone_decoder(&stream, XZ_MEMORY));
}

static const char *unzstd(struct packed *p)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_inBuffer in = { p->data, p->size, p->at };
	const char *why = stream ? NULL : "memory is exhausted";
	size_t left = 1;

	while (left && !why) {
		ZSTD_outBuffer out = { room_for(p, STEP), STEP, 0 };

		left = ZSTD_decompressStream(stream, &out, &in);
		if (ZSTD_isError(left))
			why = ZSTD_getErrorName(left);
		else if (is_too_large(p, out.pos))
			why = too_large;
		else if (left && in.pos == in.size && out.pos < out.size)
			why = too_early;
	}
	p->at = in.pos;
	ZSTD_freeDStream(stream);
	return why;
}

static const char *unlz4_frame(struct packed *p)
{
	LZ4F_dctx *context = NULL;
	const char *why = LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) ? "memory is exhausted" : NULL;
	size_t left = 1;

	while (left && !why) {
		size_t made = STEP, took = p->size - p->at;

		left = LZ4F_decompress(context, room_for(p, STEP), &made, p->data + p->at, &took, NULL);
		if (LZ4F_isError(left)) {
			why = LZ4F_getErrorName(left);
			break;
		}
		p->at += took;
		if (is_too_large(p, made))
			why = too_large;
		else if (left && p->at == p->size && made < STEP)
			why = too_early;
	}
	LZ4F_freeDecompressionContext(context);
	return why;
}

/* As Linux's own build packs: the end is where the file ends, or another frame begins. */
static const char *unlz4_legacy(struct packed *p)
{
	p->at += 4;
	while (p->size - p->at >= 4 && le32(p->data + p->at) != LZ4_LEGACY_MAGIC) {
		uint32_t size = le32(p->data + p->at);
		int made;

		/* Zeros, as after other formats' ends */
		if (size == 0)
			return NULL;
		if (size > (uint32_t)LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK))
			return damaged;
		if (size > p->size - p->at - 4)
			return too_early;
		made = LZ4_decompress_safe((const char *)p->data + p->at + 4, (char *)room_for(p, LZ4_LEGACY_BLOCK), (int)size,
					   LZ4_LEGACY_BLOCK);
		if (made < 0)
			return damaged;
		p->at += 4 + size;
		if (is_too_large(p, (size_t)made))
			return too_large;
	}
	return p->at == p->size || p->size - p->at >= 4 ? NULL : too_early;
}

static const char *unlz4(struct packed *p)
{
	return le32(p->data + p->at) == LZ4_LEGACY_MAGIC ? unlz4_legacy(p) : unlz4_frame(p);
}

static const char *bunzip2(struct packed *p)
{
	bz_stream stream = { .next_in = (char *)(uintptr_t)(p->data + p->at), .avail_in = (unsigned)(p->size - p->at) };
	int result = BZ2_bzDecompressInit(&stream, 0, 0);
	const char *why = NULL;

	while (result == BZ_OK && !why) {
		stream.next_out = (char *)room_for(p, STEP);
		stream.avail_out = STEP;
		result = BZ2_bzDecompress(&stream);
		if (is_too_large(p, STEP - stream.avail_out))
			why = too_large;
		else if (result == BZ_OK && stream.avail_in == 0 && stream.avail_out > 0)
			why = too_early;
	}
	p->at = p->size - stream.avail_in;
	BZ2_bzDecompressEnd(&stream);
	if (!why && result != BZ_STREAM_END)
		why = result == BZ_MEM_ERROR ? "memory is exhausted" : damaged;
	return why;
}

/* The compressors' own names for it */
static const struct format {
	const char *name, *verb;
	const char *(*unpack)(struct packed *p);
} formats[] = {
	{ "gzip", "gunzip", gunzip }, { "xz", "unxz", unxz }, { "zstd", "unzstd", unzstd }, { "lz4", "unlz4", unlz4 },
	{ "lzma", "unlzma", unlzma }, { "bzip2", "bunzip2", bunzip2 },
};
#define FORMATS (sizeof formats / sizeof *formats)

static const struct format *format_of(const void *data, size_t size)
{
	const struct bytes bytes = { data, size, 0 };
	const char *name = segue_is_gzip(&bytes) ? "gzip" : segue_compression(&bytes);
	size_t i;

	for (i = 0; name && i < FORMATS; i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

const char *unpack_format(const void *data, size_t size)
{
	const struct format *format = format_of(data, size);

	return format ? format->name : NULL;
}

static bool is_padding(const struct packed *p)
{
	size_t at = p->at;

	while (at < p->size && !p->data[at])
		at++;
	return at == p->size;
}

bool unpack(struct file *file)
{
	const struct format *format = format_of(file->data, file->size);
	uint64_t ratio = (uint64_t)file->size * LIMIT_RATIO;
	struct packed p = {
		.data = file->data, .size = file->size,
		.out = { .path = file->path, .packed_size = file->size, .packed_by = format->name },
		.limit = ratio < LIMIT_LEAST ? LIMIT_LEAST : ratio > LIMIT_MOST ? LIMIT_MOST : (size_t)ratio,
	};
	const char *why;

	do
		why = format->unpack(&p);
	while (!why && is_next(&p, format->name));
	/* What follows a gzip file has always been ignored, as gzip does. */
	if (!why && format->unpack != gunzip && !is_padding(&p))
		why = "other bytes follow";
	if (why == too_large)
		complain(file->path, "%s stops: there are more than %zu bytes in a file of %zu", format->verb, p.limit, file->size);
	else if (why)
		complain(file->path, "%s stops at offset %zu: %s", format->verb, p.at, why);
	if (why) {
		file_free(&p.out);
		return false;
	}
	free(file->data);
	*file = p.out;
	return true;
}
