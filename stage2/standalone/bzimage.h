/* SPDX-License-Identifier: MIT */
/* Where a Linux kernel is best placed, from the first bytes of its file. */
#ifndef STANDALONE_BZIMAGE_H
#define STANDALONE_BZIMAGE_H

#include <stdbool.h>
#include <stdint.h>

#define BZIMAGE_HEAD 0x290u           /* bytes that are read */

struct bzimage_place {
	uint64_t start;               /* for the file's first byte, so that its 32-bit code is at its load address */
	uint64_t end;                 /* end of the memory that the kernel needs, init_size included */
	uint64_t initrd_end;          /* the initrd must end here or below */
};

/* False: not a bzImage, or one that starts in 16-bit code. Only a hint: segue_load() decides. */
bool bzimage_place(const uint8_t *head, uint32_t head_size, uint32_t file_size, struct bzimage_place *place);

#endif
