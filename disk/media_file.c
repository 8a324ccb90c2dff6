/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "container/media_format.h"
#include "common/bytes.h"
#include "media_file.h"
#include "standalone/iso9660.h"
#include "standalone/partition.h"

static char options[DISK_OPTIONS_SIZE + 1];

struct image_file {
	const char *path;
	FILE *in;
};

static bool read_at(const struct image_file *image, uint64_t at, void *data, size_t size)
{
	return !fseeko(image->in, (off_t)at, SEEK_SET) && fread(data, 1, size, image->in) == size;
}

static const uint8_t *read_block(const struct iso *iso, uint64_t block)
{
	static uint8_t bytes[ISO_BLOCK];

	return read_at(iso->medium, block * ISO_BLOCK, bytes, sizeof bytes) ? bytes : NULL;
}

static const uint8_t *read_sector(void *image, uint64_t sector)
{
	static uint8_t bytes[PARTITION_SECTOR];

	return read_at(image, sector * PARTITION_SECTOR, bytes, sizeof bytes) ? bytes : NULL;
}

static bool look_at_iso(struct image_file *image, struct media *media)
{
	struct iso iso = { .read = read_block, .medium = image };
	struct iso_file file;
	const char *why = iso_find(&iso, ISO_BLOB_PATH, &file);

	if (why == iso_none)
		return true;
	if (why == iso_missing)
		complain(image->path, "an ISO without the file " ISO_BLOB_PATH);
	else if (why)
		complain(image->path, "an ISO, and its " ISO_BLOB_PATH ": %s", why);
	if (why)
		return false;
	media->kind = "ISO";
	media->blob_at = (uint64_t)file.block * ISO_BLOCK;
	media->blob_size = file.size;
	if (!iso_find(&iso, ISO_OPTIONS_PATH, &file))
		read_at(image, (uint64_t)file.block * ISO_BLOCK, options, file.size < DISK_OPTIONS_SIZE ? file.size : DISK_OPTIONS_SIZE);
	options[strcspn(options, "\r\n")] = 0;
	return true;
}

static bool look_at_disk(struct image_file *image, struct media *media)
{
	struct partition partition;
	const char *why = partition_find(read_sector, image, &partition);

	if (why == partition_no_table || why == partition_none)
		return true;
	if (why == partition_other_version)
		complain(image->path, "a disk image of version %" PRIu32 ", and this Segue knows 1", partition.version);
	else if (why)
		complain(image->path, "a disk image: %s", why);
	if (why)
		return false;
	media->kind = "disk image";
	media->blob_at = partition.sector * PARTITION_SECTOR;
	media->blob_size = partition.size;
	memcpy(options, partition.options, DISK_OPTIONS_SIZE);
	return true;
}

bool media_look(const char *path, struct media *media)
{
	struct image_file image = { path, NULL };
	struct stat status;
	bool good;

	*media = (struct media){ .kind = "", .options = options };
	memset(options, 0, sizeof options);
	/* a pipe can be read only once, so it is not examined */
	if (!stat(path, &status) && !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
		return true;
	image.in = file_open(path);
	if (!image.in) {
		complain(path, "%s", strerror(errno));
		return false;
	}
	good = look_at_iso(&image, media) && (*media->kind || look_at_disk(&image, media));
	fclose(image.in);
	return good;
}

static bool read_piece(const char *path, const struct media *media, struct file *file)
{
	struct image_file image = { path, NULL };
	bool good;

	*file = (struct file){ .path = path };
	if (media->blob_size > UINT32_MAX) {
		complain(path, "its blob has more than %u bytes", UINT32_MAX);
		return false;
	}
	image.in = file_open(path);
	/* a damaged header may give a size that the file does not have */
	good = image.in && !fseeko(image.in, 0, SEEK_END) && fits(media->blob_at, media->blob_size, (uint64_t)ftello(image.in));
	if (good) {
		file->size = (size_t)media->blob_size;
		file->data = allocate(file->size);
		good = read_at(&image, media->blob_at, file->data, file->size);
	}
	if (!good)
		complain(path, "its blob, %s from offset 0x%" PRIx64 " on, is cut short", human_size(media->blob_size), media->blob_at);
	if (image.in)
		fclose(image.in);
	if (!good)
		file_free(file);
	return good;
}

bool media_read_blob(const char *path, struct file *file, struct media *media)
{
	if (!media_look(path, media))
		return false;
	return *media->kind ? read_piece(path, media, file) : file_read_kernel(path, file);
}
