/* SPDX-License-Identifier: MIT */
#include "container/media_format.h"
#include "copy.h"
#include "iso9660.h"
#include "media_open.h"
#include "partition.h"
#include "stage1.h"
#include "standalone.h"

#define PARTITION_PATH "Segue's partition"

static const uint8_t *read_block(const struct iso *iso, uint64_t block)
{
	struct media *media = iso->medium;

	media->end = (uint64_t)iso->blocks * (MEDIA_BLOCK / media->disk.sector_size);
	return media_block(media, iso->path, block);
}

/* The options may be missing. If they exist they must be readable, because they may forbid something. */
static void read_iso_options(struct iso *iso, struct media *media)
{
	struct iso_file file;
	const char *why = iso_find(iso, ISO_OPTIONS_PATH, &file);
	const uint8_t *text;

	if (why == iso_missing)
		return;
	if (why)
		media_refuse(ISO_OPTIONS_PATH, why);
	if (file.size >= MEDIA_OPTIONS_SIZE)
		media_refuse(ISO_OPTIONS_PATH, "it is longer than 2047 bytes");
	text = media_block(media, ISO_OPTIONS_PATH, file.block);
	for (uint32_t i = 0; i < file.size; i++)
		media->options[i] = (char)text[i];
	media->options[file.size] = 0;
}

static const char *find_on_iso(struct media *media)
{
	struct iso iso = { .read = read_block, .medium = media };
	struct iso_file file;
	const char *why = iso_find(&iso, ISO_BLOB_PATH, &file);

	if (why)
		return why;
	media->sector = (uint64_t)file.block * (MEDIA_BLOCK / media->disk.sector_size);
	media->size = file.size;
	read_iso_options(&iso, media);
	return NULL;
}

static const uint8_t *read_sector(void *disk, uint64_t sector)
{
	struct media *media = disk;

	media_read(media, media->path, sector, 1);
	return physical(MEDIA_BUFFER);
}

static const char *find_on_disk(struct media *media)
{
	struct partition partition;
	const char *why = partition_find(read_sector, media, &partition);

	if (why)
		return why;
	media->sector = partition.sector;
	media->size = partition.size;
	media->end = partition.end;
	copy_bytes(media->options, partition.options, DISK_OPTIONS_SIZE);
	media->options[DISK_OPTIONS_SIZE] = 0;
	return NULL;
}

static void end_options_at_line(char *options)
{
	while (*options && *options != '\n' && *options != '\r')
		options++;
	*options = 0;
}

void media_open(struct media *media, uint32_t medium, uint8_t drive)
{
	const char *why;

	media->end = 0;
	media->path = medium == STAGE1_DISK ? PARTITION_PATH : ISO_BLOB_PATH;
	if (!disk_open(&media->disk, drive, medium == STAGE1_CD, MEDIA_BUFFER))
		media_refuse_read(media, media->path);
	media->options[0] = 0;
	why = medium == STAGE1_DISK ? find_on_disk(media) : find_on_iso(media);
	if (why)
		media_refuse(media->path, why);
	if (media->size == 0)
		media_refuse(media->path, "it is empty");
	end_options_at_line(media->options);
}
