/* SPDX-License-Identifier: MIT */
/* What a bzImage's setup header says of the memory that it wants (boot.rst). Exported to segue.elf. */
#ifndef SEGUE_LINUX_PLACE_H
#define SEGUE_LINUX_PLACE_H

#include "common/bytes.h"
#include "linux_header.h"

struct linux_wish {
	addr_t load;                  /* where the code goes */
	addr_t end;                   /* of what the kernel needs from there */
	addr_t init_size;             /* bytes that it needs where it runs: a guess where no field says so */
	uint32_t align, min_alignment; /* kernel_alignment; the exponent of the least one; 0: no other */
	bool relocatable;
};

/* header: the setup header, at offset 0x1f1 of the file. False: its numbers make no sense. */
bool segue_linux_wish(const uint8_t *header, uint32_t minor, addr_t code_size, struct linux_wish *wish);

/* The highest address that a byte of the initrd may have. */
uint32_t segue_linux_initrd_max(const uint8_t *header, uint32_t minor);

#endif
