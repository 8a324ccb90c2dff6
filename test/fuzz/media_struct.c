/* SPDX-License-Identifier: MIT */
/* Nearly valid media: folders of records, or partitions with headers, with small errors in their numbers. */
#include "check_media.h"
#define stream generator
#include "generate.h"
#undef stream

#define ROOT 20u
#define FOLDERS 6u                    /* from ROOT on, a block each */

static void put_number(uint8_t *p, uint32_t size, uint64_t value)
{
	for (; size; size--, value >>= 8)
		*p++ = (uint8_t)value;
}

/* ECMA-119, section 9.1 */
static size_t write_record(struct generator *s, uint8_t *p, size_t room)
{
	static const char *const names[] = { "SEGUE", "segue.", "BLOB.;1", "blob", "OPTIONS.;1", "options", "\1", "OTHER.;1", "" };
	uint8_t kind = take_8(s), how = take_8(s);
	const char *name = names[kind % (sizeof names / sizeof *names)];
	size_t name_size = *name ? strlen(name) : 1, size = (33 + name_size + 1) & ~(size_t)1;

	if (size > room)
		return 0;
	memset(p, 0, size);
	p[0] = (uint8_t)size;
	put_number(p + 2, 4, ROOT + how % (FOLDERS + 2));
	put_number(p + 10, 4, BLOCK);
	p[25] = name[0] == 'S' || name[0] == 's' ? 2 : 0;
	p[32] = (uint8_t)name_size;
	memcpy(p + 33, name, name_size);
	if ((how & 0xc0) == 0xc0) {
		put_number(p + 2, 4, take_number(s, ROOT));
		put_number(p + 10, 4, take_number(s, BLOCK));
	}
	if ((kind & 0xf0) == 0xf0)
		p[take_8(s) % 33] = take_8(s);
	return size;
}

/* The last record may be truncated at the block's end; the first ones are made long enough to reach it. */
static void write_folder(struct generator *s, uint8_t *block)
{
	size_t at = 0, size, lead = take_8(s) % 16 * 128u;
	uint8_t bytes[BLOCK];

	for (; at < lead; at += 128) {
		block[at] = 128;
		block[at + 32] = 1;
	}
	for (unsigned count = take_8(s) % 64; count && at < BLOCK; count--, at += size) {
		size = write_record(s, bytes, sizeof bytes);
		memcpy(block + at, bytes, size < BLOCK - at ? size : BLOCK - at);
	}
}

static void write_iso(struct generator *s)
{
	uint8_t *descriptor = image + SYSTEM_AREA * BLOCK;
	struct generator none = { NULL, NULL };

	for (unsigned i = 0; i < 3; i++, descriptor += BLOCK) {
		descriptor[0] = (uint8_t)(i < 2 ? take_8(s) % 4 : 255);
		memcpy(descriptor + 1, "CD001\1", 6);
		put_number(descriptor + 128, 2, BLOCK);
		write_record(&none, descriptor + 156, 34);
		put_number(descriptor + 156 + 2, 4, ROOT);
		put_number(descriptor + 156 + 10, 4, take_8(s) < 0xf0 ? BLOCK : take_number(s, 2 * BLOCK));
	}
	for (unsigned i = 0; i < FOLDERS; i++)
		write_folder(s, image + (ROOT + i) * BLOCK);
}

/* IBM PC: partition table; container/media_format.h: the header in a partition's first sector */
static void write_disk(struct generator *s)
{
	put_number(image + 510, 2, 0xaa55);
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *entry = image + 446 + 16 * i, *header = image + 512 * (4 + 4 * i);

		entry[4] = take_8(s) & 1 ? DISK_PARTITION_TYPE : take_8(s);
		put_number(entry + 8, 4, take_number(s, 4 + 4 * i));
		put_number(entry + 12, 4, take_number(s, 3));
		memcpy(header, DISK_HEADER_MAGIC, 8);
		put_number(header + 8, 8, take_number(s, 512));
		put_number(header + 16, 4, 512);
		put_number(header + 20, 4, take_8(s) < 0xf0 ? 1 : 2);
		memset(header + 24, take_8(s), take_8(s));
		if (take_8(s) > 0xf0)
			memset(header + 24, 'x', 488);
		header[take_8(s)] ^= take_8(s) & 0x81;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct generator generator = { data, data + size }, *s = &generator;
	uint32_t medium = STAGE1_CD + take_8(s) % 3;
	uint8_t largest = take_8(s), cut = take_8(s);

	memset(image, 0, sizeof image);
	if (medium == STAGE1_DISK)
		write_disk(s);
	else
		write_iso(s);
	check_media(medium, largest, cut < 0xc0 ? sizeof image : (cut & 0x3fu) * BLOCK);
	return 0;
}
