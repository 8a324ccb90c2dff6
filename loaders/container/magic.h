/* SPDX-License-Identifier: MIT */
/*
 * Identifies a file by a magic number at a fixed offset. Uses no loader, since a host may link only some of them.
 * Exported to segue.elf and the segue command.
 */
#ifndef SEGUE_MAGIC_H
#define SEGUE_MAGIC_H

#include <stdbool.h>
#include "common/bundle.h"

/* Linux/x86 boot protocol (boot.rst): boot_flag at 0x1fe, "HdrS" at 0x202. Since 2.00. */
bool segue_is_linux(const struct bytes *file);

/* ELF's e_ident */
bool segue_is_elf(const struct bytes *file);

/* Is it Linux or ELF? */
bool segue_is_kernel(const struct bytes *file);

/* RFC 1952, section 2.3.1: ID1, ID2, and CM 8 (deflate), the only method defined. */
bool segue_is_gzip(const struct bytes *file);

/* The name of a compression format other than gzip; NULL if these bytes match none. */
const char *segue_compression(const struct bytes *file);

/* A hint for a file that may be an initrd: an initrd is a cpio archive as well, and may be compressed. */
#define INITRD_HINT "if it is an initrd, hand it over after the kernel"

#endif
