/* SPDX-License-Identifier: MIT */
/* Sectors of a BIOS drive, by EDD (INT 13h, AH = 42h) or by cylinder, head and sector. */
#ifndef STANDALONE_DRIVE_H
#define STANDALONE_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk {
	uint8_t drive;                /* DL */
	bool edd;
	uint32_t sector_size;         /* bytes: 512 or 2048 */
	uint32_t buffer;              /* physical address of the transfer buffer: 64 KiB, on a 64 KiB boundary */
	uint32_t limit;               /* sectors a call: begins with 64 KiB's, is halved where the BIOS refuses */
	uint32_t heads, sectors;      /* of the geometry, where EDD is missing */
	uint64_t sector_count;        /* of the medium; 0: the BIOS does not say, as of a CD */
	uint32_t reduced;             /* what the call before had to go down to; 0: it had not */
	uint8_t status;               /* AH of the last refusal (INT 13h status) */
	uint64_t bad_sector;          /* and where it was */
};

/*
 * Asks the BIOS about the drive. optical: its sectors have 2048 bytes, whatever the BIOS says. False: neither
 * EDD nor a geometry; status has the reason.
 */
bool disk_open(struct disk *disk, uint8_t drive, bool optical, uint32_t buffer);

/*
 * Reads up to count sectors, from sector, into the buffer, in one BIOS call. Returns how many it read: at least 1, at most
 * what the BIOS transfers at once. 0: not even one, after several tries; status and bad_sector have the reason and place.
 */
uint32_t disk_read(struct disk *disk, uint64_t sector, uint32_t count);

/* One sector, in one try: is it there? bad_sector stays. */
bool disk_has(struct disk *disk, uint64_t sector);

/* The meaning of an INT 13h status, in a few words. */
const char *disk_status(uint8_t status);

#endif
