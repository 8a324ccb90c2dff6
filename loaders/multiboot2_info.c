/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 2: the information passed to the kernel, one segment (section 3.6), in GRUB's order of tags; only the ELF sections
 * come last, since they may be left out when the rest has its place. There is no tag for APM, networks, SMBIOS, EFI boot
 * services or image handles: a host has no such facts. multiboot_place.c says where all this goes.
 */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "common/placement.h"
#include "multiboot.h"

#define RSDP_OLD_SIZE 20u             /* ACPI 6.5, section 5.2.5.3 */
#define RSDP_REVISION 15u

/* Tags are written at start + size; start NULL: only measured. size is a multiple of 8. */
struct writer {
	uint8_t *start;
	size_t size;
};

static uint8_t *add_tag(struct writer *w, uint32_t type, size_t size)
{
	uint8_t *tag = w->start ? w->start + w->size : NULL;

	if (tag) {
		put_le32(tag, type);
		put_le32(tag + offsetof(struct multiboot2_tag, size), (uint32_t)size);
	}
	w->size += (size + MULTIBOOT2_TAG_ALIGN - 1) & ~(size_t)(MULTIBOOT2_TAG_ALIGN - 1);
	return tag;
}

/* A tag of numbers. */
static void add_words(struct writer *w, uint32_t type, const uint32_t *words, size_t count)
{
	uint8_t *tag = add_tag(w, type, sizeof(struct multiboot2_tag) + 4 * count);

	for (size_t i = 0; tag && i < count; i++)
		put_le32(tag + sizeof(struct multiboot2_tag) + 4 * i, words[i]);
}

/* A tag that ends with the bytes at from. */
static uint8_t *add_bytes(struct writer *w, uint32_t type, size_t head, const void *from, size_t size)
{
	uint8_t *tag = add_tag(w, type, head + size);

	if (tag)
		memcpy(tag + head, from, size);
	return tag;
}

static uint8_t *add_string(struct writer *w, const struct job *job, uint32_t type, size_t head, size_t i)
{
	uint8_t *tag = add_tag(w, type, head + segue_multiboot_put_string(job, NULL, i));

	if (tag)
		segue_multiboot_put_string(job, tag + head, i);
	return tag;
}

/* Stops at the workspace's size: the host may pass one string many times, and the sum would wrap. */
static void add_modules(struct writer *w, const struct job *job, const struct multiboot_table *table)
{
	const struct segment *segment = job->segments + table->kernel_segments;
	addr_t end = table->modules_at;
	struct member made;

	for (size_t i = 1; i <= table->module_count && w->size <= job->args->workspace_size; i++) {
		uint8_t *tag = add_string(w, job, MULTIBOOT2_TAG_MODULE, sizeof(struct multiboot2_module), i);
		addr_t start = end;

		if (segue_multiboot_member(&job->bundle, i, &made)->file.size) {
			start = segment->dest;
			end = start + segment->size;
			segment++;
		}
		if (!tag)
			continue;
		put_le32(tag + offsetof(struct multiboot2_module, mod_start), (uint32_t)start);
		put_le32(tag + offsetof(struct multiboot2_module, mod_end), (uint32_t)end);
	}
}

static void add_memory(struct writer *w, const struct job *job, size_t count)
{
	uint8_t *tag = add_tag(w, MULTIBOOT2_TAG_MMAP, sizeof(struct multiboot2_map) + count * sizeof(struct multiboot2_mmap_entry));
	uint32_t words[2] = {0, 0};

	_Static_assert(sizeof(struct segue_range) == sizeof(struct multiboot2_mmap_entry) &&
		       offsetof(struct segue_range, type) == offsetof(struct multiboot2_mmap_entry, type) &&
		       offsetof(struct segue_range, reserved) == offsetof(struct multiboot2_mmap_entry, reserved),
		       "an entry is a range with its length instead of its end");
	if (tag) {
		struct segue_range *map = (struct segue_range *)(void *)(tag + sizeof(struct multiboot2_map));
		size_t i;

		put_le32(tag + offsetof(struct multiboot2_map, entry_size), sizeof(struct multiboot2_mmap_entry));
		segue_target_map(job, map, count, &i);
		words[0] = segue_multiboot_lower(map, count);
		words[1] = segue_multiboot_upper(map, count);
		for (i = 0; i < count; i++) {
			map[i].end -= map[i].start;
			map[i].reserved = 0;
		}
	}
	add_words(w, MULTIBOOT2_TAG_MEMORY, words, 2);
}

/* Section 3.6.5. A partition of 255 is none. */
static void add_boot_device(struct writer *w, uint32_t device)
{
	uint32_t words[3] = {device >> 24, device >> 16 & 255, device >> 8 & 255};

	for (size_t i = 1; i < 3; i++)
		if (words[i] == 255)
			words[i] = UINT32_MAX;
	add_words(w, MULTIBOOT2_TAG_BOOT_DEVICE, words, 3);
}

static void add_vbe(struct writer *w, const struct segue_vbe *vbe)
{
	uint8_t *tag = add_tag(w, MULTIBOOT2_TAG_VBE, sizeof(struct multiboot2_vbe));

	if (!tag)
		return;
	put_le16(tag + offsetof(struct multiboot2_vbe, vbe_mode), vbe->mode);
	put_le16(tag + offsetof(struct multiboot2_vbe, vbe_interface_seg), vbe->interface_seg);
	put_le16(tag + offsetof(struct multiboot2_vbe, vbe_interface_off), vbe->interface_off);
	put_le16(tag + offsetof(struct multiboot2_vbe, vbe_interface_len), vbe->interface_len);
	memcpy(tag + offsetof(struct multiboot2_vbe, control_info), vbe->control_info, VBE_CONTROL_INFO_SIZE);
	memcpy(tag + offsetof(struct multiboot2_vbe, mode_info), vbe->mode_info, VBE_MODE_INFO_SIZE);
}

/* Section 3.6.12. A text screen has no colours; of an indexed one the palette is unknown: 0 colours, in 16 bits or in 32. */
static void add_framebuffer(struct writer *w, const struct segue_framebuffer *screen)
{
	size_t size = offsetof(struct multiboot2_framebuffer, color_info);
	uint8_t *tag;

	if (screen->type == SEGUE_FRAMEBUFFER_INDEXED)
		size += 4;
	else if (screen->type == SEGUE_FRAMEBUFFER_RGB)
		size += sizeof(struct multiboot_rgb);
	tag = add_tag(w, MULTIBOOT2_TAG_FRAMEBUFFER, size);
	if (!tag)
		return;
	put_le64(tag + offsetof(struct multiboot2_framebuffer, addr_low), screen->addr);
	put_le32(tag + offsetof(struct multiboot2_framebuffer, pitch), screen->pitch);
	put_le32(tag + offsetof(struct multiboot2_framebuffer, width), screen->width);
	put_le32(tag + offsetof(struct multiboot2_framebuffer, height), screen->height);
	tag[offsetof(struct multiboot2_framebuffer, bpp)] = screen->bpp;
	tag[offsetof(struct multiboot2_framebuffer, framebuffer_type)] = screen->type;
	_Static_assert(offsetof(struct segue_framebuffer, blue_size) - offsetof(struct segue_framebuffer, red_position) + 1 ==
		       sizeof(struct multiboot_rgb), "position and size of red, green, blue, in Multiboot's order");
	if (screen->type == SEGUE_FRAMEBUFFER_RGB)
		memcpy(tag + offsetof(struct multiboot2_framebuffer, color_info), &screen->red_position, sizeof(struct multiboot_rgb));
}

/* Sections 3.6.13 to 3.6.18. The first 20 bytes of a newer RSDP are an old one. */
static void add_firmware(struct writer *w, const struct job *job, const struct segue_machine *machine)
{
	const uint32_t table[2] = {(uint32_t)machine->efi_system_table, (uint32_t)(machine->efi_system_table >> 32)};
	const uint8_t *rsdp = machine->rsdp_copy;
	uint8_t *tag;

	if (machine->efi_bits == 64)
		add_words(w, MULTIBOOT2_TAG_EFI_64, table, 2);
	if (machine->efi_bits == 32)
		add_words(w, MULTIBOOT2_TAG_EFI_32, table, 1);
	if (rsdp && machine->rsdp_copy_size >= RSDP_OLD_SIZE)
		add_bytes(w, MULTIBOOT2_TAG_RSDP_OLD, sizeof(struct multiboot2_tag), rsdp, RSDP_OLD_SIZE);
	if (rsdp && machine->rsdp_copy_size > RSDP_OLD_SIZE && machine->rsdp_copy_size < PAGE && rsdp[RSDP_REVISION] >= 2)
		add_bytes(w, MULTIBOOT2_TAG_RSDP_NEW, sizeof(struct multiboot2_tag), rsdp, machine->rsdp_copy_size);
	/* It calls all of the machine's RAM free. */
	if (!machine->efi_memory_map || machine->efi_memory_map_size > ONE_MIB || job->args->target_memory_count || job->catcher_dest)
		return;
	tag = add_bytes(w, MULTIBOOT2_TAG_EFI_MMAP, sizeof(struct multiboot2_map), machine->efi_memory_map, machine->efi_memory_map_size);
	if (!tag)
		return;
	put_le32(tag + offsetof(struct multiboot2_map, entry_size), machine->efi_descriptor_size);
	put_le32(tag + offsetof(struct multiboot2_map, entry_version), machine->efi_descriptor_version);
}

/* All tags but the ELF sections and the end. */
static void add_tags(struct writer *w, const struct job *job, const struct multiboot_table *table)
{
	const struct segue_machine *machine = job->machine;
	const struct segue_framebuffer *screen = segue_screen(job);
	const uint32_t base = (uint32_t)table->kernel;

	add_words(w, MULTIBOOT2_TAG_LOAD_BASE, &base, 1);
	add_string(w, job, MULTIBOOT2_TAG_CMDLINE, sizeof(struct multiboot2_tag), 0);
	add_bytes(w, MULTIBOOT2_TAG_LOADER_NAME, sizeof(struct multiboot2_tag), segue_multiboot_loader_name, sizeof segue_multiboot_loader_name);
	add_modules(w, job, table);
	add_memory(w, job, table->map_count);
	if (!machine)
		return;
	if (machine->has_boot_device)
		add_boot_device(w, machine->boot_device);
	if (machine->vbe)
		add_vbe(w, machine->vbe);
	if (screen)
		add_framebuffer(w, screen);
	add_firmware(w, job, machine);
}

int segue_multiboot2_pass(struct job *job, const struct elf_file *elf, bool modules_low, uint32_t *info)
{
	struct multiboot_table table = { .kernel_end = modules_low };
	struct writer w = { .size = sizeof(struct multiboot2_info) };
	size_t headers = 0;
	struct place place;
	addr_t dest;
	uint8_t *at;
	int error = segue_multiboot_lay_out(job, elf, &table);

	if (error)
		return error;
	if (table.sections) {
		headers = (size_t)elf->section_header_count * elf->section_header_size;
		if (headers > SECTION_HEADERS_MAX)
			headers = 0;
	}
	segue_target_map(job, NULL, 0, &table.map_count);
	add_tags(&w, job, &table);
	if (table.sections)
		add_tag(&w, MULTIBOOT2_TAG_ELF_SECTIONS, sizeof(struct multiboot2_sections) + headers);
	add_tag(&w, MULTIBOOT2_TAG_END, sizeof(struct multiboot2_tag));
	segue_multiboot_find_low(job, w.size, &table, &place);
	error = segue_add_table(job, "Multiboot information", w.size, &place, &w.start, &dest);
	if (error)
		return error;
	*info = (uint32_t)dest;
	w.size = sizeof(struct multiboot2_info);
	add_tags(&w, job, &table);
	if (table.sections) {
		at = w.start + w.size;
		error = table.sections->place_sections(job, elf, &table, at + sizeof(struct multiboot2_sections));
		if (error)
			return error;
		/* No tag was made if they do not fit. Its place is then left. */
		w.size += (le32(at + offsetof(struct multiboot2_tag, size)) + MULTIBOOT2_TAG_ALIGN - 1) & ~(size_t)(MULTIBOOT2_TAG_ALIGN - 1);
	}
	add_tag(&w, MULTIBOOT2_TAG_END, sizeof(struct multiboot2_tag));
	put_le32(w.start + offsetof(struct multiboot2_info, total_size), (uint32_t)w.size);
	return SEGUE_OK;
}
