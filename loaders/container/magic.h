/* SPDX-License-Identifier: MIT */
/*
 * What a file is by a magic number at a fixed place. Needs no loader: a host may have linked only some. Exported to
 * segue.elf and the segue command.
 */
#ifndef SEGUE_MAGIC_H
#define SEGUE_MAGIC_H

#include <stdbool.h>
#include "common/bundle.h"

/* Linux/x86 boot protocol (boot.rst): boot_flag at 0x1fe, "HdrS" at 0x202. Since 2.00. */
bool segue_is_linux(const struct bytes *file);

/* ELF's e_ident */
bool segue_is_elf(const struct bytes *file);

/* Is it one of these two? */
bool segue_is_kernel(const struct bytes *file);

/* RFC 1952, section 2.3.1: ID1, ID2, and CM 8 (deflate), the only method there is. */
bool segue_is_gzip(const struct bytes *file);

/* Name of another compression; NULL: none is known by these bytes. */
const char *segue_compression(const struct bytes *file);

/* Of what is perhaps an initrd, which is an archive too, and may be compressed. */
#define INITRD_HINT "if it is an initrd, hand it over after the kernel"

#endif
