/* SPDX-License-Identifier: MIT */
/* The memory map of a PC with 128 MiB, as initialisers of struct segue_range. */
#ifndef TEST_PC_MAP_H
#define TEST_PC_MAP_H

#include "segue.h"

#define PC_MAP \
	{0, 0x9fc00, SEGUE_MEMORY_RAM, 0}, \
	{0x9fc00, 0xa0000, SEGUE_MEMORY_RESERVED, 0}, \
	{0xf0000, 0x100000, SEGUE_MEMORY_RESERVED, 0}, \
	{0x100000, 0x7fe0000, SEGUE_MEMORY_RAM, 0}, \
	{0x7fe0000, 0x8000000, SEGUE_MEMORY_ACPI, 0}, \
	{0xfffc0000, 0x100000000, SEGUE_MEMORY_RESERVED, 0}

#endif
