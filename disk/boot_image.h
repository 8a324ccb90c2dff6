/* SPDX-License-Identifier: MIT */
/* The boot code of an image: built by the Makefile from stage1/ and segue.elf, embedded in the command (boot_image.asm). */
#ifndef SEGUE_BOOT_IMAGE_H
#define SEGUE_BOOT_IMAGE_H

#include <stdint.h>

#define BOOT_SECTOR_SIZE 512u
/* Offsets in the boot sector: the 64-bit LBA of stage 1's second part, the end of the code, the partition table. */
#define BOOT_SECTOR_PATCH 0x1b0u
#define BOOT_SECTOR_CODE_END 0x1b8u
#define BOOT_SECTOR_TABLE 0x1beu
#define CD_SECTOR_SIZE 2048u

extern const uint8_t disk_boot_sector[BOOT_SECTOR_SIZE];
/* A sector for El Torito's no-emulation boot, the loader, segue.elf. */
extern const uint8_t disk_boot_image[], disk_boot_image_end[];

#endif
