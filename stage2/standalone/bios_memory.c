/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include "bios.h"
#include "bios_memory.h"
#include "bytes.h"
#include "standalone.h"

#define VECTOR_BASE_MEMORY 0x12u
#define VECTOR_SYSTEM 0x15u
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

static size_t add(struct segue_range *map, size_t count, uint64_t start, uint64_t size, uint32_t type)
{
	uint64_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;

	if (size == 0 || count == BIOS_MEMORY_MAX)
		return count;
	map[count] = (struct segue_range){ start, end, type, 0 };
	return count + 1;
}

/* One descriptor into the buffer; 0: there is none, or it is to be ignored. *next is 0 after the last. */
static bool read_descriptor(uint32_t buffer, uint32_t *next, bool *valid)
{
	struct bios_registers registers = {
		.eax = GET_MAP, .ebx = *next, .ecx = sizeof(struct descriptor), .edx = GET_MAP_SIGNATURE,
		.edi = buffer % 16, .es = (uint16_t)(buffer / 16),
	};
	uint8_t *bytes = physical(buffer);

	for (size_t i = 0; i < sizeof(struct descriptor); i++)
		bytes[i] = 0;
	bytes[offsetof(struct descriptor, attributes)] = ATTRIBUTE_VALID;
	bios_call(VECTOR_SYSTEM, &registers);
	if ((registers.eflags & BIOS_CARRY) || registers.eax != GET_MAP_SIGNATURE)
		return false;
	*next = registers.ebx;
	*valid = registers.ecx >= DESCRIPTOR_PLAIN_SIZE && (registers.ecx < sizeof(struct descriptor) ||
		(bytes[offsetof(struct descriptor, attributes)] & ATTRIBUTE_VALID));
	return true;
}

static size_t read_map(struct segue_range *map, uint32_t buffer)
{
	const uint8_t *bytes = physical(buffer);
	uint32_t next = 0;
	size_t count = 0;
	bool valid;

	for (size_t calls = 0; calls < BIOS_MEMORY_MAX && read_descriptor(buffer, &next, &valid); calls++) {
		if (valid)
			count = add(map, count, le64(bytes + offsetof(struct descriptor, base)),
				le64(bytes + offsetof(struct descriptor, length)),
				le32(bytes + offsetof(struct descriptor, type)));
		if (next == 0)
			break;
	}
	return count;
}

static bool has_ram_above_1_mib(const struct segue_range *map, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (map[i].type == SEGUE_MEMORY_RAM && map[i].end > ONE_MIB)
			return true;
	return false;
}

/* From 1 MiB on, in KiB up to 16 MiB and in units of 64 KiB above; some BIOSes tell it in CX and DX only. */
static size_t read_sizes(struct segue_range *map, size_t count)
{
	struct bios_registers registers = { .eax = GET_SIZES };
	uint32_t below, above;

	bios_call(VECTOR_SYSTEM, &registers);
	if (registers.eflags & BIOS_CARRY)
		return count;
	below = registers.eax & 0xffffu;
	above = registers.ebx & 0xffffu;
	if (below == 0 && above == 0) {
		below = registers.ecx & 0xffffu;
		above = registers.edx & 0xffffu;
	}
	if (below > (SIXTEEN_MIB - ONE_MIB) / KIB)
		below = (SIXTEEN_MIB - ONE_MIB) / KIB;
	count = add(map, count, ONE_MIB, (uint64_t)below * KIB, SEGUE_MEMORY_RAM);
	return add(map, count, SIXTEEN_MIB, (uint64_t)above * 64 * KIB, SEGUE_MEMORY_RAM);
}

static size_t read_size(struct segue_range *map, size_t count)
{
	struct bios_registers registers = { .eax = GET_SIZE };

	bios_call(VECTOR_SYSTEM, &registers);
	if (registers.eflags & BIOS_CARRY)
		return count;
	return add(map, count, ONE_MIB, (uint64_t)(registers.eax & 0xffffu) * KIB, SEGUE_MEMORY_RAM);
}

/* What lies above the base memory, from the EBDA to 1 MiB, is no RAM. */
static size_t read_base(struct segue_range *map)
{
	struct bios_registers registers = { .eax = 0 };
	uint32_t size;
	size_t count;

	bios_call(VECTOR_BASE_MEMORY, &registers);
	size = (registers.eax & 0xffffu) * KIB;
	count = add(map, 0, 0, size, SEGUE_MEMORY_RAM);
	return add(map, count, size, size < ONE_MIB ? ONE_MIB - size : 0, SEGUE_MEMORY_RESERVED);
}

size_t bios_memory_map(struct segue_range *map, uint32_t buffer)
{
	size_t count = read_map(map, buffer), base;

	if (has_ram_above_1_mib(map, count))
		return count;
	base = read_base(map);
	count = read_sizes(map, base);
	if (count == base)
		count = read_size(map, base);
	return count > base ? count : 0;
}
