/* SPDX-License-Identifier: MIT */
/*
 * Identifies a file by a magic number. Uses no loader, since a host may link only some of them.
 * Exported to segue.elf and the segue command.
 */
#ifndef SEGUE_MAGIC_H
#define SEGUE_MAGIC_H

#include <stdbool.h>
#include "common/bundle.h"
#include "common/bytes.h"

/* Linux/x86 boot protocol (boot.rst): boot_flag at 0x1fe, "HdrS" at 0x202. Since 2.00. */
bool segue_is_linux(const struct bytes *file);

/* ELF's e_ident */
bool segue_is_elf(const struct bytes *file);

/* Is it Linux or ELF? */
bool segue_is_kernel(const struct bytes *file);

/* Multiboot 1, section 3.1: the header lies in the first 8192 bytes, at a multiple of 4. */
#define MULTIBOOT_SEARCH 8192u
#define MULTIBOOT_ALIGN 4u
/*
 * Finds the next magic number at *offset or above, where the specification allows one, whatever its checksum; false if
 * none. segue_has_multiboot_sum(): is the checksum of the header at p right?
 */
bool segue_next_multiboot(const struct bytes *file, size_t *offset);
bool segue_has_multiboot_sum(const uint8_t *p);

/*
 * Multiboot 2, section 3.1: the first header for i386 with the right checksum in the first 32768 bytes, at a multiple of 8; NULL:
 * none.
 */
IN_REGISTER const uint8_t *segue_find_multiboot2(const struct bytes *file);

/* 512 bytes that end with the boot flag */
bool segue_is_boot_sector(const struct bytes *file);

/* segue_is_bundle(): do the first six bytes say newc cpio archive? segue_is_fiwix(): is there a kernel after the two lengths? */
bool segue_is_bundle(const struct bytes *blob);
bool segue_is_fiwix(const struct bytes *blob);

/* RFC 1952, section 2.3.1: ID1, ID2, and CM 8 (deflate), the only method defined. */
bool segue_is_gzip(const struct bytes *file);

/* The name of a compression format other than gzip; NULL if these bytes match none. */
const char *segue_compression(const struct bytes *file);

/* A hint for a file that may be an initrd: an initrd is a cpio archive as well, and may be compressed. */
#define INITRD_HINT "if it is an initrd, hand it over after the kernel"

#endif
