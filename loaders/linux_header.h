/* SPDX-License-Identifier: MIT */
/*
 * The Linux/x86 boot protocol, 32-bit entry: the setup header of a bzImage and the zero page
 * (struct boot_params) that the kernel is started with.
 *
 * "boot.rst" and "zero-page.rst" are files of Documentation/x86 in Linux 6.1; fields that neither
 * lists (screen_info's, acpi_rsdp_addr) are from include/uapi/linux/screen_info.h and
 * arch/x86/include/uapi/asm/bootparam.h. Fields are runs of bytes, as nothing here is aligned: read
 * them with le32(LINUX_AT(page, field)) and its like.
 *
 * Exported to segue.elf and the segue command.
 */
#ifndef SEGUE_LINUX_HEADER_H
#define SEGUE_LINUX_HEADER_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t linux_u8, linux_u16[2], linux_u32[4], linux_u64[8];

/* include/uapi/linux/screen_info.h */
struct linux_screen_info {
	linux_u8 orig_x, orig_y;
	linux_u16 ext_mem_k;
	linux_u16 orig_video_page;
	linux_u8 orig_video_mode, orig_video_cols;
	linux_u8 flags, unused2;
	linux_u16 orig_video_ega_bx;
	linux_u16 unused3;
	linux_u8 orig_video_lines, orig_video_is_vga;
	linux_u16 orig_video_points;
	linux_u16 lfb_width, lfb_height, lfb_depth;
	linux_u32 lfb_base, lfb_size;
	linux_u16 cl_magic, cl_offset; /* boot.rst, The Kernel Command Line: before 2.02 */
	linux_u16 lfb_linelength;
	linux_u8 red_size, red_pos, green_size, green_pos, blue_size, blue_pos, rsvd_size, rsvd_pos;
	linux_u16 vesapm_seg, vesapm_off, pages, vesa_attributes;
	linux_u32 capabilities, ext_lfb_base;
	linux_u8 reserved[2];
};

/* boot.rst, The Real-Mode Kernel Header: at offset 0x1f1 of the file and of the zero page */
struct linux_setup_header {
	linux_u8 setup_sects;
	linux_u16 root_flags;
	linux_u32 syssize;            /* 16-byte paragraphs; 16 bits before 2.04 */
	linux_u16 ram_size;
	linux_u16 vid_mode;
	linux_u16 root_dev;
	linux_u16 boot_flag;
	linux_u8 jump, jump_distance; /* jump_distance is the header's length, counted from 0x202 */
	linux_u32 header;
	linux_u16 version;
	linux_u32 realmode_swtch;
	linux_u16 start_sys_seg;
	linux_u16 kernel_version;
	linux_u8 type_of_loader;
	linux_u8 loadflags;
	linux_u16 setup_move_size;
	linux_u32 code32_start;
	linux_u32 ramdisk_image, ramdisk_size;
	linux_u32 bootsect_kludge;
	linux_u16 heap_end_ptr;       /* 2.01 */
	linux_u8 ext_loader_ver, ext_loader_type; /* 2.02 */
	linux_u32 cmd_line_ptr;       /* 2.02 */
	linux_u32 initrd_addr_max;    /* 2.03: the highest byte's address, not one past it */
	linux_u32 kernel_alignment;   /* 2.05 */
	linux_u8 relocatable_kernel;  /* 2.05 */
	linux_u8 min_alignment;       /* 2.10: log2 of the alignment */
	linux_u16 xloadflags;         /* 2.12 */
	linux_u32 cmdline_size;       /* 2.06 */
	linux_u32 hardware_subarch;   /* 2.07 */
	linux_u64 hardware_subarch_data;
	linux_u32 payload_offset, payload_length; /* 2.08 */
	linux_u64 setup_data;         /* 2.09 */
	linux_u64 pref_address;       /* 2.10 */
	linux_u32 init_size;          /* 2.10 */
	linux_u32 handover_offset;    /* 2.11 */
	linux_u32 kernel_info_offset; /* 2.15 */
};

/* zero-page.rst; bootparam.h, struct boot_e820_entry */
struct linux_e820_entry {
	linux_u64 addr, size;
	linux_u32 type;
};

/* boot.rst, setup_data */
struct linux_setup_data {
	linux_u64 next;
	linux_u32 type, len;
};

#define LINUX_E820_MAX 128u
struct linux_boot_params {
	struct linux_screen_info screen_info;
	linux_u8 apm_bios_info[0x14], pad_54[4];
	linux_u64 tboot_addr;
	linux_u8 ist_info[0x10];
	linux_u64 acpi_rsdp_addr;
	linux_u8 pad_78[8];
	linux_u8 hd0_info[0x10], hd1_info[0x10], sys_desc_table[0x10], olpc_ofw_header[0x10];
	linux_u32 ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr;
	linux_u8 pad_cc[0x70];
	linux_u32 cc_blob_address;
	linux_u8 edid_info[0x80], efi_info[0x20];
	linux_u32 alt_mem_k, scratch;
	linux_u8 e820_entries, eddbuf_entries, edd_mbr_sig_buf_entries, kbd_status, secure_boot;
	linux_u8 pad_1ed[2];
	linux_u8 sentinel, pad_1f0;
	struct linux_setup_header hdr;
	linux_u8 pad_26c[0x290 - 0x26c];
	linux_u32 edd_mbr_sig_buffer[16];
	struct linux_e820_entry e820_table[LINUX_E820_MAX];
	linux_u8 pad_cd0[0xd00 - 0xcd0];
	linux_u8 eddbuf[0x1ec], pad_eec[0x1000 - 0xeec];
};

#define LINUX_AT(page, field) ((page) + offsetof(struct linux_boot_params, field))

#define LINUX_OFFSET(type, field, offset) \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
/* screen_info.h */
_Static_assert(sizeof(struct linux_screen_info) == 0x40, "screen_info");
LINUX_OFFSET(linux_screen_info, orig_x, 0x00);
LINUX_OFFSET(linux_screen_info, orig_y, 0x01);
LINUX_OFFSET(linux_screen_info, ext_mem_k, 0x02);
LINUX_OFFSET(linux_screen_info, orig_video_page, 0x04);
LINUX_OFFSET(linux_screen_info, orig_video_mode, 0x06);
LINUX_OFFSET(linux_screen_info, orig_video_cols, 0x07);
LINUX_OFFSET(linux_screen_info, flags, 0x08);
LINUX_OFFSET(linux_screen_info, unused2, 0x09);
LINUX_OFFSET(linux_screen_info, orig_video_ega_bx, 0x0a);
LINUX_OFFSET(linux_screen_info, unused3, 0x0c);
LINUX_OFFSET(linux_screen_info, orig_video_lines, 0x0e);
LINUX_OFFSET(linux_screen_info, orig_video_is_vga, 0x0f);
LINUX_OFFSET(linux_screen_info, orig_video_points, 0x10);
LINUX_OFFSET(linux_screen_info, lfb_width, 0x12);
LINUX_OFFSET(linux_screen_info, lfb_height, 0x14);
LINUX_OFFSET(linux_screen_info, lfb_depth, 0x16);
LINUX_OFFSET(linux_screen_info, lfb_base, 0x18);
LINUX_OFFSET(linux_screen_info, lfb_size, 0x1c);
LINUX_OFFSET(linux_screen_info, cl_magic, 0x20);
LINUX_OFFSET(linux_screen_info, cl_offset, 0x22);
LINUX_OFFSET(linux_screen_info, lfb_linelength, 0x24);
LINUX_OFFSET(linux_screen_info, red_size, 0x26);
LINUX_OFFSET(linux_screen_info, red_pos, 0x27);
LINUX_OFFSET(linux_screen_info, green_size, 0x28);
LINUX_OFFSET(linux_screen_info, green_pos, 0x29);
LINUX_OFFSET(linux_screen_info, blue_size, 0x2a);
LINUX_OFFSET(linux_screen_info, blue_pos, 0x2b);
LINUX_OFFSET(linux_screen_info, rsvd_size, 0x2c);
LINUX_OFFSET(linux_screen_info, rsvd_pos, 0x2d);
LINUX_OFFSET(linux_screen_info, vesapm_seg, 0x2e);
LINUX_OFFSET(linux_screen_info, vesapm_off, 0x30);
LINUX_OFFSET(linux_screen_info, pages, 0x32);
LINUX_OFFSET(linux_screen_info, vesa_attributes, 0x34);
LINUX_OFFSET(linux_screen_info, capabilities, 0x36);
LINUX_OFFSET(linux_screen_info, ext_lfb_base, 0x3a);
LINUX_OFFSET(linux_screen_info, reserved, 0x3e);
/* boot.rst, The Real-Mode Kernel Header; offsets from the start of the file, as there */
_Static_assert(sizeof(struct linux_setup_header) == 0x26c - 0x1f1, "setup_header");
LINUX_OFFSET(linux_boot_params, hdr.setup_sects, 0x1f1);
LINUX_OFFSET(linux_boot_params, hdr.root_flags, 0x1f2);
LINUX_OFFSET(linux_boot_params, hdr.syssize, 0x1f4);
LINUX_OFFSET(linux_boot_params, hdr.ram_size, 0x1f8);
LINUX_OFFSET(linux_boot_params, hdr.vid_mode, 0x1fa);
LINUX_OFFSET(linux_boot_params, hdr.root_dev, 0x1fc);
LINUX_OFFSET(linux_boot_params, hdr.boot_flag, 0x1fe);
LINUX_OFFSET(linux_boot_params, hdr.jump, 0x200);
LINUX_OFFSET(linux_boot_params, hdr.jump_distance, 0x201);
LINUX_OFFSET(linux_boot_params, hdr.header, 0x202);
LINUX_OFFSET(linux_boot_params, hdr.version, 0x206);
LINUX_OFFSET(linux_boot_params, hdr.realmode_swtch, 0x208);
LINUX_OFFSET(linux_boot_params, hdr.start_sys_seg, 0x20c);
LINUX_OFFSET(linux_boot_params, hdr.kernel_version, 0x20e);
LINUX_OFFSET(linux_boot_params, hdr.type_of_loader, 0x210);
LINUX_OFFSET(linux_boot_params, hdr.loadflags, 0x211);
LINUX_OFFSET(linux_boot_params, hdr.setup_move_size, 0x212);
LINUX_OFFSET(linux_boot_params, hdr.code32_start, 0x214);
LINUX_OFFSET(linux_boot_params, hdr.ramdisk_image, 0x218);
LINUX_OFFSET(linux_boot_params, hdr.ramdisk_size, 0x21c);
LINUX_OFFSET(linux_boot_params, hdr.bootsect_kludge, 0x220);
LINUX_OFFSET(linux_boot_params, hdr.heap_end_ptr, 0x224);
LINUX_OFFSET(linux_boot_params, hdr.ext_loader_ver, 0x226);
LINUX_OFFSET(linux_boot_params, hdr.ext_loader_type, 0x227);
LINUX_OFFSET(linux_boot_params, hdr.cmd_line_ptr, 0x228);
LINUX_OFFSET(linux_boot_params, hdr.initrd_addr_max, 0x22c);
LINUX_OFFSET(linux_boot_params, hdr.kernel_alignment, 0x230);
LINUX_OFFSET(linux_boot_params, hdr.relocatable_kernel, 0x234);
LINUX_OFFSET(linux_boot_params, hdr.min_alignment, 0x235);
LINUX_OFFSET(linux_boot_params, hdr.xloadflags, 0x236);
LINUX_OFFSET(linux_boot_params, hdr.cmdline_size, 0x238);
LINUX_OFFSET(linux_boot_params, hdr.hardware_subarch, 0x23c);
LINUX_OFFSET(linux_boot_params, hdr.hardware_subarch_data, 0x240);
LINUX_OFFSET(linux_boot_params, hdr.payload_offset, 0x248);
LINUX_OFFSET(linux_boot_params, hdr.payload_length, 0x24c);
LINUX_OFFSET(linux_boot_params, hdr.setup_data, 0x250);
LINUX_OFFSET(linux_boot_params, hdr.pref_address, 0x258);
LINUX_OFFSET(linux_boot_params, hdr.init_size, 0x260);
LINUX_OFFSET(linux_boot_params, hdr.handover_offset, 0x264);
LINUX_OFFSET(linux_boot_params, hdr.kernel_info_offset, 0x268);
/* bootparam.h */
_Static_assert(sizeof(struct linux_e820_entry) == 20, "boot_e820_entry");
LINUX_OFFSET(linux_e820_entry, addr, 0);
LINUX_OFFSET(linux_e820_entry, size, 8);
LINUX_OFFSET(linux_e820_entry, type, 16);
/* boot.rst, setup_data */
_Static_assert(sizeof(struct linux_setup_data) == 16, "setup_data");
LINUX_OFFSET(linux_setup_data, next, 0);
LINUX_OFFSET(linux_setup_data, type, 8);
LINUX_OFFSET(linux_setup_data, len, 12);
/* zero-page.rst */
_Static_assert(sizeof(struct linux_boot_params) == 0x1000, "boot_params");
LINUX_OFFSET(linux_boot_params, screen_info, 0x000);
LINUX_OFFSET(linux_boot_params, apm_bios_info, 0x040);
LINUX_OFFSET(linux_boot_params, tboot_addr, 0x058);
LINUX_OFFSET(linux_boot_params, ist_info, 0x060);
LINUX_OFFSET(linux_boot_params, acpi_rsdp_addr, 0x070);
LINUX_OFFSET(linux_boot_params, hd0_info, 0x080);
LINUX_OFFSET(linux_boot_params, hd1_info, 0x090);
LINUX_OFFSET(linux_boot_params, sys_desc_table, 0x0a0);
LINUX_OFFSET(linux_boot_params, olpc_ofw_header, 0x0b0);
LINUX_OFFSET(linux_boot_params, ext_ramdisk_image, 0x0c0);
LINUX_OFFSET(linux_boot_params, ext_ramdisk_size, 0x0c4);
LINUX_OFFSET(linux_boot_params, ext_cmd_line_ptr, 0x0c8);
LINUX_OFFSET(linux_boot_params, cc_blob_address, 0x13c);
LINUX_OFFSET(linux_boot_params, edid_info, 0x140);
LINUX_OFFSET(linux_boot_params, efi_info, 0x1c0);
LINUX_OFFSET(linux_boot_params, alt_mem_k, 0x1e0);
LINUX_OFFSET(linux_boot_params, scratch, 0x1e4);
LINUX_OFFSET(linux_boot_params, e820_entries, 0x1e8);
LINUX_OFFSET(linux_boot_params, eddbuf_entries, 0x1e9);
LINUX_OFFSET(linux_boot_params, edd_mbr_sig_buf_entries, 0x1ea);
LINUX_OFFSET(linux_boot_params, kbd_status, 0x1eb);
LINUX_OFFSET(linux_boot_params, secure_boot, 0x1ec);
LINUX_OFFSET(linux_boot_params, sentinel, 0x1ef);
LINUX_OFFSET(linux_boot_params, edd_mbr_sig_buffer, 0x290);
LINUX_OFFSET(linux_boot_params, e820_table, 0x2d0);
LINUX_OFFSET(linux_boot_params, eddbuf, 0xd00);
#undef LINUX_OFFSET

/* The boot sector and the setup code, in bytes; boot.rst, setup_sects: 0 means 4. */
static inline uint32_t segue_linux_setup_size(const uint8_t *setup_sects)
{
	return ((*setup_sects ? *setup_sects : 4u) + 1) * 512u;
}

/* Values in the setup header, boot.rst. */
#define LINUX_LOADED_HIGH 0x01u       /* loadflags */
#define LINUX_LOADER_UNDEFINED 0xffu  /* type_of_loader; Linux ignores the initrd if it is 0 */
#define LINUX_OLD_SETUP 0x90000u      /* address of the setup code and zero page for zImages and kernels up to 2.01 */
#define LINUX_OLD_LINE_MAGIC 0xa33fu  /* The Kernel Command Line: before 2.02 */

#endif
