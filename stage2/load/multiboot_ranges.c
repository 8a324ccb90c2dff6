/* SPDX-License-Identifier: MIT */
/* segue_range_from_multiboot(): untrusted bytes to struct segue_range. */
#include "common/bytes.h"
#include "common/multiboot_format.h"
#include "segue.h"

/* Multiboot 1, section 3.3: a size that does not count itself, then the entry. Those of Multiboot 2 begin with the same fields. */
#define SIZE_FIELD offsetof(struct multiboot_mmap, base_addr)
#define ENTRY_SIZE (sizeof(struct multiboot_mmap) - SIZE_FIELD)
#define ENTRY_AT(field) (offsetof(struct multiboot_mmap, field) - SIZE_FIELD)

struct list {
	struct segue_range *ranges;
	size_t limit, count;
};

static bool put_range(struct list *list, const uint8_t *entry)
{
	uint64_t start = le64(entry), length = le64(entry + ENTRY_AT(length));

	if (length > UINT64_MAX - start)
		return false;
	if (list->count < list->limit) {
		struct segue_range *range = &list->ranges[list->count];

		range->start = start;
		range->end = start + length;
		range->type = le32(entry + ENTRY_AT(type));
		range->reserved = 0;
	}
	list->count++;
	return true;
}

static int read_map(struct list *list, const uint8_t *map, size_t size)
{
	size_t at = 0;

	while (at < size) {
		uint32_t rest;

		if (size - at < SIZE_FIELD + ENTRY_SIZE)
			return SEGUE_E_RANGE_MAP;
		rest = le32(map + at);
		at += SIZE_FIELD;
		if (rest < ENTRY_SIZE || rest > size - at || !put_range(list, map + at))
			return SEGUE_E_RANGE_MAP;
		at += rest;
	}
	return list->count ? SEGUE_OK : SEGUE_E_RANGE_NONE;
}

/* Later versions may have longer entries, which begin with these fields. */
static int read_map_tag(struct list *list, const uint8_t *tag, size_t size)
{
	size_t at, entry_size;

	if (size < sizeof(struct multiboot2_map))
		return SEGUE_E_RANGE_MAP;
	entry_size = le32(tag + offsetof(struct multiboot2_map, entry_size));
	if (entry_size < ENTRY_SIZE)
		return SEGUE_E_RANGE_MAP;
	for (at = sizeof(struct multiboot2_map); at < size; at += entry_size)
		if (entry_size > size - at || !put_range(list, tag + at))
			return SEGUE_E_RANGE_MAP;
	return SEGUE_OK;
}

static int read_information(struct list *list, const uint8_t *information, size_t size)
{
	size_t at = sizeof(struct multiboot2_info), total;

	if (size < sizeof(struct multiboot2_info))
		return SEGUE_E_RANGE_MAP;
	total = le32(information);
	if (total < sizeof(struct multiboot2_info) || total > size)
		return SEGUE_E_RANGE_MAP;
	while (total - at >= sizeof(struct multiboot2_tag)) {
		uint32_t type = le32(information + at), tag_size = le32(information + at + offsetof(struct multiboot2_tag, size));

		if (type == MULTIBOOT2_TAG_END)
			return list->count ? SEGUE_OK : SEGUE_E_RANGE_NONE;
		if (tag_size < sizeof(struct multiboot2_tag) || tag_size > total - at)
			return SEGUE_E_RANGE_MAP;
		if (type == MULTIBOOT2_TAG_MMAP && read_map_tag(list, information + at, tag_size) != SEGUE_OK)
			return SEGUE_E_RANGE_MAP;
		at += tag_size;
		/* Offsets are aligned, because the information itself begins on an 8-byte boundary. */
		if ((size_t)(-at & (MULTIBOOT2_TAG_ALIGN - 1)) > total - at)
			break;
		at += -at & (MULTIBOOT2_TAG_ALIGN - 1);
	}
	return SEGUE_E_RANGE_MAP;
}

int segue_range_from_multiboot(int version, const void *bytes, size_t size, struct segue_range *ranges, size_t limit, size_t *count)
{
	struct list list = { ranges, limit, 0 };
	int code;

	if (!count)
		return SEGUE_E_ARGUMENT;
	*count = 0;
	if ((version != 1 && version != 2) || (!bytes && size) || (!ranges && limit))
		return SEGUE_E_ARGUMENT;
	code = version == 1 ? read_map(&list, bytes, size) : read_information(&list, bytes, size);
	if (code != SEGUE_OK)
		return code;
	*count = list.count;
	return list.count > limit ? SEGUE_E_RANGE_LIMIT : SEGUE_OK;
}
