/* SPDX-License-Identifier: MIT */
/* The BIOS's memory map: INT 15h E820 or, if that is missing, E801, 88h and INT 12h. */
#include <stdbool.h>
#include "bios/bios_map.h"
#include "common/bytes.h"
#include "machine/hardware.h"

#define GET_MAP 0xe820u               /* ACPI 6.5, section 15.1 */
#define GET_MAP_SIGNATURE 0x534d4150u /* "SMAP" */
#define GET_SIZES 0xe801u
#define GET_SIZE 0x8800u
#define KIB 1024u
#define ONE_MIB 0x100000u
#define SIXTEEN_MIB 0x1000000u

/* ACPI 6.5, section 15.1, table 15.2 and 15.5: an address range descriptor with its extended attributes */
struct descriptor {
	uint8_t base[8];
	uint8_t length[8];
	uint8_t type[4];
	uint8_t attributes[4];
};
_Static_assert(sizeof(struct descriptor) == 24, "ACPI 6.5, section 15.1");
_Static_assert(offsetof(struct descriptor, base) == 0, "ACPI 6.5, section 15.1");
_Static_assert(offsetof(struct descriptor, length) == 8, "ACPI 6.5, section 15.1");
_Static_assert(offsetof(struct descriptor, type) == 16, "ACPI 6.5, section 15.1");
_Static_assert(offsetof(struct descriptor, attributes) == 20, "ACPI 6.5, section 15.1");
#define DESCRIPTOR_PLAIN_SIZE 20u
#define ATTRIBUTE_VALID 0x1u          /* ACPI 3.0: clear: to be ignored */

static void add(struct bios_map *map, uint64_t start, uint64_t size, uint32_t type)
{
	uint64_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;

	if (size == 0)
		return;
	if (map->count == map->limit)
		map->error = SEGUE_E_BIOS_MAP_LIMIT;
	else
		map->ranges[map->count++] = (struct segue_range){start, end, type, 0};
}

/* False: the BIOS does not have the function, or cannot be called. */
static bool ask(struct bios_map *map, uint32_t vector, struct segue_bios_registers *registers)
{
	if (map->error == SEGUE_OK)
		map->error = map->call(map, vector, registers);
	return map->error == SEGUE_OK && !(registers->eflags & SEGUE_BIOS_CARRY);
}

/* Reads one descriptor; false: there is none. *next is 0 after the last. */
static bool read_descriptor(struct bios_map *map, uint32_t *next)
{
	struct segue_bios_registers registers = {
		.eax = GET_MAP, .ebx = *next, .ecx = sizeof(struct descriptor), .edx = GET_MAP_SIGNATURE,
		.edi = map->offset, .es = map->segment,
	};
	const uint8_t *bytes = map->data;

	for (size_t i = 0; i < sizeof(struct descriptor); i++)
		map->data[i] = 0;
	map->data[offsetof(struct descriptor, attributes)] = ATTRIBUTE_VALID;
	if (!ask(map, VECTOR_SYSTEM, &registers) || registers.eax != GET_MAP_SIGNATURE)
		return false;
	*next = registers.ebx;
	if (registers.ecx >= DESCRIPTOR_PLAIN_SIZE && (registers.ecx < sizeof(struct descriptor) ||
		(bytes[offsetof(struct descriptor, attributes)] & ATTRIBUTE_VALID)))
		add(map, le64(bytes + offsetof(struct descriptor, base)), le64(bytes + offsetof(struct descriptor, length)),
		    le32(bytes + offsetof(struct descriptor, type)));
	return true;
}

static void read_map(struct bios_map *map)
{
	uint32_t next = 0;

	for (size_t calls = 0; calls < BIOS_MAP_MAX && read_descriptor(map, &next) && next != 0; calls++)
		;
}

static bool has_ram_above_1_mib(const struct bios_map *map)
{
	for (size_t i = 0; i < map->count; i++)
		if (map->ranges[i].type == SEGUE_MEMORY_RAM && map->ranges[i].end > ONE_MIB)
			return true;
	return false;
}

/* RAM from 1 MiB: in KiB up to 16 MiB, in units of 64 KiB above. Some BIOSes return it in CX and DX only. */
static void read_sizes(struct bios_map *map)
{
	struct segue_bios_registers registers = {.eax = GET_SIZES};
	uint32_t below, above;

	if (!ask(map, VECTOR_SYSTEM, &registers))
		return;
	below = registers.eax & 0xffffu;
	above = registers.ebx & 0xffffu;
	if (below == 0 && above == 0) {
		below = registers.ecx & 0xffffu;
		above = registers.edx & 0xffffu;
	}
	if (below > (SIXTEEN_MIB - ONE_MIB) / KIB)
		below = (SIXTEEN_MIB - ONE_MIB) / KIB;
	add(map, ONE_MIB, below * KIB, SEGUE_MEMORY_RAM);
	add(map, SIXTEEN_MIB, (uint64_t)above * 64 * KIB, SEGUE_MEMORY_RAM);
}

static void read_size(struct bios_map *map)
{
	struct segue_bios_registers registers = {.eax = GET_SIZE};

	if (ask(map, VECTOR_SYSTEM, &registers))
		add(map, ONE_MIB, (registers.eax & 0xffffu) * KIB, SEGUE_MEMORY_RAM);
}

/* The range above base memory, from the EBDA to 1 MiB, is not free RAM. INT 12h does not return a carry. */
static void read_base(struct bios_map *map)
{
	struct segue_bios_registers registers = {.eax = 0};
	uint32_t size;

	ask(map, VECTOR_BASE_MEMORY, &registers);
	size = (registers.eax & 0xffffu) * KIB;
	add(map, 0, size, SEGUE_MEMORY_RAM);
	add(map, size, size < ONE_MIB ? ONE_MIB - size : 0, SEGUE_MEMORY_RESERVED);
}

int segue_bios_read_map(struct bios_map *map)
{
	read_map(map);
	if (map->error == SEGUE_OK && !has_ram_above_1_mib(map)) {
		map->count = 0;
		read_base(map);
		read_sizes(map);
		if (!has_ram_above_1_mib(map))
			read_size(map);
		if (map->error == SEGUE_OK && !has_ram_above_1_mib(map))
			map->error = SEGUE_E_BIOS_MAP;
	}
	return map->error;
}
