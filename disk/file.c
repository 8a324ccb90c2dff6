/* SPDX-License-Identifier: MIT */
/* Reads and writes whole files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "container/magic.h"
#include "disk.h"
#include "unpack.h"

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

bool file_read_kernel(const char *path, struct file *file)
{
	struct bytes bytes;

	if (!file_read(path, file))
		return false;
	bytes = (struct bytes){ file->data, file->size, 0 };
	if (!unpack_format(file->data, file->size) || segue_is_fiwix(&bytes) || unpack(file))
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
