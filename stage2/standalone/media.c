/* SPDX-License-Identifier: MIT */
#include "../../stage1/stage1.h"
#include "copy.h"
#include "iso9660.h"
#include "media.h"
#include "partition.h"
#include "standalone.h"

#define PARTITION_PATH "Segue's partition"

void media_refuse(const char *what, const char *sentence)
{
	console_open_default();
	say(SEGUE_LOG_ERROR, "Refused: %s: %s.", what, sentence);
	give_up();
}

SEGUE_NORETURN static void refuse_read(const struct disk *disk, const char *what)
{
	console_open_default();
	say(SEGUE_LOG_ERROR, "Refused: %s: sector %llu of drive 0x%02x cannot be read: %s (status 0x%02x).", what,
		(unsigned long long)disk->bad_sector, disk->drive, disk_status(disk->status), disk->status);
	if (disk->sector_count && disk->bad_sector >= disk->sector_count)
		say(SEGUE_LOG_ERROR, "The medium ends at sector %llu: it was cut short.",
			(unsigned long long)disk->sector_count);
	give_up();
}

uint32_t media_read(struct media *media, const char *what, uint64_t sector, uint32_t count)
{
	count = disk_read(&media->disk, sector, count);
	if (!count)
		refuse_read(&media->disk, what);
	return count;
}

const uint8_t *media_block(struct media *media, const char *what, uint64_t block)
{
	static uint8_t bytes[ISO_BLOCK];
	uint32_t size = media->disk.sector_size, sectors = ISO_BLOCK / size, done = 0;
	const uint8_t *buffer = physical(MEDIA_BUFFER);

	while (done < sectors) {
		uint32_t count = media_read(media, what, block * sectors + done, sectors - done);

		if (count == sectors)
			return buffer;
		copy_bytes(bytes + done * size, buffer, count * size);
		done += count;
	}
	return bytes;
}

/* The options may be missing; if they are there, they must be readable, for what they forbid counts. */
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
	media->sector = (uint64_t)file.block * (ISO_BLOCK / media->disk.sector_size);
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

	media->path = medium == STAGE1_DISK ? PARTITION_PATH : ISO_BLOB_PATH;
	if (!disk_open(&media->disk, drive, medium == STAGE1_CD, MEDIA_BUFFER))
		refuse_read(&media->disk, media->path);
	media->options[0] = 0;
	why = medium == STAGE1_DISK ? partition_find(media) : find_on_iso(media);
	if (why)
		media_refuse(media->path, why);
	if (media->size == 0)
		media_refuse(media->path, "it is empty");
	end_options_at_line(media->options);
}
