/* SPDX-License-Identifier: MIT */
#include "container/media_format.h"
#include "common/bytes.h"
#include "partition.h"

#define TABLE 446u                    /* IBM PC: partition table in the master boot record */
#define ENTRIES 4u
#define SIGNATURE 510u

struct entry {
	uint8_t active, start_chs[3];
	uint8_t type, end_chs[3];
	uint8_t sector[4];
	uint8_t count[4];
};
_Static_assert(sizeof(struct entry) == 16, "partition table entry");
_Static_assert(offsetof(struct entry, type) == 4, "partition table entry");
_Static_assert(offsetof(struct entry, sector) == 8, "partition table entry");
_Static_assert(offsetof(struct entry, count) == 12, "partition table entry");

const char partition_no_table[] = "the disk has no partition table";
const char partition_none[] = "the disk has no partition of type 7f with Segue's header";
const char partition_other_version[] = "its header is of another version";

static bool is_header(const uint8_t *header)
{
	static const char magic[] = DISK_HEADER_MAGIC;

	for (size_t i = 0; i < sizeof magic - 1; i++)
		if (header[offsetof(struct disk_header, magic) + i] != (uint8_t)magic[i])
			return false;
	return true;
}

static const char *take_header(const uint8_t *header, uint32_t sector, uint32_t count, struct partition *found)
{
	found->version = le32(header + offsetof(struct disk_header, version));
	if (le32(header + offsetof(struct disk_header, header_size)) != PARTITION_SECTOR || found->version != 1)
		return partition_other_version;
	found->sector = (uint64_t)sector + 1;
	found->end = (uint64_t)sector + count;
	found->size = le64(header + offsetof(struct disk_header, blob_size));
	found->options = (const char *)header + offsetof(struct disk_header, options);
	if (found->size > (count - UINT64_C(1)) * PARTITION_SECTOR)
		return "its header says that the blob is larger than the partition";
	return NULL;
}

const char *partition_find(partition_reader *read, void *disk, struct partition *found)
{
	uint8_t table[ENTRIES * sizeof(struct entry)];
	const uint8_t *sector = read(disk, 0);

	if (!sector || sector[SIGNATURE] != 0x55 || sector[SIGNATURE + 1] != 0xaa)
		return partition_no_table;
	for (size_t i = 0; i < sizeof table; i++)
		table[i] = sector[TABLE + i];
	for (const uint8_t *entry = table; entry < table + sizeof table; entry += sizeof(struct entry)) {
		uint32_t first = le32(entry + offsetof(struct entry, sector));
		uint32_t count = le32(entry + offsetof(struct entry, count));

		if (entry[offsetof(struct entry, type)] != DISK_PARTITION_TYPE || count == 0)
			continue;
		sector = read(disk, first);
		if (sector && is_header(sector))
			return take_header(sector, first, count, found);
	}
	return partition_none;
}
