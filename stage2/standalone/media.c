/* SPDX-License-Identifier: MIT */
#include "copy.h"
#include "media.h"
#include "standalone.h"

void media_refuse(const char *what, const char *sentence)
{
	console_open_default();
	say(SEGUE_LOG_ERROR, "Refused: %s: %s.", what, sentence);
	give_up();
}

void media_refuse_read(const struct disk *disk, const char *what)
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
		media_refuse_read(&media->disk, what);
	return count;
}

const uint8_t *media_block(struct media *media, const char *what, uint64_t block)
{
	static uint8_t bytes[MEDIA_BLOCK];
	uint32_t size = media->disk.sector_size, sectors = MEDIA_BLOCK / size, done = 0;
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
