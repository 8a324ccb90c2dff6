/* SPDX-License-Identifier: MIT */
#include "stage1.h"
#include "boot_info.h"
#include "common/bytes.h"
#include "fields.h"
#include "common/multiboot_format.h"
#include "standalone.h"
#include "vbe.h"
#include "vbe_format.h"

#define RSDP_OLD_SIZE 20              /* ACPI 6.5, section 5.2.5.3: the RSDP of ACPI 1.0 */

static size_t string_size(const char *string)
{
	size_t length = 0;

	while (string[length])
		length++;
	return length + 1;
}

/* The colour fields: position and size of red, then of green, then of blue */
static void read_colors(struct segue_framebuffer *framebuffer, const uint8_t *info)
{
	framebuffer->red_position = info[0];
	framebuffer->red_size = info[1];
	framebuffer->green_position = info[2];
	framebuffer->green_size = info[3];
	framebuffer->blue_position = info[4];
	framebuffer->blue_size = info[5];
}

/* The fields from vbe_mode on, which Multiboot 1 and 2 have in the same order. */
static void read_vbe_mode(struct segue_vbe *vbe, const uint8_t *at)
{
	vbe->mode = (uint16_t)le16(at);
	vbe->interface_seg = (uint16_t)le16(at + 2);
	vbe->interface_off = (uint16_t)le16(at + 4);
	vbe->interface_len = (uint16_t)le16(at + 6);
}
_Static_assert(offsetof(struct multiboot_info, vbe_interface_len) == offsetof(struct multiboot_info, vbe_mode) + 6, "Multiboot 1");
_Static_assert(offsetof(struct multiboot2_vbe, vbe_interface_len) == offsetof(struct multiboot2_vbe, vbe_mode) + 6, "Multiboot 2");

/* The same of the framebuffer's fields before the colours. */
static void read_framebuffer(struct segue_framebuffer *framebuffer, const uint8_t *at)
{
	framebuffer->addr = le64(at);
	framebuffer->pitch = le32(at + 8);
	framebuffer->width = le32(at + 12);
	framebuffer->height = le32(at + 16);
	framebuffer->bpp = at[20];
	framebuffer->type = at[21];
}
_Static_assert(offsetof(struct multiboot_info, framebuffer_type) == offsetof(struct multiboot_info, framebuffer_addr) + 21, "Multiboot 1");
_Static_assert(offsetof(struct multiboot2_framebuffer, framebuffer_type) == offsetof(struct multiboot2_framebuffer, addr_low) + 21,
	       "Multiboot 2");

/* For loaders that pass the VBE mode but no framebuffer. */
static void framebuffer_from_vbe(struct segue_framebuffer *framebuffer, const struct segue_vbe *vbe)
{
	uint32_t version = physical_address(vbe->control_info) == 0 ? 0 :
		GET16((const uint8_t *)vbe->control_info, vbe_control_info, version);

	if (vbe->mode & VBE_MODE_LINEAR)
		vbe_framebuffer(framebuffer, vbe->mode_info, version);
}

static void read_multiboot1(struct boot_info *boot, const uint8_t *info)
{
	uint32_t flags = GET32(info, multiboot_info, flags);
	struct segue_framebuffer *framebuffer = &boot->machine.framebuffer;

	boot->size = sizeof(struct multiboot_info);
	if (flags & MULTIBOOT_INFO_MEMORY) {
		boot->mem_lower = GET32(info, multiboot_info, mem_lower);
		boot->mem_upper = GET32(info, multiboot_info, mem_upper);
	}
	if (flags & MULTIBOOT_INFO_BOOT_DEVICE) {
		boot->machine.boot_device = GET32(info, multiboot_info, boot_device);
		boot->machine.has_boot_device = 1;
	}
	if (flags & MULTIBOOT_INFO_CMDLINE)
		boot->cmdline = physical(GET32(info, multiboot_info, cmdline));
	if (flags & MULTIBOOT_INFO_LOADER_NAME)
		boot->loader_name = physical(GET32(info, multiboot_info, boot_loader_name));
	if (flags & MULTIBOOT_INFO_MODULES) {
		boot->module_count = GET32(info, multiboot_info, mods_count);
		boot->modules_addr = GET32(info, multiboot_info, mods_addr);
	}
	if (flags & MULTIBOOT_INFO_MEMORY_MAP) {
		boot->map_kind = BOOT_MAP_MULTIBOOT1;
		boot->map_addr = GET32(info, multiboot_info, mmap_addr);
		boot->map_size = GET32(info, multiboot_info, mmap_length);
	}
	if (flags & MULTIBOOT_INFO_VBE) {
		boot->vbe.control_info = physical(GET32(info, multiboot_info, vbe_control_info));
		boot->vbe.mode_info = physical(GET32(info, multiboot_info, vbe_mode_info));
		read_vbe_mode(&boot->vbe, info + offsetof(struct multiboot_info, vbe_mode));
		boot->machine.vbe = &boot->vbe;
	}
	if (flags & MULTIBOOT_INFO_FRAMEBUFFER) {
		read_framebuffer(framebuffer, info + offsetof(struct multiboot_info, framebuffer_addr));
		if (framebuffer->type == SEGUE_FRAMEBUFFER_RGB)
			read_colors(framebuffer, info + offsetof(struct multiboot_info, color_info_padding));
		/* GRUB has padding at the specification's offset, so red's size is 0 there (multiboot_format.h). */
		if (framebuffer->type == SEGUE_FRAMEBUFFER_RGB && framebuffer->red_size == 0)
			read_colors(framebuffer, info + offsetof(struct multiboot_info, color_info));
	}
}

/* The tag after the one at offset, or the first for offset 0; 0 after the last. */
static uint32_t next_tag(const struct boot_info *boot, uint32_t offset)
{
	const uint8_t *info = physical(boot->addr);
	uint32_t size;

	if (offset == 0) {
		offset = sizeof(struct multiboot2_info);
	} else {
		size = GET32(info + offset, multiboot2_tag, size);
		if (size > boot->size - offset)
			return 0;
		offset += (size + 7u) & ~7u; /* Multiboot 2, section 3.5: padded to 8 */
	}
	if (offset > boot->size || boot->size - offset < sizeof(struct multiboot2_tag))
		return 0;
	size = GET32(info + offset, multiboot2_tag, size);
	if (GET32(info + offset, multiboot2_tag, type) == MULTIBOOT2_TAG_END ||
	    size < sizeof(struct multiboot2_tag) || size > boot->size - offset)
		return 0;
	return offset;
}

static void read_tag(struct boot_info *boot, uint32_t offset)
{
	uint8_t *tag = (uint8_t *)physical(boot->addr) + offset;
	uint32_t type = GET32(tag, multiboot2_tag, type);
	uint32_t size = GET32(tag, multiboot2_tag, size);
	struct segue_framebuffer *framebuffer = &boot->machine.framebuffer;
	struct segue_machine *machine = &boot->machine;

	if (type == MULTIBOOT2_TAG_CMDLINE && size > sizeof(struct multiboot2_tag)) {
		boot->cmdline = (char *)tag + sizeof(struct multiboot2_tag);
	} else if (type == MULTIBOOT2_TAG_LOADER_NAME && size > sizeof(struct multiboot2_tag)) {
		boot->loader_name = (const char *)tag + sizeof(struct multiboot2_tag);
	} else if (type == MULTIBOOT2_TAG_MODULE && size > sizeof(struct multiboot2_module)) {
		boot->module_count++;
	} else if (type == MULTIBOOT2_TAG_MEMORY && size >= sizeof(struct multiboot2_memory)) {
		boot->mem_lower = GET32(tag, multiboot2_memory, mem_lower);
		boot->mem_upper = GET32(tag, multiboot2_memory, mem_upper);
	} else if (type == MULTIBOOT2_TAG_BOOT_DEVICE && size >= sizeof(struct multiboot2_boot_device)) {
		/* packed as in Multiboot 1, section 3.3; 0xff: no partition */
		machine->boot_device = GET32(tag, multiboot2_boot_device, biosdev) << 24 |
			(GET32(tag, multiboot2_boot_device, partition) & 255u) << 16 |
			(GET32(tag, multiboot2_boot_device, sub_partition) & 255u) << 8 | 255u;
		machine->has_boot_device = 1;
	} else if ((type == MULTIBOOT2_TAG_MMAP ||
	            (type == MULTIBOOT2_TAG_EFI_MMAP && boot->map_kind == BOOT_MAP_NONE)) &&
	           size >= sizeof(struct multiboot2_map)) {
		boot->map_kind = type == MULTIBOOT2_TAG_MMAP ? BOOT_MAP_MULTIBOOT2 : BOOT_MAP_EFI;
		boot->map_addr = boot->addr + offset + (uint32_t)sizeof(struct multiboot2_map);
		boot->map_size = size - (uint32_t)sizeof(struct multiboot2_map);
		boot->map_entry_size = GET32(tag, multiboot2_map, entry_size);
	} else if (type == MULTIBOOT2_TAG_VBE && size >= sizeof(struct multiboot2_vbe)) {
		boot->vbe.control_info = tag + offsetof(struct multiboot2_vbe, control_info);
		boot->vbe.mode_info = tag + offsetof(struct multiboot2_vbe, mode_info);
		read_vbe_mode(&boot->vbe, tag + offsetof(struct multiboot2_vbe, vbe_mode));
		machine->vbe = &boot->vbe;
	} else if (type == MULTIBOOT2_TAG_FRAMEBUFFER &&
	           size >= offsetof(struct multiboot2_framebuffer, color_info)) {
		read_framebuffer(framebuffer, tag + offsetof(struct multiboot2_framebuffer, addr_low));
		if (framebuffer->type == SEGUE_FRAMEBUFFER_RGB &&
		    size >= offsetof(struct multiboot2_framebuffer, padding))
			read_colors(framebuffer, tag + offsetof(struct multiboot2_framebuffer, color_info));
	} else if ((type == MULTIBOOT2_TAG_RSDP_NEW || (type == MULTIBOOT2_TAG_RSDP_OLD && !machine->rsdp_copy)) &&
	           size >= sizeof(struct multiboot2_tag) + RSDP_OLD_SIZE) {
		/* The newer RSDP (ACPI 2.0 and later) leads to the 64-bit tables, so it takes precedence. */
		machine->rsdp_copy = tag + sizeof(struct multiboot2_tag);
		machine->rsdp_copy_size = size - sizeof(struct multiboot2_tag);
	} else if ((type == MULTIBOOT2_TAG_EFI_32 && size >= 12) || (type == MULTIBOOT2_TAG_EFI_64 && size >= 16)) {
		machine->efi_bits = type == MULTIBOOT2_TAG_EFI_32 ? 32 : 64;
		machine->efi_system_table = GET32(tag + sizeof(struct multiboot2_tag), multiboot2_tag, type);
		if (type == MULTIBOOT2_TAG_EFI_64)
			machine->efi_system_table = GET64(tag + sizeof(struct multiboot2_tag), multiboot2_tag, type);
	}
	/* Beside the firmware's map of the other kind, which may be the one that is used. */
	if (type == MULTIBOOT2_TAG_EFI_MMAP && size >= sizeof(struct multiboot2_map)) {
		machine->efi_descriptor_size = GET32(tag, multiboot2_map, entry_size);
		machine->efi_descriptor_version = GET32(tag, multiboot2_map, entry_version);
		machine->efi_memory_map = tag + sizeof(struct multiboot2_map);
		machine->efi_memory_map_size = size - sizeof(struct multiboot2_map);
	}
}

static size_t count_ranges(const struct boot_info *boot)
{
	struct segue_range range;
	size_t count = 0;

	while (boot_range_at(boot, count, &range))
		count++;
	return count;
}

/* Multiboot 1, section 3.3: the drive, and 0xff for no partition at each of the three levels */
#define BOOT_DEVICE(drive) ((uint32_t)(drive) << 24 | 0xffffffu)

static void read_stage1(struct boot_info *boot, const uint8_t *info)
{
	boot->loader_name = "Segue's stage 1";
	boot->medium = GET32(info, stage1, medium);
	boot->machine.boot_device = BOOT_DEVICE(GET32(info, stage1, drive));
	boot->machine.has_boot_device = 1;
	boot->machine.a20_was_shut = GET32(info, stage1, a20_was_shut);
}

void boot_info_set_map(struct boot_info *boot, const struct segue_range *ranges, size_t count)
{
	boot->map_kind = BOOT_MAP_BIOS;
	boot->map_addr = boot->map_size = 0;
	boot->ranges = ranges;
	boot->range_count = count;
}

void boot_info_set_cmdline(struct boot_info *boot, char *cmdline)
{
	boot->cmdline = cmdline;
	boot->cmdline_size = string_size(cmdline);
}

bool boot_info_read(struct boot_info *boot, uint32_t magic, uint32_t addr)
{
	*boot = (struct boot_info){ .addr = addr };
	boot->machine.framebuffer.type = SEGUE_FRAMEBUFFER_NONE;
	if (magic == MULTIBOOT_BOOTLOADER_MAGIC) {
		boot->protocol = 1;
		read_multiboot1(boot, physical(addr));
	} else if (magic == MULTIBOOT2_LOADER_MAGIC) {
		boot->protocol = 2;
		boot->size = GET32((const uint8_t *)physical(addr), multiboot2_info, total_size);
		for (uint32_t tag = next_tag(boot, 0); tag; tag = next_tag(boot, tag))
			read_tag(boot, tag);
	} else if (magic == STAGE1_MAGIC) {
		read_stage1(boot, physical(addr));
	} else {
		return false;
	}
	if (boot->cmdline)
		boot_info_set_cmdline(boot, boot->cmdline);
	/* GRUB in text mode passes a block of zeros. Fiwix divides by the block's character size. */
	if ((boot->vbe.mode & VBE_MODE_NUMBER) < VBE_MODE_FIRST)
		boot->machine.vbe = NULL;
	if (boot->machine.framebuffer.type == SEGUE_FRAMEBUFFER_NONE && boot->machine.vbe)
		framebuffer_from_vbe(&boot->machine.framebuffer, boot->machine.vbe);
	boot->range_count = count_ranges(boot);
	return true;
}

bool boot_module_at(const struct boot_info *boot, size_t index, struct boot_module *module)
{
	const uint8_t *entry;
	uint32_t tag;

	if (index >= boot->module_count)
		return false;
	if (boot->protocol == 1) {
		entry = (const uint8_t *)physical(boot->modules_addr) + index * sizeof(struct multiboot_module);
		module->addr = GET32(entry, multiboot_module, mod_start);
		module->size = GET32(entry, multiboot_module, mod_end) - module->addr;
		module->string = "";
		if (GET32(entry, multiboot_module, string) != 0)
			module->string = physical(GET32(entry, multiboot_module, string));
		return true;
	}
	for (tag = next_tag(boot, 0); tag; tag = next_tag(boot, tag)) {
		entry = (const uint8_t *)physical(boot->addr) + tag;
		if (GET32(entry, multiboot2_tag, type) != MULTIBOOT2_TAG_MODULE ||
		    GET32(entry, multiboot2_tag, size) <= sizeof(struct multiboot2_module))
			continue;
		if (index-- > 0)
			continue;
		module->addr = GET32(entry, multiboot2_module, mod_start);
		module->size = GET32(entry, multiboot2_module, mod_end) - module->addr;
		module->string = (const char *)entry + sizeof(struct multiboot2_module);
		return true;
	}
	return false;
}

static struct segue_range range_of_string(const char *string)
{
	if (!string)
		return boot_range(0, 0, 0);
	return boot_range(physical_address(string), string_size(string), 0);
}

static struct segue_range range_of_bytes(const void *bytes, size_t size)
{
	return boot_range(bytes ? physical_address(bytes) : 0, bytes ? size : 0, 0);
}

bool boot_occupied_at(const struct boot_info *boot, size_t index, struct segue_range *range)
{
	struct boot_module module;

	switch (index) {
	case 0:
		*range = boot_range(boot->addr, boot->size, 0);
		return true;
	case 1:
		*range = range_of_bytes(boot->cmdline, boot->cmdline_size);
		return true;
	case 2:
		*range = range_of_string(boot->loader_name);
		return true;
	case 3:
		*range = boot_range(boot->map_addr, boot->map_size, 0);
		return true;
	case 4:
		*range = boot_range(boot->modules_addr, boot->protocol == 1 ?
			boot->module_count * (uint64_t)sizeof(struct multiboot_module) : 0, 0);
		return true;
	case 5:
		*range = range_of_bytes(boot->vbe.control_info, VBE_CONTROL_INFO_SIZE);
		return true;
	case 6:
		*range = range_of_bytes(boot->vbe.mode_info, VBE_MODE_INFO_SIZE);
		return true;
	default:
		break;
	}
	if (!boot_module_at(boot, (index - 7) / 2, &module))
		return false;
	*range = index % 2 ? boot_range(module.addr, module.size, 0) : range_of_string(module.string);
	return true;
}

static bool begins_with(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return false;
	return true;
}

bool boot_strings_name_file(const struct boot_info *boot)
{
	/* QEMU; iPXE and its forerunner; mboot.c32 of the four Syslinuxes; GRUB Legacy; kexec; Segue. GRUB 2 and Limine do not. */
	static const char *const loaders[] = {
		"qemu", "iPXE", "gPXE", "SYSLINUX", "ISOLINUX", "PXELINUX", "EXTLINUX", "GNU GRUB", "kexec", "Segue",
	};

	if (boot->protocol == BOOT_STAGE1 || !boot->loader_name)
		return false;
	for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++)
		if (begins_with(boot->loader_name, loaders[i]))
			return true;
	return false;
}
