/* SPDX-License-Identifier: MIT */
/* Multiboot 1 says nothing of ACPI's root pointer, and on UEFI it is not where a target would look. */
#include "boot_info.h"
#include "standalone.h"

#define RSDP_SIZE 20u                 /* ACPI 6.5, section 5.2.5.3: what the first checksum covers */
#define RSDP_STEP 16u
#define BIOS_START 0xe0000u           /* ACPI 6.5, section 5.2.5.1 */
#define BIOS_END 0x100000u
#define EBDA_SEGMENT 0x40eu           /* IBM PC: where the BIOS data area says the extended one is */
#define EBDA_SEARCHED 1024u
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
	start = (start + RSDP_STEP - 1) & ~(RSDP_STEP - 1);
	for (; start < end && end - start >= RSDP_SIZE; start += RSDP_STEP)
		if (is_rsdp(physical(start)))
			return start;
	return 0;
}

uint32_t acpi_find_rsdp(const struct boot_info *boot)
{
	const uint8_t *segment = physical(EBDA_SEGMENT);
	uint32_t found, ebda = (segment[0] + 256u * segment[1]) * 16;
	struct segue_range range;

	if (find_rsdp(BIOS_START, BIOS_END) ||
	    (ebda >= 0x500 && ebda <= RAM_END - EBDA_SEARCHED && find_rsdp(ebda, ebda + EBDA_SEARCHED)))
		return 0;
	for (size_t i = 0; boot_range_at(boot, i, &range); i++) {
		if (range.type != SEGUE_MEMORY_ACPI && range.type != SEGUE_MEMORY_NVS)
			continue;
		if (range.end > UINT32_MAX)
			continue;
		found = find_rsdp((uint32_t)range.start, (uint32_t)range.end);
		if (found)
			return found;
	}
	return 0;
}
