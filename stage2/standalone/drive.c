/* SPDX-License-Identifier: MIT */
#include "bios_services.h"
#include "drive.h"
#include "common/bytes.h"
#include "machine/hardware.h"
#include "standalone.h"

#define RESET 0x0000u
#define READ_CHS 0x0200u
#define GET_GEOMETRY 0x0800u
#define CHECK_EDD 0x4100u             /* EDD 3.0, section 4.2.1 */
#define READ_EDD 0x4200u
#define GET_PARAMETERS 0x4800u
#define EDD_PACKET 0x1u               /* in CX: functions 42h to 44h, 47h and 48h are there */
#define FLOPPIES_END 0x80u

#define TRANSFER 65536u               /* the most bytes that are read at once */
#define TRIES 5                       /* of one sector: floppies and old CD drives need to spin up */
#define STATUS_BOUNDARY 0x09u
#define STATUS_FAR 0xfeu              /* our own: the sector is beyond the last cylinder of INT 13h */
#define STATUS_NONE 0xffu             /* carry, but AH is 0 */

#define READ_PACKET_AT 0x600u         /* stage1.inc */

/* EDD 3.0, section 4.2.2: disk address packet */
struct packet {
	uint8_t size, reserved;
	uint8_t count[2];
	uint8_t offset[2], segment[2];
	uint8_t sector[8];
};
_Static_assert(sizeof(struct packet) == 16, "EDD 3.0, section 4.2.2");
_Static_assert(offsetof(struct packet, size) == 0, "EDD 3.0, section 4.2.2");
_Static_assert(offsetof(struct packet, reserved) == 1, "EDD 3.0, section 4.2.2");
_Static_assert(offsetof(struct packet, count) == 2, "EDD 3.0, section 4.2.2");
_Static_assert(offsetof(struct packet, offset) == 4, "EDD 3.0, section 4.2.2");
_Static_assert(offsetof(struct packet, segment) == 6, "EDD 3.0, section 4.2.2");
_Static_assert(offsetof(struct packet, sector) == 8, "EDD 3.0, section 4.2.2");

/* EDD 3.0, section 4.2.8: drive parameters, the fields of EDD 1.0 */
struct parameters {
	uint8_t size[2], flags[2];
	uint8_t cylinders[4], heads[4], sectors[4];
	uint8_t sector_count[8];
	uint8_t sector_size[2];
};
_Static_assert(sizeof(struct parameters) == 26, "EDD 3.0, section 4.2.8");
_Static_assert(offsetof(struct parameters, size) == 0, "EDD 3.0, section 4.2.8");
_Static_assert(offsetof(struct parameters, sector_count) == 16, "EDD 3.0, section 4.2.8");
_Static_assert(offsetof(struct parameters, sector_size) == 24, "EDD 3.0, section 4.2.8");

/* Calls INT 13h with DL set to the drive. False: refused; disk->status has the reason. */
static bool call(struct disk *disk, struct segue_bios_registers *registers)
{
	registers->edx = (registers->edx & ~0xffu) | disk->drive;
	bios_call(VECTOR_DISK, registers);
	if (!(registers->eflags & SEGUE_BIOS_CARRY))
		return true;
	disk->status = (uint8_t)(registers->eax >> 8);
	if (disk->status == 0)
		disk->status = STATUS_NONE;
	return false;
}

static bool has_edd(struct disk *disk)
{
	struct segue_bios_registers registers = { .eax = CHECK_EDD, .ebx = EDD_MAGIC };

	return call(disk, &registers) && (registers.ebx & 0xffffu) == EDD_MAGIC_BACK && (registers.ecx & EDD_PACKET);
}

/* Not every BIOS reports this, so only the sentence of a refusal uses it. */
static void read_parameters(struct disk *disk)
{
	struct segue_bios_registers registers = { .eax = GET_PARAMETERS, .ds = (uint16_t)(disk->buffer / 16) };
	uint8_t *parameters = physical(disk->buffer);

	for (size_t i = 0; i < sizeof(struct parameters); i++)
		parameters[i] = 0;
	put_le16(parameters + offsetof(struct parameters, size), sizeof(struct parameters));
	if (call(disk, &registers))
		disk->sector_count = le64(parameters + offsetof(struct parameters, sector_count));
	/* SeaBIOS reports this for a CD. */
	if (disk->sector_count == UINT64_MAX)
		disk->sector_count = 0;
}

static bool read_geometry(struct disk *disk)
{
	struct segue_bios_registers registers = { .eax = GET_GEOMETRY };

	if (!call(disk, &registers))
		return false;
	disk->sectors = registers.ecx & 63u;
	disk->heads = (registers.edx >> 8 & 255u) + 1;
	disk->status = STATUS_NONE;
	return disk->sectors != 0;
}

bool disk_open(struct disk *disk, uint8_t drive, bool optical, uint32_t buffer)
{
	*disk = (struct disk){ .drive = drive, .sector_size = optical ? 2048 : 512, .buffer = buffer };
	disk->limit = TRANSFER / disk->sector_size;
	/* A CD booted without emulation has EDD and no geometry (El Torito 1.0, section 5). */
	disk->edd = optical || has_edd(disk);
	if (!disk->edd)
		return read_geometry(disk);
	read_parameters(disk);
	return true;
}

static bool read_edd(struct disk *disk, uint64_t sector, uint32_t count)
{
	struct segue_bios_registers registers = { .eax = READ_EDD, .ds = READ_PACKET_AT / 16 };
	uint8_t *packet = physical(READ_PACKET_AT);

	put_le16(packet, sizeof(struct packet));
	put_le16(packet + offsetof(struct packet, count), (uint16_t)count);
	put_le16(packet + offsetof(struct packet, offset), 0);
	put_le16(packet + offsetof(struct packet, segment), (uint16_t)(disk->buffer / 16));
	put_le64(packet + offsetof(struct packet, sector), sector);
	return call(disk, &registers);
}

/* IBM PC: CH and bits 7-6 of CL the cylinder, bits 5-0 of CL the sector from 1, DH the head. Within one track. */
static bool read_chs(struct disk *disk, uint32_t sector, uint32_t count)
{
	uint32_t track = sector / disk->sectors, cylinder = track / disk->heads;
	struct segue_bios_registers registers = {
		.eax = READ_CHS | count, .es = (uint16_t)(disk->buffer / 16),
		.ecx = (cylinder & 255u) << 8 | (cylinder >> 8 & 3u) << 6 | (sector % disk->sectors + 1),
		.edx = track % disk->heads << 8,
	};

	if (cylinder < DISK_CYLINDERS)
		return call(disk, &registers);
	disk->status = STATUS_FAR;
	return false;
}

static bool read(struct disk *disk, uint64_t sector, uint32_t count)
{
	if (disk->edd)
		return read_edd(disk, sector, count);
	if (sector < UINT32_MAX)
		return read_chs(disk, (uint32_t)sector, count);
	disk->status = STATUS_FAR;
	return false;
}

static void reset(struct disk *disk)
{
	struct segue_bios_registers registers = { .eax = RESET };
	uint8_t status = disk->status;

	call(disk, &registers);
	disk->status = status;
}

/* The sectors of one call: at most the limit and, without EDD, at most to the end of the track. */
static uint32_t most(const struct disk *disk, uint64_t sector, uint32_t count)
{
	uint32_t rest;

	if (count > disk->limit)
		count = disk->limit;
	if (disk->edd || sector >= UINT32_MAX)
		return count;
	rest = disk->sectors - (uint32_t)sector % disk->sectors;
	return count < rest ? count : rest;
}

/*
 * Some BIOSes transfer fewer sectors at once than others, and not all of them report it. The limit is lowered for good
 * if the status says so, or after two calls that had to be made smaller.
 */
static void note_reduced(struct disk *disk, uint32_t count)
{
	if (disk->status == DISK_BAD_COMMAND || disk->status == STATUS_BOUNDARY || disk->reduced)
		disk->limit = count;
	disk->reduced = count;
}

uint32_t disk_read(struct disk *disk, uint64_t sector, uint32_t count)
{
	uint32_t first = most(disk, sector, count), tries = 0;

	for (count = first; !read(disk, sector, count); ) {
		bool too_large = disk->status == DISK_BAD_COMMAND || disk->status == STATUS_BOUNDARY;

		disk->bad_sector = sector;
		tries++;
		if (disk->status == STATUS_FAR || (count == 1 && tries == TRIES))
			return 0;
		if (!too_large || count == 1)
			reset(disk);
		/* Try the full size twice, so that a transient error costs no speed; then halve it each time. */
		if (count > 1 && (too_large || tries > 1)) {
			count /= 2;
			tries = count > 1;
		}
	}
	if (count < first)
		note_reduced(disk, count);
	else
		disk->reduced = 0;
	return count;
}

bool disk_has(struct disk *disk, uint64_t sector)
{
	return read(disk, sector, 1);
}

const char *disk_status(uint8_t status)
{
	static const struct {
		uint8_t status;
		const char *meaning;
	} known[] = {
		{ DISK_BAD_COMMAND, "invalid request" }, { 0x02, "address mark not found" }, { 0x04, "sector not found" },
		{ 0x05, "reset failed" }, { 0x07, "drive parameters wrong" }, { 0x08, "DMA overrun" },
		{ STATUS_BOUNDARY, "DMA across a boundary" }, { 0x0a, "bad sector" }, { 0x0c, "unsupported track or bad medium" },
		{ 0x10, "checksum wrong" }, { 0x20, "controller failed" }, { 0x31, "no medium in the drive" },
		{ 0x40, "seek failed" }, { 0x80, "time-out, drive not ready" }, { 0xaa, "drive not ready" },
		{ 0xbb, "undefined error" }, { STATUS_FAR, "out of reach without EDD" },
		{ STATUS_NONE, "the BIOS does not say why" },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].status == status)
			return known[i].meaning;
	return "read error";
}
