/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1: the information passed to the kernel. The information structure and all that it points to, except
 * modules and sections, form one table and so one segment: structure, list of modules, memory map, VBE blocks, strings.
 *
 * multiboot_place.c says where all this goes.
 */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "common/placement.h"
#include "multiboot.h"

static int place_table(struct job *job, struct multiboot_table *table)
{
	size_t at = (sizeof(struct multiboot_info) + 7u) & ~(size_t)7u, i;
	struct place place;
	addr_t dest;
	uint8_t *bytes;
	int error;

	table->modules = at;
	at += table->module_count * sizeof(struct multiboot_module);
	segue_target_map(job, NULL, 0, &table->map_count);
	table->map = at;
	at += table->map_count * sizeof(struct multiboot_mmap);
	table->vbe = at;
	if (job->machine && job->machine->vbe)
		at += VBE_CONTROL_INFO_SIZE + VBE_MODE_INFO_SIZE;
	table->strings = at;
	at += sizeof segue_multiboot_loader_name;
	/* stop at the workspace's size: the host may pass one string many times, and the sum would wrap */
	for (i = 0; i <= table->module_count && at <= job->args->workspace_size; i++)
		at += segue_multiboot_put_string(job, NULL, i);
	segue_multiboot_find_low(job, at, table, &place);
	error = segue_add_table(job, "Multiboot information", at, &place, &bytes, &dest);
	table->info = (struct multiboot_info *)(void *)bytes;
	table->dest = (uint32_t)dest;
	return error;
}

static void fill_strings(const struct job *job, const struct multiboot_table *table, const struct segment *segment)
{
	struct multiboot_info *info = table->info;
	struct multiboot_module *entry = (struct multiboot_module *)(void *)((uint8_t *)info + table->modules);
	size_t at = table->strings, i;
	addr_t end = table->modules_at;
	struct member made;

	info->boot_loader_name = table->dest + (uint32_t)at;
	memcpy((uint8_t *)info + at, segue_multiboot_loader_name, sizeof segue_multiboot_loader_name);
	at += sizeof segue_multiboot_loader_name;
	info->cmdline = table->dest + (uint32_t)at;
	at += segue_multiboot_put_string(job, (uint8_t *)info + at, 0);
	info->flags = MULTIBOOT_INFO_CMDLINE | MULTIBOOT_INFO_LOADER_NAME;
	if (!table->module_count)
		return;
	info->mods_count = (uint32_t)table->module_count;
	info->mods_addr = table->dest + (uint32_t)table->modules;
	info->flags |= MULTIBOOT_INFO_MODULES;
	for (i = 1; i <= table->module_count; i++, entry++) {
		entry->mod_start = (uint32_t)end;
		if (segue_multiboot_member(&job->bundle, i, &made)->file.size) {
			entry->mod_start = (uint32_t)segment->dest;
			end = segment->dest + segment->size;
			segment++;
		}
		entry->mod_end = (uint32_t)end;
		entry->string = table->dest + (uint32_t)at;
		at += segue_multiboot_put_string(job, (uint8_t *)info + at, i);
	}
}

static IN_LINE void put_wide(uint32_t field[2], uint64_t value)
{
	field[0] = (uint32_t)value;
	field[1] = (uint32_t)(value >> 32);
}

static void fill_memory(const struct job *job, const struct multiboot_table *table)
{
	struct multiboot_info *info = table->info;
	/* A Multiboot entry is as large as a struct segue_range: the map is written in place, then converted. */
	struct segue_range *map = (struct segue_range *)(void *)((uint8_t *)info + table->map);
	size_t count = table->map_count, i;

	_Static_assert(sizeof(struct segue_range) == sizeof(struct multiboot_mmap), "rewritten in place");
	if (!count)
		return;
	segue_target_map(job, map, count, &i);
	info->mem_lower = segue_multiboot_lower(map, count);
	info->mem_upper = segue_multiboot_upper(map, count);
	for (i = 0; i < count; i++) {
		struct segue_range range = map[i];
		struct multiboot_mmap *entry = (struct multiboot_mmap *)(void *)&map[i];

		range.end -= range.start;
		entry->size = sizeof *entry - sizeof entry->size;
		put_wide(entry->base_addr, range.start);
		put_wide(entry->length, range.end);
		entry->type = range.type;
	}
	info->mmap_length = (uint32_t)(count * sizeof(struct multiboot_mmap));
	info->mmap_addr = table->dest + (uint32_t)table->map;
	info->flags |= MULTIBOOT_INFO_MEMORY | MULTIBOOT_INFO_MEMORY_MAP;
}

static void fill_framebuffer(struct multiboot_info *info, const struct segue_framebuffer *screen)
{
	put_wide(info->framebuffer_addr, screen->addr);
	info->framebuffer_pitch = screen->pitch;
	info->framebuffer_width = screen->width;
	info->framebuffer_height = screen->height;
	info->framebuffer_bpp = screen->bpp;
	info->framebuffer_type = screen->type;
	/* The palette of an indexed framebuffer is unknown: 0 colours at 0. */
	_Static_assert(offsetof(struct segue_framebuffer, blue_size) - offsetof(struct segue_framebuffer, red_position) + 1 ==
		       sizeof(struct multiboot_rgb), "position and size of red, green, blue, in Multiboot's order");
	if (screen->type == SEGUE_FRAMEBUFFER_RGB)
		memcpy(info->color_info, &screen->red_position, sizeof info->color_info);
	info->flags |= MULTIBOOT_INFO_FRAMEBUFFER;
}

static void fill_machine(const struct multiboot_table *table, const struct job *job)
{
	const struct segue_machine *machine = job->machine;
	const struct segue_framebuffer *screen = segue_screen(job);
	struct multiboot_info *info = table->info;
	const struct segue_vbe *vbe = machine->vbe;

	if (machine->has_boot_device) {
		info->boot_device = machine->boot_device;
		info->flags |= MULTIBOOT_INFO_BOOT_DEVICE;
	}
	if (screen)
		fill_framebuffer(info, screen);
	if (vbe) {
		memcpy((uint8_t *)info + table->vbe, vbe->control_info, VBE_CONTROL_INFO_SIZE);
		memcpy((uint8_t *)info + table->vbe + VBE_CONTROL_INFO_SIZE, vbe->mode_info, VBE_MODE_INFO_SIZE);
		info->vbe_control_info = table->dest + (uint32_t)table->vbe;
		info->vbe_mode_info = info->vbe_control_info + VBE_CONTROL_INFO_SIZE;
		info->vbe_mode = vbe->mode;
		info->vbe_interface_seg = vbe->interface_seg;
		info->vbe_interface_off = vbe->interface_off;
		info->vbe_interface_len = vbe->interface_len;
		info->flags |= MULTIBOOT_INFO_VBE;
	}
}

int segue_multiboot_pass(struct job *job, const struct elf_file *elf, uint32_t *info)
{
	struct multiboot_table table = { .kernel_end = 0 };
	int error = segue_multiboot_lay_out(job, elf, &table);

	if (!error)
		error = place_table(job, &table);
	if (error)
		return error;
	*info = table.dest;
	fill_strings(job, &table, job->segments + table.kernel_segments);
	fill_memory(job, &table);
	if (job->machine)
		fill_machine(&table, job);
	return table.sections ? table.sections->place_sections(job, elf, &table, NULL) : SEGUE_OK;
}
