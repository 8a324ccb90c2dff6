/* SPDX-License-Identifier: MIT */
/*
 * What stage 1 passes to segue.elf: EAX is STAGE1_MAGIC, EBX the address of this structure. It is below 1 MiB, in memory
 * that stage 2 may use again after it has read it. The rest of the state is that of a Multiboot loader: flat 32-bit
 * segments, paging and interrupts off, A20 on. The map of the first megabyte is in stage1.inc.
 */
#ifndef STAGE1_H
#define STAGE1_H

#include <stddef.h>
#include <stdint.h>

#define STAGE1_MAGIC 0x31676553u      /* "Seg1" */

/* The medium that the firmware has started. */
enum stage1_medium {
	STAGE1_CD = 1,                /* El Torito, no emulation: sectors of 2048 bytes */
	STAGE1_DISK = 2,              /* the MBR of a disk that `segue disk` made: the blob is in a partition */
	STAGE1_ISO_ON_DISK = 3        /* the MBR of an ISO written to a disk or stick: sectors of 512 bytes */
};

struct stage1 {
	uint32_t size;                /* of this structure */
	uint32_t medium;              /* enum stage1_medium */
	uint32_t drive;               /* as the BIOS passed it in DL */
	uint32_t a20_was_shut;        /* 1: A20 was off when the firmware started stage 1 */
};

#endif
