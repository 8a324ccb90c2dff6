/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1: the information passed to the kernel. The information structure and all that it points to, except
 * modules and sections, form one table and so one segment: structure, list of modules, memory map, VBE blocks, strings.
 *
 * argv[0]: the string of the kernel and of each module is its name, then a space and its arguments if it has any. The
 * names come from the bundle or the caller; the defaults are "kernel" and "module". A bundle's initrd is the first
 * module, "initrd". With SEGUE_LOAD_NO_ARGV0, or an empty name, the string is the arguments alone.
 *
 * multiboot_place.c says where all this goes.
 */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "common/placement.h"
#include "multiboot.h"

#define LOWER_MEMORY_MAX 0xa0000u

static const char loader_name[] = "Segue " SEGUE_VERSION_STRING;

/* Writes a member's string to p unless p is NULL. Returns its size with the NUL. */
static size_t put_string(const struct job *job, uint8_t *p, size_t i)
{
	struct member made;
	const struct member *member = segue_multiboot_member(&job->bundle, i, &made);
	size_t size = job->args->flags & SEGUE_LOAD_NO_ARGV0 ? 0 : member->name.size;

	if (p && size)
		memcpy(p, member->name.data, size);
	if (size && member->args.size) {
		if (p)
			p[size] = ' ';
		size++;
	}
	if (p && member->args.size)
		memcpy(p + size, member->args.data, member->args.size);
	/* the table is zeroed, so the NUL is already there */
	return size + member->args.size + 1;
}

static addr_t end_of_segments(const struct job *job)
{
	const struct segment *last = &job->segments[job->claims[job->segment_count - 1]];

	return last->dest + last->size;
}

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
	at += sizeof loader_name;
	/* stop at the workspace's size: the host may pass one string many times, and the sum would wrap */
	for (i = 0; i <= table->module_count && at <= job->args->workspace_size; i++)
		at += put_string(job, NULL, i);
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
	memcpy((uint8_t *)info + at, loader_name, sizeof loader_name);
	at += sizeof loader_name;
	info->cmdline = table->dest + (uint32_t)at;
	at += put_string(job, (uint8_t *)info + at, 0);
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
		at += put_string(job, (uint8_t *)info + at, i);
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
	addr_t lower;

	_Static_assert(sizeof(struct segue_range) == sizeof(struct multiboot_mmap), "rewritten in place");
	if (!count)
		return;
	segue_target_map(job, map, count, &i);
	lower = segue_ram_end(map, count, 0);
	info->mem_lower = (uint32_t)((lower < LOWER_MEMORY_MAX ? lower : LOWER_MEMORY_MAX) >> 10);
	info->mem_upper = (uint32_t)((segue_ram_end(map, count, ONE_MIB) - ONE_MIB) >> 10);
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
	struct multiboot_table table = {
		.floor = segue_floor(job),
		.kernel = job->segments[job->claims[0]].dest,
		.kernel_end = end_of_segments(job),
		.kernel_segments = job->segment_count,
		.module_count = job->bundle.module_count + (job->bundle.initrd.size != 0),
	};
	const struct segue_multiboot_extra *sections = elf && elf->section_header_count ? *segue_multiboot_extras : NULL;
	addr_t size = 0;
	int error;

	if (!sections && elf && elf->section_header_count)
		segue_say(&job->log, SEGUE_LOG_INFO, "the kernel gets no ELF sections: segue_extra_sections is not linked");
	if (sections && !sections->has_sections(job, elf, &size))
		sections = NULL;
	if (table.kernel_end < table.floor)
		table.kernel_end = table.floor;
	error = segue_multiboot_place_modules(job, &table, size);
	table.end = end_of_segments(job);
	if (!error)
		error = segue_place_catcher(job);
	if (!error)
		error = place_table(job, &table);
	if (error)
		return error;
	*info = table.dest;
	fill_strings(job, &table, job->segments + table.kernel_segments);
	fill_memory(job, &table);
	if (job->machine)
		fill_machine(&table, job);
	return sections ? sections->place_sections(job, elf, &table) : SEGUE_OK;
}
