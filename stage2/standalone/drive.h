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
	uint32_t limit;               /* sectors per call: 64 KiB at first, halved if the BIOS refuses */
	uint32_t heads, sectors;      /* the geometry, if there is no EDD */
	uint64_t sector_count;        /* of the medium; 0: the BIOS does not report it, as for a CD */
	uint32_t reduced;             /* the reduced count of the last disk_read(); 0: not reduced */
	uint8_t status;               /* AH of the last refusal (INT 13h status) */
	uint64_t bad_sector;          /* the sector of that refusal */
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

/* Can this sector be read, in one try? Does not change bad_sector. */
bool disk_has(struct disk *disk, uint64_t sector);

/* The meaning of an INT 13h status, in a few words. */
const char *disk_status(uint8_t status);

#endif
