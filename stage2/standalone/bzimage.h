/* SPDX-License-Identifier: MIT */
/* Where a Linux kernel is best placed, from the first bytes of its file. */
#ifndef STANDALONE_BZIMAGE_H
#define STANDALONE_BZIMAGE_H

#include <stdbool.h>
#include <stdint.h>

#define BZIMAGE_HEAD 0x290u           /* bytes that are looked at */

struct bzimage_place {
	uint64_t start;               /* the file's first byte here, and its 32-bit code lies where it is loaded */
	uint64_t end;                 /* what the kernel needs from there, init_size included */
	uint64_t initrd_end;          /* the initrd below */
};

/* False: no bzImage, or one that starts in 16-bit code. This is a hint; segue_load() decides. */
bool bzimage_place(const uint8_t *head, uint32_t head_size, uint32_t file_size, struct bzimage_place *place);

#endif
