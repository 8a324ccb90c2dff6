/* SPDX-License-Identifier: MIT */
#include "common/bytes.h"
#include "common/memory_functions.h"
#include "container/bundle_reader.h"
#include "container/magic.h"
#include "common/multiboot_format.h"

bool segue_is_linux(const struct bytes *file)
{
	return file->size >= 0x206 && le16(file->data + 0x1fe) == 0xaa55 && le32(file->data + 0x202) == 0x53726448u;
}

bool segue_is_elf(const struct bytes *file)
{
	return file->size >= 4 && le32(file->data) == 0x464c457fu;
}

bool segue_is_kernel(const struct bytes *file)
{
	return segue_is_linux(file) || segue_is_elf(file);
}

bool segue_next_multiboot(const struct bytes *file, size_t *offset)
{
	for (; fits(*offset, MULTIBOOT_HEADER_MAGIC_FIELDS, file->size < MULTIBOOT_SEARCH ? file->size : MULTIBOOT_SEARCH);
	     *offset += MULTIBOOT_ALIGN)
		if (le32(file->data + *offset) == MULTIBOOT_HEADER_MAGIC)
			return true;
	return false;
}

bool segue_has_multiboot_sum(const uint8_t *p)
{
	return le32(p) + le32(p + 4) + le32(p + 8) == 0;
}

IN_REGISTER const uint8_t *segue_find_multiboot2(const struct bytes *file)
{
	size_t end = file->size < MULTIBOOT2_SEARCH ? file->size : MULTIBOOT2_SEARCH;
	const uint8_t *p = file->data;

	for (; end >= sizeof(struct multiboot2_header); end -= MULTIBOOT2_ALIGN, p += MULTIBOOT2_ALIGN)
		/* magic, architecture, header_length, checksum: their sum is 0 */
		if (le32(p) == MULTIBOOT2_HEADER_MAGIC && le32(p + 4) == MULTIBOOT2_I386 && le32(p) + le32(p + 8) + le32(p + 12) == 0)
			return p;
	return NULL;
}

bool segue_is_boot_sector(const struct bytes *file)
{
	return file->size == 512 && le16(file->data + 510) == 0xaa55;
}

bool segue_is_bundle(const struct bytes *blob)
{
	return blob->size >= 6 && !memcmp(blob->data, "07070", 5) && (blob->data[5] == '1' || blob->data[5] == '2');
}

bool segue_is_fiwix(const struct bytes *blob)
{
	struct bytes rest;

	if (blob->size <= FIWIX_HEADER_SIZE)
		return false;
	rest = segue_bytes_at(*blob, FIWIX_HEADER_SIZE, blob->size - FIWIX_HEADER_SIZE);
	return segue_is_kernel(&rest) || segue_is_gzip(&rest);
}

bool segue_is_gzip(const struct bytes *file)
{
	return file->size >= 3 && le16(file->data) == 0x8b1f && file->data[2] == 8;
}

/*
 * Magic numbers from Linux' lib/decompress.c and from the formats of lz4 frames, xz and zstd. bzip2 and LZMA are
 * checked further.
 */
static const struct {
	char name[6];
	uint8_t size, magic[6];
} compressions[] = {
	{"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}}, {"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}}, {"lz4", 4, {0x02, 0x21, 0x4c, 0x18}},
	{"lz4", 4, {0x04, 0x22, 0x4d, 0x18}}, {"bzip2", 3, "BZh"}, {"lzop", 4, {0x89, 'L', 'Z', 'O'}}, {"lzma", 3, {0x5d, 0, 0}},
};

const char *segue_compression(const struct bytes *file)
{
	for (size_t i = 0; file->size > 12 && i < sizeof compressions / sizeof *compressions; i++) {
		const uint8_t *p = file->data;

		if (memcmp(p, compressions[i].magic, compressions[i].size))
			continue;
		/* bzip2: block size, then the digits of pi. LZMA: the unpacked size, below 2^40 or -1. */
		if (p[0] == 'B' && (p[3] - (uint32_t)'1' > 8 || p[4] != '1' || p[5] != 'A'))
			continue;
		if (p[0] == 0x5d && (p[10] != p[11] || (p[12] + 1) % 256 > 1))
			continue;
		return compressions[i].name;
	}
	return NULL;
}
