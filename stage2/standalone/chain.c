/* SPDX-License-Identifier: MIT */
#include "common/bytes.h"
#include "chain.h"
#include "drive.h"
#include "standalone.h"

#define SECTOR 512u
#define SIGNATURE_AT 510u
#define TABLE_AT 446u                 /* IBM PC: partition table in the master boot record */
#define ENTRY_SIZE 16u
#define ENTRY_TYPE 4u                 /* of an entry; 0: it is not used */
#define ENTRY_FIRST 8u                /* its first sector, 4 bytes */

static uint8_t sector[SECTOR];
static uint8_t entry[ENTRY_SIZE];
static struct segue_part part;

SEGUE_NORETURN static void refuse_drive(const struct options *options, const char *why)
{
	if (options->chain_partition)
		say(SEGUE_LOG_ERROR, "Refused: partition %u of drive 0x%02x: %s.", options->chain_partition,
			options->chain_drive, why);
	else
		say(SEGUE_LOG_ERROR, "Refused: drive 0x%02x: %s.", options->chain_drive, why);
	give_up();
}

static void read_sector(const struct options *options, struct disk *disk, uint32_t number)
{
	const uint8_t *from = physical(disk->buffer);

	if (!disk_read(disk, number, 1)) {
		say(SEGUE_LOG_ERROR, "Refused: drive 0x%02x: sector %u cannot be read: %s (status 0x%02x).",
			options->chain_drive, number, disk_status(disk->status), disk->status);
		give_up();
	}
	for (uint32_t i = 0; i < SECTOR; i++)
		sector[i] = from[i];
	if (sector[SIGNATURE_AT] != 0x55 || sector[SIGNATURE_AT + 1] != 0xaa) {
		say(SEGUE_LOG_ERROR, "Refused: drive 0x%02x: sector %u is not a boot sector: it does not end with 55 aa.",
			options->chain_drive, number);
		give_up();
	}
}

static void find_partition(const struct options *options, struct disk *disk)
{
	const uint8_t *from = sector + TABLE_AT + (options->chain_partition - 1) * ENTRY_SIZE;

	for (uint32_t i = 0; i < ENTRY_SIZE; i++)
		entry[i] = from[i];
	if (entry[ENTRY_TYPE] == 0)
		refuse_drive(options, "the partition table has no such entry");
	read_sector(options, disk, le32(entry + ENTRY_FIRST));
}

void chain_parts(const struct options *options, uint32_t buffer, struct boot_info *boot, struct parts *parts)
{
	struct segue_machine *machine = &boot->machine;
	struct disk disk;

	if (!buffer)
		refuse_drive(options, "there is no BIOS to read it with");
	if (!disk_open(&disk, options->chain_drive, false, buffer))
		refuse_drive(options, "the BIOS has no such drive");
	read_sector(options, &disk, 0);
	if (options->chain_partition) {
		find_partition(options, &disk);
		machine->partition_entry = entry;
	}
	machine->has_boot_device = 1;
	machine->boot_device = (uint32_t)options->chain_drive << 24 | 0x00ffffff;
	part = (struct segue_part){ .data = sector, .size = SECTOR };
	parts->parts = &part;
	parts->count = 1;
	say(SEGUE_LOG_INFO, "Boot sector of drive 0x%02x, partition %u (0: none).", options->chain_drive,
		options->chain_partition);
}
