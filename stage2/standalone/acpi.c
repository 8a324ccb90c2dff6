/* SPDX-License-Identifier: MIT */
/* Finds ACPI's RSDP: Multiboot 1 does not pass it, and on UEFI it is not where a target would look. */
#include "boot_info.h"
#include "machine/hardware.h"
#include "standalone.h"

int memcmp(const void *a, const void *b, size_t size); /* stage2/memory */

#define RSDP_SIZE 20u                 /* ACPI 6.5, section 5.2.5.3: what the first checksum covers */
#define RSDP_REVISION 15u
#define RSDP_NEW_SIZE 36u
#define RAM_END 0xa0000u

static bool is_rsdp(const uint8_t *at)
{
	static const char signature[8] = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' };
	uint8_t sum = 0;

	for (uint32_t i = 0; i < sizeof signature; i++)
		if (at[i] != (uint8_t)signature[i])
			return false;
	for (uint32_t i = 0; i < RSDP_SIZE; i++)
		sum = (uint8_t)(sum + at[i]);
	return sum == 0;
}

static uint32_t find_rsdp(uint32_t start, uint32_t end)
{
	const uint8_t *at, *last;

	start = (start + RSDP_STEP - 1) & ~(RSDP_STEP - 1);
	if (start >= end || end - start < RSDP_SIZE)
		return 0;
	at = physical(start);
	last = at + (end - start - RSDP_SIZE);
	/* There are thousands of steps; the first letter decides most of them. */
	for (; at <= last; at += RSDP_STEP)
		if (*at == 'R' && is_rsdp(at))
			return physical_address(at);
	return 0;
}

/* Searches ACPI's own memory, because UEFI puts no RSDP into the BIOS area. */
static uint32_t find_in_map(const struct boot_info *boot)
{
	struct segue_range range;

	for (size_t i = 0; boot_range_at(boot, i, &range); i++) {
		uint32_t found;

		if ((range.type != SEGUE_MEMORY_ACPI && range.type != SEGUE_MEMORY_NVS) || range.end > UINT32_MAX)
			continue;
		found = find_rsdp((uint32_t)range.start, (uint32_t)range.end);
		if (found)
			return found;
	}
	return 0;
}

static bool is_copy_of(const struct segue_machine *machine, uint32_t found)
{
	return found && machine->rsdp_copy_size >= RSDP_SIZE && memcmp(physical(found), machine->rsdp_copy, RSDP_SIZE) == 0;
}

void acpi_settle_rsdp(struct boot_info *boot)
{
	struct segue_machine *machine = &boot->machine;
	const uint8_t *segment = physical(BDA_EBDA);
	uint32_t ebda = (segment[0] + 256u * segment[1]) * 16, bios = find_rsdp(ROM_SEARCHED, ROM_END), mapped;

	if (!bios && ebda >= 0x500 && ebda <= RAM_END - EBDA_SEARCHED)
		bios = find_rsdp(ebda, ebda + EBDA_SEARCHED);
	mapped = bios ? 0 : find_in_map(boot);
	/* If the boot loader's copy differs, it is newer than the one in memory, and is kept. */
	if (machine->rsdp_copy && !is_copy_of(machine, bios) && !is_copy_of(machine, mapped))
		return;
	machine->rsdp_copy = NULL;
	machine->rsdp_copy_size = 0;
	machine->rsdp = bios ? bios : mapped;
	/* Multiboot 2 targets get a copy. */
	if (!machine->rsdp)
		return;
	machine->rsdp_copy = physical((uint32_t)machine->rsdp);
	machine->rsdp_copy_size = ((const uint8_t *)machine->rsdp_copy)[RSDP_REVISION] >= 2 ? RSDP_NEW_SIZE : RSDP_SIZE;
}
