/* SPDX-License-Identifier: MIT */
/* The memory map of UEFI, as Multiboot 2 loaders pass it. */
#ifndef STANDALONE_EFI_FORMAT_H
#define STANDALONE_EFI_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

/* UEFI 2.10, section 7.2.3: EFI_MEMORY_DESCRIPTOR */
struct efi_memory_descriptor {
	uint32_t type;
	uint32_t padding;
	uint32_t physical_low, physical_high;
	uint32_t virtual_low, virtual_high;
	uint32_t pages_low, pages_high;
	uint32_t attribute_low, attribute_high;
};
SIZE(efi_memory_descriptor, 40);
AT(efi_memory_descriptor, type, 0);
AT(efi_memory_descriptor, physical_low, 8);
AT(efi_memory_descriptor, virtual_low, 16);
AT(efi_memory_descriptor, pages_low, 24);
AT(efi_memory_descriptor, attribute_low, 32);

/* UEFI 2.10, section 7.2.1: EFI_MEMORY_TYPE */
enum efi_memory_type {
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_SERVICES_CODE = 3,
	EFI_BOOT_SERVICES_DATA = 4,
	EFI_CONVENTIONAL = 7,
	EFI_UNUSABLE = 8,
	EFI_ACPI_RECLAIM = 9,
	EFI_ACPI_NVS = 10
};

#undef AT
#undef SIZE
#endif
