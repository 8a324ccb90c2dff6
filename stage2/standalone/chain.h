/* SPDX-License-Identifier: MIT */
/* chain=: starts the boot sector of a drive, or of a partition on it. */
#ifndef STANDALONE_CHAIN_H
#define STANDALONE_CHAIN_H

#include "boot_info.h"
#include "options.h"
#include "parts.h"

#define CHAIN_BUFFER_SIZE 4096u       /* one sector, of the largest size */

/*
 * Reads the sector that the options name. It becomes the only part, its drive the machine's boot device, and the
 * partition's entry is passed too. A sector that cannot be read, or is not a boot sector, is refused.
 *
 * buffer: physical address of CHAIN_BUFFER_SIZE free bytes below 1 MiB that cross no 64 KiB boundary, with bios_open()
 * called before; 0: there is no BIOS, which is refused too.
 */
void chain_parts(const struct options *options, uint32_t buffer, struct boot_info *boot, struct parts *parts);

#endif
