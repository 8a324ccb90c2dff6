/* SPDX-License-Identifier: MIT */
/* Reads, unpacks and writes whole files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "container/magic.h"
#include "disk.h"

#define READ_STEP (1u << 20)
/* Segue places everything below 4 GiB. */
#define FILE_LIMIT UINT32_MAX

static struct {
	dev_t device;
	ino_t inode;
} *inputs;
static size_t input_count;

FILE *file_open(const char *path)
{
	FILE *in = fopen(path, "rb");
	struct stat status;

	if (!in || fstat(fileno(in), &status) || file_is_input(&status))
		return in;
	inputs = allocate_again(inputs, (input_count + 1) * sizeof *inputs);
	inputs[input_count].device = status.st_dev;
	inputs[input_count++].inode = status.st_ino;
	return in;
}

bool file_is_input(const struct stat *status)
{
	size_t i;

	for (i = 0; i < input_count; i++)
		if (inputs[i].device == status->st_dev && inputs[i].inode == status->st_ino)
			return true;
	return false;
}

/* Checked before an ordinary file is read. */
static bool is_too_large(FILE *in)
{
	struct stat status;

	return !fstat(fileno(in), &status) && S_ISREG(status.st_mode) && (uint64_t)status.st_size > FILE_LIMIT;
}

bool file_read(const char *path, struct file *file)
{
	FILE *in = file_open(path);
	size_t room = 0, got;

	*file = (struct file){ .path = path };
	if (!in) {
		complain(path, "%s", strerror(errno));
		return false;
	}
	if (is_too_large(in)) {
		complain(path, "there are more than %u bytes", FILE_LIMIT);
		fclose(in);
		return false;
	}
	do {
		if (room - file->size < READ_STEP) {
			room += room / 2 + READ_STEP;
			file->data = allocate_again(file->data, room);
		}
		errno = 0;
		got = fread(file->data + file->size, 1, room - file->size, in);
		file->size += got;
	} while (got && file->size <= FILE_LIMIT);
	if (ferror(in))
		complain(path, "reading stops at offset %zu: %s", file->size, strerror(errno));
	else if (file->size > FILE_LIMIT)
		complain(path, "there are more than %u bytes", FILE_LIMIT);
	got = !ferror(in) && file->size <= FILE_LIMIT;
	fclose(in);
	if (!got)
		file_free(file);
	return got;
}

void file_free(struct file *file)
{
	free(file->data);
	file->data = NULL;
	file->size = 0;
}

/* RFC 1952, section 2.3.1: ID1, ID2, CM */
static bool is_gzip(const uint8_t *data, size_t size)
{
	return size >= 3 && data[0] == 0x1f && data[1] == 0x8b && data[2] == 8;
}

bool file_is_gzip(const struct file *file)
{
	return is_gzip(file->data, file->size);
}

/* Inflates the member at *at into out, and sets *at to its end. */
static int inflate_member(const struct file *file, size_t *at, struct file *out, size_t *room)
{
	z_stream stream = { .next_in = file->data + *at, .avail_in = (uInt)(file->size - *at) };
	int result = inflateInit2(&stream, 16 + MAX_WBITS);

	while (result == Z_OK && out->size <= FILE_LIMIT) {
		if (*room - out->size < READ_STEP) {
			*room += *room / 2 + READ_STEP;
			out->data = allocate_again(out->data, *room);
		}
		stream.next_out = out->data + out->size;
		stream.avail_out = READ_STEP;
		result = inflate(&stream, Z_NO_FLUSH);
		out->size += READ_STEP - stream.avail_out;
	}
	*at = file->size - stream.avail_in;
	if (result != Z_STREAM_END && result != Z_OK)
		complain(file->path, "gunzip stops at offset %zu: %s", *at,
			 result == Z_BUF_ERROR ? "the file ends too early" : stream.msg ? stream.msg : zError(result));
	else if (result == Z_OK)
		complain(file->path, "gunzipped, it has more than %u bytes", FILE_LIMIT);
	inflateEnd(&stream);
	return result;
}

bool file_gunzip(struct file *file)
{
	struct file out = { .path = file->path, .packed_size = file->size };
	size_t at = 0, room = 0;

	/* A gzip file may have several members. Other bytes after the last one are padding. */
	do {
		if (inflate_member(file, &at, &out, &room) != Z_STREAM_END) {
			file_free(&out);
			return false;
		}
	} while (is_gzip(file->data + at, file->size - at));
	free(file->data);
	*file = out;
	return true;
}

bool file_read_kernel(const char *path, struct file *file)
{
	struct bytes bytes;

	if (!file_read(path, file))
		return false;
	bytes = (struct bytes){ file->data, file->size, 0 };
	if (!file_is_gzip(file) || segue_is_fiwix(&bytes) || file_gunzip(file))
		return true;
	file_free(file);
	return false;
}

bool file_write(const char *path, const char *name, const void *data, size_t size)
{
	FILE *out = fopen(path, "wbx");
	size_t put = out ? fwrite(data, 1, size, out) : 0;
	bool good = out && put == size && !fflush(out);

	if (!good)
		complain(name, "writing stops at offset %zu: %s", put, strerror(errno));
	if (out && fclose(out) && good)
		good = !complain(name, "%s", strerror(errno));
	return good;
}
