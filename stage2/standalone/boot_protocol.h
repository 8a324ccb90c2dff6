/* SPDX-License-Identifier: MIT */
/* The structures that Multiboot loaders pass, as in the specifications. */
#ifndef STANDALONE_BOOT_PROTOCOL_H
#define STANDALONE_BOOT_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define AT(type, field, offset) \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

/* Multiboot 1, section 3.2 */
#define MULTIBOOT1_LOADER_MAGIC 0x2BADB002u
/* Multiboot 2, section 3.3 */
#define MULTIBOOT2_LOADER_MAGIC 0x36D76289u

/* Multiboot 1, section 3.3: which fields of the information are valid */
#define MULTIBOOT1_INFO_MEMORY (1u << 0)
#define MULTIBOOT1_INFO_BOOT_DEVICE (1u << 1)
#define MULTIBOOT1_INFO_CMDLINE (1u << 2)
#define MULTIBOOT1_INFO_MODULES (1u << 3)
#define MULTIBOOT1_INFO_MEMORY_MAP (1u << 6)
#define MULTIBOOT1_INFO_LOADER_NAME (1u << 9)
#define MULTIBOOT1_INFO_VBE (1u << 11)
#define MULTIBOOT1_INFO_FRAMEBUFFER (1u << 12)

/* Multiboot 1, section 3.3 */
struct multiboot1_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint32_t vbe_control_info, vbe_mode_info;
	uint16_t vbe_mode;
	uint16_t vbe_interface_seg, vbe_interface_off, vbe_interface_len;
	uint32_t framebuffer_addr_low, framebuffer_addr_high;
	uint32_t framebuffer_pitch, framebuffer_width, framebuffer_height;
	uint8_t framebuffer_bpp, framebuffer_type;
	uint8_t color_info[6];        /* RGB: position and size of red, green, blue */
	uint8_t end[4];
};
SIZE(multiboot1_info, 120);
AT(multiboot1_info, flags, 0);
AT(multiboot1_info, mem_lower, 4);
AT(multiboot1_info, mem_upper, 8);
AT(multiboot1_info, boot_device, 12);
AT(multiboot1_info, cmdline, 16);
AT(multiboot1_info, mods_count, 20);
AT(multiboot1_info, mods_addr, 24);
AT(multiboot1_info, syms, 28);
AT(multiboot1_info, mmap_length, 44);
AT(multiboot1_info, mmap_addr, 48);
AT(multiboot1_info, drives_length, 52);
AT(multiboot1_info, drives_addr, 56);
AT(multiboot1_info, config_table, 60);
AT(multiboot1_info, boot_loader_name, 64);
AT(multiboot1_info, apm_table, 68);
AT(multiboot1_info, vbe_control_info, 72);
AT(multiboot1_info, vbe_mode_info, 76);
AT(multiboot1_info, vbe_mode, 80);
AT(multiboot1_info, vbe_interface_seg, 82);
AT(multiboot1_info, vbe_interface_off, 84);
AT(multiboot1_info, vbe_interface_len, 86);
AT(multiboot1_info, framebuffer_addr_low, 88);
AT(multiboot1_info, framebuffer_addr_high, 92);
AT(multiboot1_info, framebuffer_pitch, 96);
AT(multiboot1_info, framebuffer_width, 100);
AT(multiboot1_info, framebuffer_height, 104);
AT(multiboot1_info, framebuffer_bpp, 108);
AT(multiboot1_info, framebuffer_type, 109);
AT(multiboot1_info, color_info, 110);
/* GRUB 2 has a palette's 32-bit address in a union with the colours, which moves them up to 112 */
#define MULTIBOOT1_COLOR_INFO_GRUB 112

/* Multiboot 1, section 3.3 */
struct multiboot1_module {
	uint32_t mod_start, mod_end;
	uint32_t string;
	uint32_t reserved;
};
SIZE(multiboot1_module, 16);
AT(multiboot1_module, mod_start, 0);
AT(multiboot1_module, mod_end, 4);
AT(multiboot1_module, string, 8);
AT(multiboot1_module, reserved, 12);

/* Multiboot 1, section 3.3: size does not count itself, and may be more than 20 */
struct multiboot1_mmap_entry {
	uint32_t size;
	uint32_t base_low, base_high;
	uint32_t length_low, length_high;
	uint32_t type;
};
SIZE(multiboot1_mmap_entry, 24);
AT(multiboot1_mmap_entry, size, 0);
AT(multiboot1_mmap_entry, base_low, 4);
AT(multiboot1_mmap_entry, base_high, 8);
AT(multiboot1_mmap_entry, length_low, 12);
AT(multiboot1_mmap_entry, length_high, 16);
AT(multiboot1_mmap_entry, type, 20);

/* Multiboot 2, section 3.6 */
enum multiboot2_tag_type {
	MULTIBOOT2_TAG_END = 0,
	MULTIBOOT2_TAG_CMDLINE = 1,
	MULTIBOOT2_TAG_LOADER_NAME = 2,
	MULTIBOOT2_TAG_MODULE = 3,
	MULTIBOOT2_TAG_MEMORY = 4,
	MULTIBOOT2_TAG_BOOT_DEVICE = 5,
	MULTIBOOT2_TAG_MMAP = 6,
	MULTIBOOT2_TAG_VBE = 7,
	MULTIBOOT2_TAG_FRAMEBUFFER = 8,
	MULTIBOOT2_TAG_RSDP_OLD = 14,
	MULTIBOOT2_TAG_RSDP_NEW = 15,
	MULTIBOOT2_TAG_EFI_MMAP = 17
};

/* Multiboot 2, section 3.4 */
struct multiboot2_info {
	uint32_t total_size;
	uint32_t reserved;
};
SIZE(multiboot2_info, 8);
AT(multiboot2_info, total_size, 0);

/* Multiboot 2, section 3.5 */
struct multiboot2_tag {
	uint32_t type, size;
};
SIZE(multiboot2_tag, 8);
AT(multiboot2_tag, type, 0);
AT(multiboot2_tag, size, 4);

/* Multiboot 2, section 3.6.2; the string follows */
struct multiboot2_module {
	uint32_t type, size;
	uint32_t mod_start, mod_end;
};
SIZE(multiboot2_module, 16);
AT(multiboot2_module, mod_start, 8);
AT(multiboot2_module, mod_end, 12);

/* Multiboot 2, section 3.6.3 */
struct multiboot2_memory {
	uint32_t type, size;
	uint32_t mem_lower, mem_upper; /* KiB */
};
SIZE(multiboot2_memory, 16);
AT(multiboot2_memory, mem_lower, 8);
AT(multiboot2_memory, mem_upper, 12);

/* Multiboot 2, section 3.6.4 */
struct multiboot2_boot_device {
	uint32_t type, size;
	uint32_t biosdev, partition, sub_partition;
};
SIZE(multiboot2_boot_device, 20);
AT(multiboot2_boot_device, biosdev, 8);
AT(multiboot2_boot_device, partition, 12);
AT(multiboot2_boot_device, sub_partition, 16);

/* Multiboot 2, section 3.6.8 (entries) and 3.6.15 (EFI descriptors); these follow */
struct multiboot2_map {
	uint32_t type, size;
	uint32_t entry_size, entry_version;
};
SIZE(multiboot2_map, 16);
AT(multiboot2_map, entry_size, 8);
AT(multiboot2_map, entry_version, 12);

/* Multiboot 2, section 3.6.8 */
struct multiboot2_mmap_entry {
	uint32_t base_low, base_high;
	uint32_t length_low, length_high;
	uint32_t type;
	uint32_t reserved;
};
SIZE(multiboot2_mmap_entry, 24);
AT(multiboot2_mmap_entry, base_low, 0);
AT(multiboot2_mmap_entry, length_low, 8);
AT(multiboot2_mmap_entry, type, 16);

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

/* Multiboot 2, section 3.6.11 */
struct multiboot2_vbe {
	uint32_t type, size;
	uint16_t vbe_mode;
	uint16_t vbe_interface_seg, vbe_interface_off, vbe_interface_len;
	uint8_t control_info[512];
	uint8_t mode_info[256];
};
SIZE(multiboot2_vbe, 784);
AT(multiboot2_vbe, vbe_mode, 8);
AT(multiboot2_vbe, vbe_interface_seg, 10);
AT(multiboot2_vbe, vbe_interface_off, 12);
AT(multiboot2_vbe, vbe_interface_len, 14);
AT(multiboot2_vbe, control_info, 16);
AT(multiboot2_vbe, mode_info, 528);

/* Multiboot 2, section 3.6.12 */
struct multiboot2_framebuffer {
	uint32_t type, size;
	uint32_t addr_low, addr_high;
	uint32_t pitch, width, height;
	uint8_t bpp, framebuffer_type;
	uint16_t reserved;
	uint8_t color_info[6];
	uint8_t padding[2];
};
SIZE(multiboot2_framebuffer, 40);
AT(multiboot2_framebuffer, addr_low, 8);
AT(multiboot2_framebuffer, pitch, 16);
AT(multiboot2_framebuffer, width, 20);
AT(multiboot2_framebuffer, height, 24);
AT(multiboot2_framebuffer, bpp, 28);
AT(multiboot2_framebuffer, framebuffer_type, 29);
AT(multiboot2_framebuffer, reserved, 30);
AT(multiboot2_framebuffer, color_info, 32);

/* VBE 3.0, section 4.3: the fields of VbeInfoBlock that are read */
struct vbe_control_info {
	uint8_t signature[4];         /* "VESA"; "VBE2" asks for all 512 bytes */
	uint8_t version[2];
	uint8_t oem_name[4];
	uint8_t capabilities[4];
	uint8_t modes[4];             /* far pointer to numbers of 16 bits, up to 0xffff */
};
AT(vbe_control_info, signature, 0);
AT(vbe_control_info, version, 4);
AT(vbe_control_info, oem_name, 6);
AT(vbe_control_info, capabilities, 10);
AT(vbe_control_info, modes, 14);

/* VBE 3.0, section 4.4: the fields of ModeInfoBlock that describe a linear framebuffer */
struct vbe_mode_info {
	uint16_t attributes;
	uint8_t windows[14];
	uint16_t bytes_per_line;
	uint16_t width, height;
	uint8_t char_width, char_height;
	uint8_t planes, bits_per_pixel;
	uint8_t banks, memory_model;
	uint8_t bank_size, image_pages, reserved;
	uint8_t color_info[6];        /* size, then position of red, green, blue */
	uint8_t reserved_size, reserved_position;
	uint8_t direct_color;
	uint8_t physical_base[4];
	uint8_t off_screen[6];
	uint16_t linear_bytes_per_line;
	uint8_t banked_images, linear_images;
	uint8_t linear_color_info[6];
};
AT(vbe_mode_info, attributes, 0);
AT(vbe_mode_info, bytes_per_line, 16);
AT(vbe_mode_info, width, 18);
AT(vbe_mode_info, height, 20);
AT(vbe_mode_info, bits_per_pixel, 25);
AT(vbe_mode_info, memory_model, 27);
AT(vbe_mode_info, color_info, 31);
AT(vbe_mode_info, physical_base, 40);
AT(vbe_mode_info, linear_bytes_per_line, 50);
AT(vbe_mode_info, linear_color_info, 54);
#define VBE_ATTRIBUTE_SUPPORTED (1u << 0)
#define VBE_ATTRIBUTE_COLOR (1u << 3)
#define VBE_ATTRIBUTE_GRAPHICS (1u << 4)
#define VBE_ATTRIBUTE_LINEAR (1u << 7)
#define VBE_MODEL_PACKED_PIXEL 4
#define VBE_MODEL_DIRECT_COLOR 6
#define VBE_MODE_LINEAR (1u << 14)    /* VBE 3.0, section 4.5: in the number of the mode */

#undef AT
#undef SIZE
#endif
