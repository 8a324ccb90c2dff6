/* SPDX-License-Identifier: MIT */
/* Copies stage2/bios/bios_call.asm and patches it for the page that it will run at. bios_call.asm describes its header. */
#include "bios/bios_call.h"
#include "common/bytes.h"

#define PARAGRAPH 16u                 /* bytes a real-mode segment's unit */

/* bios_embed.asm */
extern const uint8_t segue_bios_call[] SEGUE_HIDDEN, segue_bios_call_end[] SEGUE_HIDDEN;

static void add(uint8_t *at, uint32_t size, uint32_t number)
{
	for (uint32_t i = 0; i < size; i++) {
		number += at[i];
		at[i] = (uint8_t)number;
		number >>= 8;
	}
}

uint32_t segue_bios_call_put(uint8_t *image, uint32_t page)
{
	const uint8_t *patch = segue_bios_call + le16(segue_bios_call + 2);

	for (const uint8_t *from = segue_bios_call; from < segue_bios_call_end; from++)
		image[from - segue_bios_call] = *from;
	for (; le16(patch); patch += 2)
		add(image + le16(patch), 4, page);
	for (patch += 2; le16(patch); patch += 2)
		add(image + le16(patch), 2, page / PARAGRAPH);
	return le16(image);
}
