/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include "container/media_format.h"
#include "boot_image.h"
#include "common/bytes.h"
#include "media_file.h"

/* ECMA-119 (ISO 9660): 6.2.1 the system area, 8.4 the primary volume descriptor, 9.1 directory records */
#define BLOCK 2048u
#define DESCRIPTOR_AT (16u * BLOCK)
#define DESCRIPTOR_ID "\1CD001\1"
#define DESCRIPTOR_ROOT 156u
#define RECORD_EXTENT 2u
#define RECORD_SIZE 10u
#define RECORD_FLAGS 25u
#define RECORD_NAME_LENGTH 32u
#define RECORD_NAME 33u
#define FLAG_FOLDER 2u
#define FLAG_GOES_ON 0x80u
/* No folder that we look into is anywhere near it. */
#define FOLDER_LIMIT (1u << 20)

#define SECTOR 512u
#define ENTRY_TYPE 4u
#define ENTRY_START 8u
#define ENTRY_SIZE 16u

static char options[DISK_OPTIONS_SIZE + 1];

struct record {
	uint64_t at;                  /* bytes */
	uint32_t size;
	uint8_t flags;
};

struct image_file {
	const char *path;
	FILE *in;
};

static bool read_at(const struct image_file *image, uint64_t at, void *data, size_t size)
{
	return !fseeko(image->in, (off_t)at, SEEK_SET) && fread(data, 1, size, image->in) == size;
}

static struct record parse_record(const uint8_t *record)
{
	return (struct record){ (uint64_t)le32(record + RECORD_EXTENT) * BLOCK, le32(record + RECORD_SIZE),
				record[RECORD_FLAGS] };
}

/* "BLOB" and "BLOB.;1" are blob, "BLOB.X;1" is not: as segue.elf has it (iso9660.c). */
static bool has_name(const uint8_t *record, const char *name)
{
	const char *there = (const char *)record + RECORD_NAME;
	size_t length = strlen(name), end = record[RECORD_NAME_LENGTH];

	if (length > end || strncasecmp(there, name, length))
		return false;
	length += length < end && there[length] == '.';
	return length == end || there[length] == ';';
}

static bool find_in_block(const uint8_t *block, const char *name, struct record *found)
{
	size_t at = 0;

	while (at + RECORD_NAME < BLOCK && block[at]) {
		const uint8_t *record = block + at;

		at += record[0];
		if (record[0] < RECORD_NAME || at > BLOCK || record[RECORD_NAME_LENGTH] > record[0] - RECORD_NAME)
			return false;
		if (has_name(record, name)) {
			*found = parse_record(record);
			return true;
		}
	}
	return false;
}

static bool find_in_folder(const struct image_file *image, const struct record *folder, const char *name,
			   struct record *found)
{
	uint8_t *block = allocate(BLOCK);
	bool there = false;
	uint32_t at;

	for (at = 0; !there && at < folder->size && at < FOLDER_LIMIT; at += BLOCK) {
		if (!read_at(image, folder->at + at, block, BLOCK))
			break;
		there = find_in_block(block, name, found);
	}
	free(block);
	return there;
}

/* path: "/folder/file" */
static bool find_path(const struct image_file *image, const char *path, struct record *found)
{
	uint8_t root[RECORD_NAME];
	char name[32];

	if (!read_at(image, DESCRIPTOR_AT + DESCRIPTOR_ROOT, root, sizeof root))
		return false;
	*found = parse_record(root);
	while (*path++) {
		size_t length = strcspn(path, "/");

		snprintf(name, sizeof name, "%.*s", (int)length, path);
		path += length;
		if (!find_in_folder(image, found, name, found) || !(found->flags & FLAG_FOLDER) != !*path)
			return false;
	}
	return true;
}

static bool look_at_iso(const struct image_file *image, struct media *media)
{
	struct record record;
	char id[sizeof DESCRIPTOR_ID - 1];

	if (!read_at(image, DESCRIPTOR_AT, id, sizeof id) || memcmp(id, DESCRIPTOR_ID, sizeof id))
		return true;
	if (!find_path(image, ISO_BLOB_PATH, &record)) {
		complain(image->path, "an ISO without the file " ISO_BLOB_PATH);
		return false;
	}
	if (record.flags & FLAG_GOES_ON) {
		complain(image->path, "its " ISO_BLOB_PATH " is in several pieces");
		return false;
	}
	media->kind = "ISO";
	media->blob_at = record.at;
	media->blob_size = record.size;
	if (find_path(image, ISO_OPTIONS_PATH, &record))
		read_at(image, record.at, options, record.size < DISK_OPTIONS_SIZE ? record.size : DISK_OPTIONS_SIZE);
	options[strcspn(options, "\r\n")] = 0;
	return true;
}

static bool look_at_header(const struct image_file *image, uint32_t start, struct media *media)
{
	struct disk_header header;

	if (!read_at(image, (uint64_t)start * SECTOR, &header, sizeof header) ||
	    memcmp(header.magic, DISK_HEADER_MAGIC, sizeof header.magic))
		return true;
	if (le32(header.version) != 1 || le32(header.header_size) < sizeof header) {
		complain(image->path, "a disk image of version %" PRIu32 ", and this Segue knows 1", le32(header.version));
		return false;
	}
	media->kind = "disk image";
	media->blob_at = (uint64_t)start * SECTOR + le32(header.header_size);
	media->blob_size = le64(header.blob_size);
	memcpy(options, header.options, sizeof header.options);
	return true;
}

static bool look_at_disk(const struct image_file *image, struct media *media)
{
	uint8_t table[BOOT_SECTOR_SIZE - BOOT_SECTOR_TABLE];
	size_t i;

	if (!read_at(image, BOOT_SECTOR_TABLE, table, sizeof table) || le16(table + 4 * ENTRY_SIZE) != 0xaa55)
		return true;
	for (i = 0; i < 4; i++) {
		const uint8_t *entry = table + i * ENTRY_SIZE;

		/* another's partition of this type is passed over, as partition.c does */
		if (entry[ENTRY_TYPE] == DISK_PARTITION_TYPE &&
		    (!look_at_header(image, le32(entry + ENTRY_START), media) || *media->kind))
			return *media->kind != 0;
	}
	return true;
}

bool media_look(const char *path, struct media *media)
{
	struct image_file image = { path, NULL };
	struct stat status;
	bool good;

	*media = (struct media){ .kind = "", .options = options };
	memset(options, 0, sizeof options);
	/* a pipe can be read only once */
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
	/* what a damaged header says may be far from what the file has */
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
