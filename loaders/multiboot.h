/* SPDX-License-Identifier: MIT */
/*
 * Multiboot Specification, version 0.6.96. The structures only provide offsets; bytes are read and written with le32
 * and put_le32.
 */
#ifndef SEGUE_MULTIBOOT_H
#define SEGUE_MULTIBOOT_H

#include "elf.h"

#define MULTIBOOT_SEARCH 8192u        /* section 3.1: the header lies in the first 8192 bytes ... */
#define MULTIBOOT_ALIGN 4u            /* ... at a multiple of 4 */
#define MULTIBOOT_NEARLY_SEARCH 0x1000000u /* how far to search for a misplaced header, to warn of it */
#define MULTIBOOT_HEADER_MAGIC 0x1badb002u
#define MULTIBOOT_BOOTLOADER_MAGIC 0x2badb002u

/* Section 3.1.1: the loader must know bits 0 to 15, and may ignore bits 16 to 31. */
#define MULTIBOOT_PAGE_ALIGN 0x1u
#define MULTIBOOT_MEMORY_INFO 0x2u
#define MULTIBOOT_VIDEO_MODE 0x4u
#define MULTIBOOT_MUST_KNOW 0xffffu
#define MULTIBOOT_ADDRESS_FIELDS 0x10000u

/* Multiboot2 Specification, version 2.0, sections 3.1 and 3.1.2: only to tell such kernels from version 1. */
#define MULTIBOOT_2_SEARCH 32768u
#define MULTIBOOT_2_ALIGN 8u
#define MULTIBOOT_2_HEADER_MAGIC 0xe85250d6u

/* Section 3.1 */
struct multiboot_header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; /* bit 16 */
	uint32_t mode_type, width, height, depth;                                 /* bit 2 */
};
#define MULTIBOOT_HEADER_MAGIC_FIELDS 12u
#define MULTIBOOT_HEADER_ADDRESS_FIELDS 32u
_Static_assert(sizeof(struct multiboot_header) == 48, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, magic) == 0, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, flags) == 4, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, checksum) == 8, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, header_addr) == MULTIBOOT_HEADER_MAGIC_FIELDS, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, load_addr) == 16, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, load_end_addr) == 20, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, bss_end_addr) == 24, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, entry_addr) == 28, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, mode_type) == MULTIBOOT_HEADER_ADDRESS_FIELDS, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, width) == 36, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, height) == 40, "Multiboot 3.1");
_Static_assert(offsetof(struct multiboot_header, depth) == 44, "Multiboot 3.1");

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
_Static_assert(sizeof(struct multiboot_info) == 120, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, flags) == 0, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, mem_lower) == 4, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, mem_upper) == 8, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, boot_device) == 12, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, cmdline) == 16, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, mods_count) == 20, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, mods_addr) == 24, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, elf_num) == 28, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, elf_size) == 32, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, elf_addr) == 36, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, elf_shndx) == 40, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, mmap_length) == 44, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, mmap_addr) == 48, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, drives_length) == 52, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, drives_addr) == 56, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, config_table) == 60, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, boot_loader_name) == 64, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, apm_table) == 68, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, vbe_control_info) == 72, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, vbe_mode_info) == 76, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, vbe_mode) == 80, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, vbe_interface_seg) == 82, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, vbe_interface_off) == 84, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, vbe_interface_len) == 86, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, framebuffer_addr) == 88, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, framebuffer_pitch) == 96, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, framebuffer_width) == 100, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, framebuffer_height) == 104, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, framebuffer_bpp) == 108, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, framebuffer_type) == 109, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_info, color_info) == 112, "multiboot.h, Multiboot 4.2");

/* Section 3.3, color_info of framebuffer_type 1 */
struct multiboot_rgb {
	uint8_t red_field_position, red_mask_size;
	uint8_t green_field_position, green_mask_size;
	uint8_t blue_field_position, blue_mask_size;
};
_Static_assert(sizeof(struct multiboot_rgb) == 6, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_rgb, red_field_position) == 0, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_rgb, red_mask_size) == 1, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_rgb, green_field_position) == 2, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_rgb, green_mask_size) == 3, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_rgb, blue_field_position) == 4, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_rgb, blue_mask_size) == 5, "Multiboot 3.3");

/* Section 3.3, at mods_addr */
struct multiboot_module {
	uint32_t mod_start, mod_end, string, reserved;
};
_Static_assert(sizeof(struct multiboot_module) == 16, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_module, mod_start) == 0, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_module, mod_end) == 4, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_module, string) == 8, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_module, reserved) == 12, "Multiboot 3.3");

/* Section 3.3, at mmap_addr; size does not count itself */
struct multiboot_mmap {
	uint32_t size;
	uint32_t base_addr[2], length[2];
	uint32_t type;
};
_Static_assert(sizeof(struct multiboot_mmap) == 24, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_mmap, size) == 0, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_mmap, base_addr) == 4, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_mmap, length) == 12, "Multiboot 3.3");
_Static_assert(offsetof(struct multiboot_mmap, type) == 20, "Multiboot 3.3");

/* VBE 3.0, functions 00h and 01h */
#define VBE_CONTROL_INFO_SIZE 512u
#define VBE_MODE_INFO_SIZE 256u

/*
 * Finds the next magic number at *offset or above, where the specification allows one, whatever its checksum; false if
 * none.
 */
bool segue_multiboot_next(const struct bytes *file, size_t *offset);

/* For a file without a header: says why the first bytes that look like one are not one; NULL if none do. */
const char *segue_multiboot_nearly(const struct bytes *file, size_t *offset) SEGUE_HIDDEN;

/* Places the modules, the information and the sections of elf (NULL: none), and fills in the information. */
int segue_multiboot_pass(struct job *job, const struct elf_file *elf, uint32_t *info);

#endif
