/* SPDX-License-Identifier: MIT */
/*
 * Multiboot Specification, version 0.6.96, and Multiboot2 Specification, version 2.0. The structures only provide
 * offsets; bytes are read and written with le32 and put_le32. Exported to segue.elf.
 */
#ifndef SEGUE_MULTIBOOT_FORMAT_H
#define SEGUE_MULTIBOOT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define AT(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

#define MULTIBOOT_HEADER_MAGIC 0x1badb002u
#define MULTIBOOT_BOOTLOADER_MAGIC 0x2badb002u

/* Section 3.1.1: the loader must know bits 0 to 15, and may ignore bits 16 to 31. */
#define MULTIBOOT_PAGE_ALIGN 0x1u
#define MULTIBOOT_MEMORY_INFO 0x2u
#define MULTIBOOT_VIDEO_MODE 0x4u
#define MULTIBOOT_MUST_KNOW 0xffffu
#define MULTIBOOT_ADDRESS_FIELDS 0x10000u

/* Section 3.1 */
struct multiboot_header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; /* bit 16 */
	uint32_t mode_type, width, height, depth;                                 /* bit 2 */
};
#define MULTIBOOT_HEADER_MAGIC_FIELDS 12u
#define MULTIBOOT_HEADER_ADDRESS_FIELDS 32u
SIZE(multiboot_header, 48);
AT(multiboot_header, magic, 0);
AT(multiboot_header, flags, 4);
AT(multiboot_header, checksum, 8);
AT(multiboot_header, header_addr, MULTIBOOT_HEADER_MAGIC_FIELDS);
AT(multiboot_header, load_addr, 16);
AT(multiboot_header, load_end_addr, 20);
AT(multiboot_header, bss_end_addr, 24);
AT(multiboot_header, entry_addr, 28);
AT(multiboot_header, mode_type, MULTIBOOT_HEADER_ADDRESS_FIELDS);
AT(multiboot_header, width, 36);
AT(multiboot_header, height, 40);
AT(multiboot_header, depth, 44);

/* Section 3.3: bits of flags, which say which fields are valid. */
#define MULTIBOOT_INFO_MEMORY 0x1u
#define MULTIBOOT_INFO_BOOT_DEVICE 0x2u
#define MULTIBOOT_INFO_CMDLINE 0x4u
#define MULTIBOOT_INFO_MODULES 0x8u
#define MULTIBOOT_INFO_AOUT_SYMBOLS 0x10u
#define MULTIBOOT_INFO_ELF_SECTIONS 0x20u
#define MULTIBOOT_INFO_MEMORY_MAP 0x40u
#define MULTIBOOT_INFO_LOADER_NAME 0x200u
#define MULTIBOOT_INFO_VBE 0x800u
#define MULTIBOOT_INFO_FRAMEBUFFER 0x1000u

/* Section 3.3 */
struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t elf_num, elf_size, elf_addr, elf_shndx;
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t apm_table;
	uint32_t vbe_control_info, vbe_mode_info;
	uint16_t vbe_mode, vbe_interface_seg, vbe_interface_off, vbe_interface_len;
	uint32_t framebuffer_addr[2];
	uint32_t framebuffer_pitch, framebuffer_width, framebuffer_height;
	uint8_t framebuffer_bpp, framebuffer_type;
	/*
	 * The specification's table has color_info at 110. Its own multiboot.h begins it with a union that has a u32
	 * member, so for GRUB and for every target compiled with that header it is at 112. It is at 112 here too.
	 */
	uint8_t color_info_padding[2];
	uint8_t color_info[6];        /* struct multiboot_rgb, or a palette: u32 address, u16 number of colours */
};
SIZE(multiboot_info, 120);
AT(multiboot_info, flags, 0);
AT(multiboot_info, mem_lower, 4);
AT(multiboot_info, mem_upper, 8);
AT(multiboot_info, boot_device, 12);
AT(multiboot_info, cmdline, 16);
AT(multiboot_info, mods_count, 20);
AT(multiboot_info, mods_addr, 24);
AT(multiboot_info, elf_num, 28);
AT(multiboot_info, elf_size, 32);
AT(multiboot_info, elf_addr, 36);
AT(multiboot_info, elf_shndx, 40);
AT(multiboot_info, mmap_length, 44);
AT(multiboot_info, mmap_addr, 48);
AT(multiboot_info, drives_length, 52);
AT(multiboot_info, drives_addr, 56);
AT(multiboot_info, config_table, 60);
AT(multiboot_info, boot_loader_name, 64);
AT(multiboot_info, apm_table, 68);
AT(multiboot_info, vbe_control_info, 72);
AT(multiboot_info, vbe_mode_info, 76);
AT(multiboot_info, vbe_mode, 80);
AT(multiboot_info, vbe_interface_seg, 82);
AT(multiboot_info, vbe_interface_off, 84);
AT(multiboot_info, vbe_interface_len, 86);
AT(multiboot_info, framebuffer_addr, 88);
AT(multiboot_info, framebuffer_pitch, 96);
AT(multiboot_info, framebuffer_width, 100);
AT(multiboot_info, framebuffer_height, 104);
AT(multiboot_info, framebuffer_bpp, 108);
AT(multiboot_info, framebuffer_type, 109);
AT(multiboot_info, color_info, 112);

/* Section 3.3, color_info of framebuffer_type 1 */
struct multiboot_rgb {
	uint8_t red_field_position, red_mask_size;
	uint8_t green_field_position, green_mask_size;
	uint8_t blue_field_position, blue_mask_size;
};
SIZE(multiboot_rgb, 6);
AT(multiboot_rgb, red_field_position, 0);
AT(multiboot_rgb, red_mask_size, 1);
AT(multiboot_rgb, green_field_position, 2);
AT(multiboot_rgb, green_mask_size, 3);
AT(multiboot_rgb, blue_field_position, 4);
AT(multiboot_rgb, blue_mask_size, 5);

/* Section 3.3, at mods_addr */
struct multiboot_module {
	uint32_t mod_start, mod_end, string, reserved;
};
SIZE(multiboot_module, 16);
AT(multiboot_module, mod_start, 0);
AT(multiboot_module, mod_end, 4);
AT(multiboot_module, string, 8);
AT(multiboot_module, reserved, 12);

/* Section 3.3, at mmap_addr; size does not count itself */
struct multiboot_mmap {
	uint32_t size;
	uint32_t base_addr[2], length[2];
	uint32_t type;
};
SIZE(multiboot_mmap, 24);
AT(multiboot_mmap, size, 0);
AT(multiboot_mmap, base_addr, 4);
AT(multiboot_mmap, length, 12);
AT(multiboot_mmap, type, 20);

/* VBE 3.0, functions 00h and 01h */
#define VBE_CONTROL_INFO_SIZE 512u
#define VBE_MODE_INFO_SIZE 256u

/* ---- Multiboot 2 ---- */

/* Section 3.1.2 */
#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6u
#define MULTIBOOT2_I386 0u

/* Section 3.1.1; the sum of the four is 0. The header with its tags lies in the first bytes of the file. */
#define MULTIBOOT2_SEARCH 32768u
#define MULTIBOOT2_ALIGN 8u
struct multiboot2_header {
	uint32_t magic, architecture, header_length, checksum;
};
SIZE(multiboot2_header, 16);
AT(multiboot2_header, architecture, 4);
AT(multiboot2_header, header_length, 8);
AT(multiboot2_header, checksum, 12);

/* Sections 3.1.3 to 3.1.13 */
enum multiboot2_header_tag_type {
	MULTIBOOT2_HEADER_END = 0,
	MULTIBOOT2_HEADER_REQUEST = 1,
	MULTIBOOT2_HEADER_ADDRESS = 2,
	MULTIBOOT2_HEADER_ENTRY = 3,
	MULTIBOOT2_HEADER_CONSOLE = 4,
	MULTIBOOT2_HEADER_FRAMEBUFFER = 5,
	MULTIBOOT2_HEADER_MODULE_ALIGN = 6,
	MULTIBOOT2_HEADER_EFI_BOOT_SERVICES = 7,
	MULTIBOOT2_HEADER_EFI_ENTRY_32 = 8,
	MULTIBOOT2_HEADER_EFI_ENTRY_64 = 9,
	MULTIBOOT2_HEADER_RELOCATABLE = 10,
	MULTIBOOT2_HEADER_TAGS
};
#define MULTIBOOT2_HEADER_OPTIONAL 0x1u /* flags: the boot loader may ignore the tag */

/* Section 3.1.3 */
struct multiboot2_header_tag {
	uint16_t type, flags;
	uint32_t size;
};
SIZE(multiboot2_header_tag, 8);
AT(multiboot2_header_tag, flags, 2);
AT(multiboot2_header_tag, size, 4);

/* The address tag. load_addr -1: from the file's first byte on */
struct multiboot2_header_address {
	struct multiboot2_header_tag tag;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr;
};
SIZE(multiboot2_header_address, 24);
AT(multiboot2_header_address, header_addr, 8);
AT(multiboot2_header_address, load_addr, 12);
AT(multiboot2_header_address, load_end_addr, 16);
AT(multiboot2_header_address, bss_end_addr, 20);

/* The entry address tag */
struct multiboot2_header_entry {
	struct multiboot2_header_tag tag;
	uint32_t entry_addr;
};
SIZE(multiboot2_header_entry, 12);
AT(multiboot2_header_entry, entry_addr, 8);

/* The flags tag */
struct multiboot2_header_console {
	struct multiboot2_header_tag tag;
	uint32_t console_flags;
};
SIZE(multiboot2_header_console, 12);
AT(multiboot2_header_console, console_flags, 8);
#define MULTIBOOT2_CONSOLE_REQUIRED 0x1u
#define MULTIBOOT2_CONSOLE_EGA_TEXT 0x2u

/* The framebuffer tag; 0: any */
struct multiboot2_header_framebuffer {
	struct multiboot2_header_tag tag;
	uint32_t width, height, depth;
};
SIZE(multiboot2_header_framebuffer, 20);
AT(multiboot2_header_framebuffer, width, 8);
AT(multiboot2_header_framebuffer, height, 12);
AT(multiboot2_header_framebuffer, depth, 16);

/* The relocatable tag */
struct multiboot2_header_relocatable {
	struct multiboot2_header_tag tag;
	uint32_t min_addr, max_addr, align, preference;
};
SIZE(multiboot2_header_relocatable, 24);
AT(multiboot2_header_relocatable, min_addr, 8);
AT(multiboot2_header_relocatable, max_addr, 12);
AT(multiboot2_header_relocatable, align, 16);
AT(multiboot2_header_relocatable, preference, 20);
#define MULTIBOOT2_PREFER_LOW 1u
#define MULTIBOOT2_PREFER_HIGH 2u

/* Section 3.3 */
#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u
/* Section 3.5: each tag begins at a multiple of this. */
#define MULTIBOOT2_TAG_ALIGN 8u

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
	MULTIBOOT2_TAG_ELF_SECTIONS = 9,
	MULTIBOOT2_TAG_EFI_32 = 11,
	MULTIBOOT2_TAG_EFI_64 = 12,
	MULTIBOOT2_TAG_RSDP_OLD = 14,
	MULTIBOOT2_TAG_RSDP_NEW = 15,
	MULTIBOOT2_TAG_EFI_MMAP = 17,
	MULTIBOOT2_TAG_LOAD_BASE = 21
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
AT(multiboot2_mmap_entry, reserved, 20);

/*
 * Multiboot 2, section 3.6.7; the headers follow. The specification's table has fields of 16 bits, its multiboot2.h 32 bits, and
 * so has GRUB.
 */
struct multiboot2_sections {
	uint32_t type, size;
	uint32_t num, entsize, shndx;
};
SIZE(multiboot2_sections, 20);
AT(multiboot2_sections, num, 8);
AT(multiboot2_sections, entsize, 12);
AT(multiboot2_sections, shndx, 16);

/* Multiboot 2, section 3.6.11 */
struct multiboot2_vbe {
	uint32_t type, size;
	uint16_t vbe_mode;
	uint16_t vbe_interface_seg, vbe_interface_off, vbe_interface_len;
	uint8_t control_info[VBE_CONTROL_INFO_SIZE];
	uint8_t mode_info[VBE_MODE_INFO_SIZE];
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

#undef AT
#undef SIZE
#endif
