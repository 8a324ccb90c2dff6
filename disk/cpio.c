/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "cpio.h"

#define ALIGN_MAX 4096u
#define BLOCK 512u                    /* cpio writes multiples of this */
#define NEWC_HEADER_SIZE 110u
#define TRAILER "TRAILER!!!"

/* For the alignment the name is padded with NULs, which its length counts. Readers of newc end the name at the first NUL. */
size_t cpio_put(struct output *out, const char *name, unsigned mode, const void *data, size_t size, size_t align)
{
	size_t name_size = strlen(name) + 1;
	size_t end = out->size + NEWC_HEADER_SIZE + name_size;
	size_t nuls = size ? -end & (align - 1) : 0, start;
	unsigned inode = strcmp(name, TRAILER) ? ++out->inode : 0;
	char header[NEWC_HEADER_SIZE + 1];
	static const char zeros[ALIGN_MAX];

	snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, mode, 0u, 0u,
		 mode == CPIO_FOLDER ? 2u : 1u, 0u, (unsigned)size, 0u, 0u, 0u, 0u, (unsigned)(name_size + nuls), 0u);
	put(out, header, NEWC_HEADER_SIZE);
	put(out, name, name_size);
	put(out, zeros, nuls);
	pad(out, 4);
	start = out->size;
	put(out, data, size);
	pad(out, 4);
	return start;
}

void cpio_end(struct output *out)
{
	cpio_put(out, TRAILER, 0, NULL, 0, CPIO_ALIGN);
	pad(out, BLOCK);
}
