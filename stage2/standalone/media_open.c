/* SPDX-License-Identifier: MIT */
#include "container/media_format.h"
#include "iso9660.h"
#include "media_open.h"
#include "partition.h"
#include "stage1.h"

#define PARTITION_PATH "Segue's partition"

/* The options may be missing. If they exist they must be readable, because they may forbid something. */
static void read_iso_options(struct media *media)
{
	struct iso_file file;
	const char *why = iso_find(media, ISO_OPTIONS_PATH, &file);
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
	struct iso_file file;
	const char *why = iso_find(media, ISO_BLOB_PATH, &file);

	if (why)
		return why;
	media->sector = (uint64_t)file.block * (MEDIA_BLOCK / media->disk.sector_size);
	media->size = file.size;
	read_iso_options(media);
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
	why = medium == STAGE1_DISK ? partition_find(media) : find_on_iso(media);
	if (why)
		media_refuse(media->path, why);
	if (media->size == 0)
		media_refuse(media->path, "it is empty");
	end_options_at_line(media->options);
}
