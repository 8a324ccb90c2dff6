/* SPDX-License-Identifier: MIT */
#include "bzimage.h"
#include "common/bytes.h"
#include "container/magic.h"
#include "linux_place.h"

#define AT(field) LINUX_AT(head, hdr.field)

bool bzimage_place(const uint8_t *head, uint32_t head_size, uint32_t file_size, struct bzimage_place *place)
{
	const struct bytes file = { head, head_size, 0 };
	struct linux_wish wish;
	uint32_t setup, minor;

	if (head_size < BZIMAGE_HEAD || !segue_is_linux(&file) ||
	    le16(AT(version)) < 0x200 || !(*AT(loadflags) & LINUX_LOADED_HIGH) || le32(AT(code32_start)) == 0)
		return false;
	minor = le16(AT(version)) - 0x200u;
	setup = segue_linux_setup_size(AT(setup_sects));
	if (setup >= file_size || !segue_linux_wish(AT(setup_sects), minor, file_size - setup, &wish) || wish.load < setup ||
	    wish.end > ADDRESS_LIMIT)
		return false;
	place->start = wish.load - setup;
	place->end = wish.end;
	place->initrd_end = (uint64_t)segue_linux_initrd_max(AT(setup_sects), minor) + 1;
	return true;
}
