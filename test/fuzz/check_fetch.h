/* SPDX-License-Identifier: MIT */
/*
 * segue.elf reads a blob from a medium piece by piece. The result must equal that of segue_open_blob() for the whole
 * blob: accepted or refused, and each piece's bytes. The pieces must lie in free RAM and be disjoint.
 */
#ifndef FUZZ_CHECK_FETCH_H
#define FUZZ_CHECK_FETCH_H

#include "blob_job.h"
#include "fail.h"
#define MEMORY_SIZE 0x800000u
#include "standalone_medium.h"
#include "container/media_format.h"
#include "container/seal.h"
#include "stage1.h"
#include "boot_info.c"
#include "boot_map.c"
#undef AT
#undef PAGE
#include "room.c"
#include "drive.c"
#include "refuse.c"
#include "iso9660.c"
#include "partition.c"
#include "media.c"
#include "media_open.c"
#undef SECTOR
#include "bzimage.c"
#include "seal_check.c"
#include "show.c"
#include "progress.c"
#include "stream.c"
#define least fetch_least
#include "fetch.c"
#undef least

#define BLOB_MAX 0x10000u
#define FIRST_SECTOR 3u
#define LIBRARY_ROOM (1u << 17)
#define PIECES_AT 0x120000u            /* segue.elf lies below */
#define HOLE 0x300000u
#define HOLE_END 0x301000u

/* How the blob is read: the last bytes of the input. */
struct way {
	uint8_t flags, largest, bad, memory;
};
#define WAY_512 0x01u                 /* sectors of 512 bytes */
#define WAY_SEAL 0x02u                /* a seal is added */
#define WAY_WRONG_SEAL 0x04u
#define WAY_BAD_SECTOR 0x08u          /* some reads fail, or all */

static struct media media;
static struct room room;
static struct parts parts;
static struct boot_info boot;

static inline struct way take_way(const uint8_t *data, size_t *size)
{
	struct way way = { 0 };

	if (*size >= sizeof way) {
		*size -= sizeof way;
		memcpy(&way, data + *size, sizeof way);
	}
	return way;
}

FUZZ_UNTRACED static inline uint32_t sum_of(const uint8_t *words, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i += 4)
		sum += words[i] + 256u * words[i + 1] + 65536u * words[i + 2] + 16777216u * words[i + 3];
	return sum;
}

/* The seal of container/seal.h, computed from the sums of the sectors, unlike in seal_check.c. */
static inline size_t add_seal(uint8_t *blob, size_t size, bool wrong)
{
	uint8_t *seal = blob + size;
	uint32_t sum = 0, sums = 0;

	memset(seal, 0, SEAL_SECTOR + SEAL_SIZE);
	for (size_t sector = 0; sector < size; sector += SEAL_SECTOR, sums += sum)
		sum += sum_of(blob + sector, size - sector < SEAL_SECTOR ? size - sector : SEAL_SECTOR);
	memcpy(seal, SEAL_MAGIC, 12);
	put_le64(seal + 12, size);
	for (unsigned i = 0; i < 4; i++) {
		seal[20 + i] = (uint8_t)(sum >> 8 * i);
		seal[24 + i] = (uint8_t)(sums >> 8 * i);
	}
	if (wrong)
		seal[12 + sum % 16] ^= 1;
	return size + SEAL_SIZE;
}

/* From little RAM to all of it: not everything fits. */
static inline uint32_t ram_end(const struct way *way)
{
	return 0x140000u + 0x10000u * (way->memory ? way->memory % 100u : 64u);
}

static inline void insert(const uint8_t *blob, size_t size, const struct way *way)
{
	static uint8_t image[FIRST_SECTOR * 2048 + BLOB_MAX + 8192];
	static struct segue_range map[] = {
		{ 0, 0x9fc00, 1, 0 }, { 0x9fc00, 0x100000, 2, 0 }, { 0x100000, 0, 1, 0 }, { HOLE, HOLE_END, 2, 0 }
	};
	uint32_t sector_size = way->flags & WAY_512 ? 512 : 2048;

	memset(image, 0xa5, sizeof image);
	memcpy(image + FIRST_SECTOR * sector_size, blob, size);
	memset(&drive, 0, sizeof drive);
	drive.data = image;
	drive.sector_size = sector_size;
	drive.size = (FIRST_SECTOR + (size + sector_size - 1) / sector_size) * sector_size;
	drive.largest = way->largest % (65536 / sector_size) + 1;
	drive.status = 0x10;
	if (way->flags & WAY_BAD_SECTOR) {
		drive.bad_sector = FIRST_SECTOR + (way->bad & 15);
		drive.bad_times = way->bad >> 4;
	}
	unguard_buffer();
	memset(memory, 0, 0x1000);
	memset(memory + MEDIA_BUFFER, 0xcc, MEDIA_BUFFER_SIZE);
	memset(&fetch, 0, sizeof fetch);
	memset(&parts, 0, sizeof parts);
	memset(&boot, 0, sizeof boot);
	map[2].end = ram_end(way);
	boot_info_set_map(&boot, map, sizeof map / sizeof *map);
	room = (struct room){ .boot = &boot };
	CHECK(room_take(&room, 0x100000, PIECES_AT), "no room");
	CHECK(disk_open(&media.disk, DRIVE, sector_size == 2048, MEDIA_BUFFER), "no drive");
	media.path = ISO_BLOB_PATH;
	media.sector = FIRST_SECTOR;
	media.size = size;
}

static inline void check_place(const struct bytes *piece, uint32_t end)
{
	uint32_t at = physical_address(piece->data);

	if (piece->size == 0)
		return;
	CHECK(at >= PIECES_AT && at < end && piece->size <= end - at, "a piece at %x", at);
	CHECK(at >= HOLE_END || at + piece->size <= HOLE, "a piece in reserved memory");
}

static inline void check_piece(const char *what, const struct bytes *found, const struct bytes *expected, uint32_t end)
{
	CHECK(found->size == expected->size && (!found->size || !memcmp(found->data, expected->data, found->size)),
	      "%s: %zu bytes, not %zu, or not the same ones", what, found->size, expected->size);
	check_place(found, end);
}

static inline void check_pieces(const struct bundle *found, const struct bundle *expected, uint32_t end)
{
	check_piece("kernel", &found->kernel, &expected->kernel, end);
	check_piece("initrd", &found->initrd, &expected->initrd, end);
	check_piece("command line", &found->cmdline, &expected->cmdline, end);
	CHECK(!found->digest == !expected->digest && (!found->digest || !memcmp(found->digest, expected->digest, 32)), "digest");
	CHECK(found->module_count == expected->module_count, "%zu modules", found->module_count);
	for (size_t i = 0; i < found->module_count; i++) {
		check_piece("module", &found->modules[i].file, &expected->modules[i].file, end);
		check_piece("module's name", &found->modules[i].name, &expected->modules[i].name, end);
		check_piece("module's command line", &found->modules[i].args, &expected->modules[i].args, end);
	}
}

/* Checks the parts for segue_load(): the strings end where the pieces do. */
static inline void check_parts(const struct bundle *bundle)
{
	size_t at = 1 + (bundle->initrd.size != 0);

	CHECK(parts.count == at + bundle->module_count, "%zu parts", parts.count);
	CHECK(!bundle->cmdline.size || strlen(parts.cmdline) == bundle->cmdline.size, "the command line has another length");
	for (size_t i = 0; i < bundle->module_count; i++, at++) {
		const struct member *module = &bundle->modules[i];

		CHECK(strlen(parts.parts[at].name) == module->name.size, "a name has another length");
		CHECK(!module->args.data || strlen(parts.parts[at].cmdline) == module->args.size, "arguments, too");
	}
}

/* Refusals that are due to the machine, the medium or the seal alone. */
static inline bool refused_by_machine(void)
{
	static const char *const why[] = {
		"does not fit", "cannot be read", "its seal", "more than 8190 bytes", "more bytes of workspace"
	};

	for (size_t i = 0; i < sizeof why / sizeof *why; i++)
		if (strstr(spoken, why[i]))
			return true;
	return false;
}

static inline void check_fetch(uint8_t *blob, size_t size, const struct way *way)
{
	static struct blob_job whole;
	static uint8_t lists[LIBRARY_ROOM];
	int error;

	if (way->flags & WAY_SEAL)
		size = add_seal(blob, size, way->flags & WAY_WRONG_SEAL);
	blob_job_start(&whole, blob, size);
	whole.job.arena.next = lists;
	whole.job.arena.end = lists + sizeof lists;
	error = segue_open_blob(&whole.job);
	insert(blob, size, way);
	if (GOES_ON(fetch_parts(&media, &room, &parts))) {
		CHECK(error == SEGUE_OK, "read, though it is refused as a whole: %s", whole.sentence);
		check_pieces(&fetch.bundle, &whole.job.bundle, ram_end(way));
		check_parts(&fetch.bundle);
	} else {
		CHECK(strstr(spoken, "Refused: "), "no sentence: %s", spoken);
		CHECK(error != SEGUE_OK || refused_by_machine(), "refused: %s", spoken);
	}
	CHECK(drive.reads < 2000, "%u reads", drive.reads);
}

#endif
