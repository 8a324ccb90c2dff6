/* SPDX-License-Identifier: MIT */
/* Writes newc cpio archives: bundles, and the initramfs of a crash kit. They contain no time, user or inode number of this machine. */
#ifndef SEGUE_CPIO_H
#define SEGUE_CPIO_H

#include "output.h"

#define CPIO_FILE 0100644u
#define CPIO_PROGRAM 0100755u
#define CPIO_FOLDER 0040755u
#define CPIO_ALIGN 4u                 /* the least align */

/* Appends a file or a folder. The data starts at a multiple of align, at most 4096. Returns the data's offset in out. */
size_t cpio_put(struct output *out, const char *name, unsigned mode, const void *data, size_t size, size_t align);
/* Ends the archive. */
void cpio_end(struct output *out);

#endif
