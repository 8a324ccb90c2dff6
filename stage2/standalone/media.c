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

/*
 * Returns the number of sectors on the medium, if it has fewer than it should have; else 0. If the BIOS does not report it,
 * the last sector is read: it is readable if only another sector is damaged. Else a binary search finds the end.
 */
static uint64_t find_end(const struct media *media)
{
	struct disk disk = media->disk;
	uint64_t there = 0, missing = disk.bad_sector, middle = missing - 1;

	if (disk.sector_count)
		return missing >= disk.sector_count ? disk.sector_count : 0;
	if (!missing || missing >= media->end || disk_has(&disk, media->end - 1))
		return 0;
	for (; missing - there > 1; middle = there + (missing - there) / 2) {
		if (disk_has(&disk, middle))
			there = middle;
		else
			missing = middle;
	}
	return missing;
}

void media_refuse_read(const struct media *media, const char *what)
{
	const struct disk *disk = &media->disk;
	uint64_t end;

	console_open_default();
	say(SEGUE_LOG_ERROR, "Refused: %s: sector %llu of drive 0x%02x cannot be read: %s (status 0x%02x).", what,
		(unsigned long long)disk->bad_sector, disk->drive, disk_status(disk->status), disk->status);
	end = find_end(media);
	if (end && end < media->end)
		say(SEGUE_LOG_ERROR, "The medium has %llu of its %llu sectors: it was cut short.", (unsigned long long)end,
			(unsigned long long)media->end);
	else if (end)
		say(SEGUE_LOG_ERROR, "The medium ends at sector %llu: it was cut short.", (unsigned long long)end);
	give_up();
}

uint32_t media_read(struct media *media, const char *what, uint64_t sector, uint32_t count)
{
	count = disk_read(&media->disk, sector, count);
	if (!count)
		media_refuse_read(media, what);
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
