/* SPDX-License-Identifier: MIT */
#include "iso9660.h"
#include "common/bytes.h"

#define FIRST_DESCRIPTOR 16u          /* ECMA-119, section 6.2.1 */
#define DESCRIPTORS_MAX 32u           /* more than any medium needs */
#define DESCRIPTOR_PRIMARY 1
#define DESCRIPTOR_END 255
#define FOLDER_BLOCKS_MAX 1024u       /* 2 MiB: about 50,000 names */

/* ECMA-119, section 9.1: directory record, without the name. Numbers are stored twice: little-endian, then big-endian. */
struct record {
	uint8_t size;
	uint8_t attribute_blocks;
	uint8_t block[4], block_big[4];
	uint8_t data_size[4], data_size_big[4];
	uint8_t time[7];
	uint8_t flags;
	uint8_t unit_size, gap_size;
	uint8_t volume[4];
	uint8_t name_size;
};
_Static_assert(sizeof(struct record) == 33, "ECMA-119, section 9.1");
_Static_assert(offsetof(struct record, size) == 0, "ECMA-119, section 9.1.1");
_Static_assert(offsetof(struct record, attribute_blocks) == 1, "ECMA-119, section 9.1.2");
_Static_assert(offsetof(struct record, block) == 2, "ECMA-119, section 9.1.3");
_Static_assert(offsetof(struct record, data_size) == 10, "ECMA-119, section 9.1.4");
_Static_assert(offsetof(struct record, flags) == 25, "ECMA-119, section 9.1.6");
_Static_assert(offsetof(struct record, unit_size) == 26, "ECMA-119, section 9.1.7");
_Static_assert(offsetof(struct record, gap_size) == 27, "ECMA-119, section 9.1.8");
_Static_assert(offsetof(struct record, name_size) == 32, "ECMA-119, section 9.1.10");
#define FLAG_FOLDER 0x02u
#define FLAG_ASSOCIATED 0x04u
#define FLAG_GOES_ON 0x80u            /* the file continues in another record */

/* ECMA-119, section 8.4: the fields of the primary volume descriptor that are read */
struct descriptor {
	uint8_t type;
	uint8_t identifier[5];
	uint8_t version;
	uint8_t other[73];
	uint8_t blocks[4], blocks_big[4];
	uint8_t some[40];
	uint8_t block_size[2];
	uint8_t more[26];
	struct record root;
};
_Static_assert(offsetof(struct descriptor, type) == 0, "ECMA-119, section 8.4.1");
_Static_assert(offsetof(struct descriptor, identifier) == 1, "ECMA-119, section 8.4.2");
_Static_assert(offsetof(struct descriptor, version) == 6, "ECMA-119, section 8.4.3");
_Static_assert(offsetof(struct descriptor, blocks) == 80, "ECMA-119, section 8.4.8");
_Static_assert(offsetof(struct descriptor, block_size) == 128, "ECMA-119, section 8.4.12");
_Static_assert(offsetof(struct descriptor, root) == 156, "ECMA-119, section 8.4.18");

const char iso_none[] = "the medium has no ISO 9660 file system";
const char iso_missing[] = "there is no such file on the medium";
static const char broken[] = "its folder on the medium is broken";

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* The end of the path component that begins here. */
static const char *part_end(const char *part)
{
	while (*part && *part != '/')
		part++;
	return part;
}

/* ECMA-119, section 7.5.1: name, '.', extension, ';', version; the extension may be empty. */
static bool is_named(const uint8_t *name, uint32_t size, const char *part)
{
	const char *end = part_end(part);
	uint32_t i;

	for (i = 0; i < size && part < end; i++, part++)
		if (lower((char)name[i]) != lower(*part))
			return false;
	if (part < end)
		return false;
	if (i < size && name[i] == '.')
		i++;
	return i == size || name[i] == ';';
}

/* Takes the record's extent. NULL, or the reason why it cannot be used. */
static const char *take_record(const uint8_t *record, struct iso_file *file)
{
	uint32_t block = le32(record + offsetof(struct record, block));
	uint32_t attributes = record[offsetof(struct record, attribute_blocks)];

	if (record[offsetof(struct record, unit_size)] || record[offsetof(struct record, gap_size)])
		return "it is interleaved with another one";
	if (record[offsetof(struct record, flags)] & FLAG_GOES_ON)
		return "it lies in several pieces, as files of 4 GiB and more do";
	if (block > UINT32_MAX - attributes)
		return broken;
	file->block = block + attributes;
	file->size = le32(record + offsetof(struct record, data_size));
	return NULL;
}

/* Finds the record of the path's next component in a block of a folder; NULL if it has none. False: the block is broken. */
static bool search_block(const uint8_t *block, uint32_t size, const char *part, const uint8_t **found)
{
	uint32_t at = 0;

	*found = NULL;
	/* ECMA-119, section 6.8.1.1: no record crosses a block's end; zeros fill the rest */
	while (at < size && block[at] != 0) {
		const uint8_t *record = block + at;
		uint32_t record_size = record[0], name_size;

		if (record_size < sizeof(struct record) || record_size > size - at)
			return false;
		name_size = record[offsetof(struct record, name_size)];
		if (name_size > record_size - sizeof(struct record))
			return false;
		if (!(record[offsetof(struct record, flags)] & FLAG_ASSOCIATED) &&
		    is_named(record + sizeof(struct record), name_size, part)) {
			*found = record;
			return true;
		}
		at += record_size;
	}
	return true;
}

/* Looks up the path's next component in a folder. */
static const char *enter(const struct iso *iso, const char *part, struct iso_file *file)
{
	struct iso_file folder = *file;
	bool is_folder, want_folder = *part_end(part) == '/';

	if (folder.size > FOLDER_BLOCKS_MAX * ISO_BLOCK)
		return broken;
	for (uint32_t at = 0; at < folder.size; at += ISO_BLOCK) {
		uint32_t size = folder.size - at < ISO_BLOCK ? folder.size - at : ISO_BLOCK;
		const uint8_t *block = iso->read(iso, (uint64_t)folder.block + at / ISO_BLOCK), *record;

		if (!block)
			return "its folder on the medium cannot be read";
		if (!search_block(block, size, part, &record))
			return broken;
		if (!record)
			continue;
		is_folder = record[offsetof(struct record, flags)] & FLAG_FOLDER;
		return is_folder == want_folder ? take_record(record, file) : iso_missing;
	}
	return iso_missing;
}

static bool is_descriptor(const uint8_t *block)
{
	static const char identifier[5] = { 'C', 'D', '0', '0', '1' };

	for (size_t i = 0; i < sizeof identifier; i++)
		if (block[offsetof(struct descriptor, identifier) + i] != (uint8_t)identifier[i])
			return false;
	return true;
}

static const char *find_root(struct iso *iso, struct iso_file *root)
{
	for (uint32_t i = 0; i < DESCRIPTORS_MAX; i++) {
		const uint8_t *block = iso->read(iso, FIRST_DESCRIPTOR + i);

		if (!block || !is_descriptor(block) || block[0] == DESCRIPTOR_END)
			break;
		if (block[0] != DESCRIPTOR_PRIMARY)
			continue;
		if (le16(block + offsetof(struct descriptor, block_size)) != ISO_BLOCK)
			return "the medium's blocks do not have 2048 bytes";
		iso->blocks = le32(block + offsetof(struct descriptor, blocks));
		return take_record(block + offsetof(struct descriptor, root), root);
	}
	return iso_none;
}

const char *iso_find(struct iso *iso, const char *path, struct iso_file *file)
{
	const char *why;

	iso->path = path;
	why = find_root(iso, file);
	for (const char *part = path; !why && *part == '/'; part = part_end(part + 1))
		why = enter(iso, part + 1, file);
	return why;
}
