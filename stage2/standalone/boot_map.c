/* SPDX-License-Identifier: MIT */
/* Reads the boot loader's memory map, in each of its formats. */
#include "boot_info.h"
#include "efi_format.h"
#include "fields.h"
#include "common/multiboot_format.h"
#include "standalone.h"

struct segue_range boot_range(uint64_t start, uint64_t size, uint32_t type)
{
	struct segue_range range = { start, start + size, type, 0 };

	if (range.end < start)
		range.end = UINT64_MAX;
	return range;
}

/* Without a map: RAM below 1 MiB, and above it up to the first hole (Multiboot 1, section 3.3). */
static bool range_without_map(const struct boot_info *boot, size_t index, struct segue_range *range)
{
	if (index == 0)
		*range = boot_range(0, boot->mem_lower * (uint64_t)1024, SEGUE_MEMORY_RAM);
	else
		*range = boot_range(0x100000, boot->mem_upper * (uint64_t)1024, SEGUE_MEMORY_RAM);
	return index < 2;
}

static bool range_multiboot1(const struct boot_info *boot, size_t index, struct segue_range *range)
{
	const uint8_t *map = physical(boot->map_addr);
	uint32_t offset = 0;

	for (;;) {
		if (boot->map_size - offset < sizeof(struct multiboot_mmap))
			return false;
		if (index-- == 0)
			break;
		/* The size field does not count its own 4 bytes. An entry must at least have its fields, 20 bytes. */
		uint32_t size = GET32(map + offset, multiboot_mmap, size);
		if (size < 20 || size > boot->map_size - offset - 4)
			return false;
		offset += 4 + size;
	}
	map += offset;
	*range = boot_range(GET64(map, multiboot_mmap, base_addr),
		GET64(map, multiboot_mmap, length), GET32(map, multiboot_mmap, type));
	return true;
}

static uint32_t type_from_efi(uint32_t type)
{
	switch (type) {
	case EFI_LOADER_CODE:
	case EFI_LOADER_DATA:
	case EFI_BOOT_SERVICES_CODE: /* boot services have ended: segue.elf's header does not ask to keep them */
	case EFI_BOOT_SERVICES_DATA:
	case EFI_CONVENTIONAL:
		return SEGUE_MEMORY_RAM;
	case EFI_ACPI_RECLAIM:
		return SEGUE_MEMORY_ACPI;
	case EFI_ACPI_NVS:
		return SEGUE_MEMORY_NVS;
	case EFI_UNUSABLE:
		return SEGUE_MEMORY_UNUSABLE;
	default:
		return SEGUE_MEMORY_RESERVED;
	}
}

bool boot_range_at(const struct boot_info *boot, size_t index, struct segue_range *range)
{
	const uint8_t *entry;

	if (boot->map_kind == BOOT_MAP_NONE)
		return range_without_map(boot, index, range);
	if (boot->map_kind == BOOT_MAP_MULTIBOOT1)
		return range_multiboot1(boot, index, range);
	if (boot->map_kind == BOOT_MAP_BIOS) {
		if (index < boot->range_count)
			*range = boot->ranges[index];
		return index < boot->range_count;
	}
	if (boot->map_entry_size == 0 || index >= boot->map_size / boot->map_entry_size)
		return false;
	entry = (const uint8_t *)physical(boot->map_addr) + index * boot->map_entry_size;
	if (boot->map_kind == BOOT_MAP_EFI) {
		if (boot->map_entry_size < sizeof(struct efi_memory_descriptor))
			return false;
		*range = boot_range(GET64(entry, efi_memory_descriptor, physical_low),
			GET64(entry, efi_memory_descriptor, pages_low) << 12,
			type_from_efi(GET32(entry, efi_memory_descriptor, type)));
		return true;
	}
	if (boot->map_entry_size < sizeof(struct multiboot2_mmap_entry))
		return false;
	*range = boot_range(GET64(entry, multiboot2_mmap_entry, base_low),
		GET64(entry, multiboot2_mmap_entry, length_low), GET32(entry, multiboot2_mmap_entry, type));
	return true;
}
