/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1: the information passed to the kernel. The information structure and all that it points to, except
 * modules and sections, form one table and so one segment: structure, list of modules, memory map, VBE blocks, strings.
 *
 * argv[0]: the string of the kernel and of each module is its name, then a space and its arguments if it has any. The
 * names come from the bundle or the caller; the defaults are "kernel" and "module". A bundle's initrd is the first
 * module, "initrd". With SEGUE_LOAD_NO_ARGV0, or an empty name, the string is the arguments alone.
 *
 * The specification does not say where all this goes, but kernels depend on what GRUB and QEMU do. The placement
 * depends only on the kernel, the sizes and the memory map, not on where the host has the bytes: a kernel that starts
 * from one host starts from every host.
 * - Information and section headers lie below 640 KiB: kernels read them when little more than their own image is
 *   mapped.
 * - The sections, then the modules in their order, follow the kernel, each on a page: kernels treat the memory past the
 *   last string table or the last module as free.
 *
 * They go elsewhere if that is impossible (find_low(), place_modules()), or with SEGUE_LOAD_MODULES_STAY.
 */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "common/placement.h"
#include "multiboot.h"

#define LOWER_MEMORY_MAX 0xa0000u
#define TABLE_ALIGN 16u
/* Sections that lie closer than this in the file are loaded as one, together with the bytes between them. */
#define SECTION_GAP 64u
/* Limits above what kernels have: the workspace cannot hold any number of section headers or of segments for them. */
#define SECTION_HEADERS_MAX 16384u
#define SECTION_RUNS_MAX 16u

#define LOADER_NAME "Segue " SEGUE_VERSION_STRING

/*
 * Below this range are the vectors, the data of the firmware and of boot loaders, and the memory in which kernels start
 * other CPUs. Above it are ranges that the firmware and Xen (below its end, 0x9e000) may use.
 */
#define LOW_TABLES 0x10000u
#define LOW_TABLES_END 0x80000u

/* All other tables stay above 1 MiB: the firmware's data below may still be read by the kernel. */
static const struct place table_place = {
	.min = ONE_MIB, .max = ADDRESS_LIMIT, .align = TABLE_ALIGN, .not_in_place = true, .error = SEGUE_E_NO_PLACE,
};

/* The table's address in the target, and the offsets of its parts. */
struct table {
	struct multiboot_info *info;
	uint32_t dest;
	addr_t kernel, kernel_end;    /* its first address, and the end, at least 1 MiB: sections and modules may follow */
	addr_t end;                   /* end of the kernel and the modules */
	addr_t modules_at;            /* address of the first module */
	size_t kernel_segments, module_count, modules, map_count, map, vbe, strings;
};

static const char loader_name[] = "Segue " SEGUE_VERSION_STRING;

/* Member 0 is the kernel; the modules follow as the target counts them. */
static const struct member *member_at(const struct bundle *bundle, size_t i, struct member *made)
{
	bool initrd = bundle->initrd.size != 0;

	if (i > initrd)
		return &bundle->modules[i - 1 - initrd];
	if (i == 0)
		*made = (struct member){.name = bundle->kernel_name, .args = bundle->cmdline};
	else
		*made = (struct member){
			.file = bundle->initrd,
			.name = {.data = (const uint8_t *)"initrd", .size = 6, .part = PART_WORKSPACE},
		};
	return made;
}

/* Writes a member's string to p unless p is NULL. Returns its size with the NUL. */
static size_t put_string(const struct job *job, uint8_t *p, size_t i)
{
	struct member made;
	const struct member *member = member_at(&job->bundle, i, &made);
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

/* Do all modules fit in their order, from place->min on? */
static bool modules_fit(const struct job *job, size_t count, struct place place)
{
	struct member made;

	for (size_t i = 1; i <= count; i++) {
		addr_t size = member_at(&job->bundle, i, &made)->file.size, at;

		if (size && !segue_find_free(job, size, &place, &at))
			return false;
		if (size)
			place.min = at + size;
	}
	return true;
}

/*
 * Chooses a range for the modules in their order: after the kernel and its sections, or after the kernel alone, or from
 * 1 MiB on.
 */
static bool find_modules(const struct job *job, const struct table *table, addr_t sections, struct place *place)
{
	if (add_addr(table->kernel_end, sections, &place->min) && modules_fit(job, table->module_count, *place))
		return true;
	place->min = table->kernel_end;
	if (modules_fit(job, table->module_count, *place))
		return true;
	place->min = ONE_MIB;
	if (!modules_fit(job, table->module_count, *place)) {
		segue_say(&job->log, SEGUE_LOG_WARNING, "the modules fit nowhere in their order: each goes where it fits");
		return false;
	}
	segue_say(&job->log, SEGUE_LOG_WARNING, "no room for the modules after the kernel, which ends at %x", table->kernel_end);
	return true;
}

/* The modules' segments are consecutive in the job. An empty module has none. */
static int place_modules(struct job *job, struct table *table, addr_t sections)
{
	struct place place = {.min = ONE_MIB, .max = ADDRESS_LIMIT, .align = PAGE, .error = SEGUE_E_NO_PLACE};
	addr_t moved = 0, all = 0, dest = 0, at, run;
	struct member made;

	place.not_in_place = !(job->args->flags & SEGUE_LOAD_MODULES_STAY) && !job->modules_stay &&
		find_modules(job, table, sections, &place);
	for (size_t i = 1; i <= table->module_count; i++) {
		const struct member *member = member_at(&job->bundle, i, &made);
		const struct bytes *file = &member->file;
		int error;

		if (!file->size)
			continue;
		error = segue_add_floating(job, member == &made ? "initrd" : "module", (uint32_t)i - 1, file, file->size, &place, &dest);
		if (error)
			return error;
		if (!all)
			table->modules_at = dest;
		if (place.not_in_place)
			place.min = dest + file->size;
		segue_physical(job, *file, &at, &run);
		if (at != dest || run != file->size)
			moved += file->size;
		all += file->size;
	}
	job->log.second_try = place.not_in_place && moved;
	if (all)
		segue_say(&job->log, SEGUE_LOG_INFO, "modules: %z bytes from %x on, of which %z are moved", all, table->modules_at, moved);
	return SEGUE_OK;
}

/*
 * Finds low memory for a table, below the kernel if the kernel is low too: kernels allocate memory from their own end
 * on. Without RAM below 640 KiB the table goes below the kernel, or else past the modules at a distance.
 */
static bool find_low(const struct job *job, size_t size, const struct table *table, struct place *place)
{
	addr_t found;

	for (uint32_t i = 0; i < 5; i++) {
		*place = table_place;
		if (i < 2) {
			place->min = LOW_TABLES;
			place->max = LOW_TABLES_END;
		}
		place->from_top = i == 1;
		if ((i == 0 || i == 2) && table->kernel < place->max)
			place->max = table->kernel;
		if (i == 3 && !add_addr(table->end, ONE_MIB, &place->min))
			continue;
		if (segue_find_free(job, size, place, &found))
			return true;
	}
	return false;
}

static int place_table(struct job *job, struct table *table)
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
	find_low(job, at, table, &place);
	error = segue_add_table(job, "Multiboot information", at, &place, &bytes, &dest);
	table->info = (struct multiboot_info *)(void *)bytes;
	table->dest = (uint32_t)dest;
	return error;
}

static void fill_strings(const struct job *job, const struct table *table, const struct segment *segment)
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
		if (member_at(&job->bundle, i, &made)->file.size) {
			entry->mod_start = (uint32_t)segment->dest;
			end = segment->dest + segment->size;
			segment++;
		}
		entry->mod_end = (uint32_t)end;
		entry->string = table->dest + (uint32_t)at;
		at += put_string(job, (uint8_t *)info + at, i);
	}
}

static void fill_memory(const struct job *job, const struct table *table)
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
		memcpy(entry->base_addr, &range.start, sizeof range.start);
		memcpy(entry->length, &range.end, sizeof range.end);
		entry->type = range.type;
	}
	info->mmap_length = (uint32_t)(count * sizeof(struct multiboot_mmap));
	info->mmap_addr = table->dest + (uint32_t)table->map;
	info->flags |= MULTIBOOT_INFO_MEMORY | MULTIBOOT_INFO_MEMORY_MAP;
}

static void fill_framebuffer(struct multiboot_info *info, const struct segue_framebuffer *screen)
{
	memcpy(info->framebuffer_addr, &screen->addr, sizeof screen->addr);
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

static void fill_machine(const struct table *table, const struct job *job)
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

/* Sections [first, end). Those of them that float lie in [start, stop) of the file. */
struct run {
	uint32_t first, end;
	addr_t start, stop;
};

/* Finds the sections from first on that are adjacent in the file and in no segment. */
static struct run find_run(const struct elf_file *elf, const uint8_t *headers, uint32_t first)
{
	struct run run = {.first = first, .end = first};
	bool any = false;

	for (; run.end < elf->section_header_count; run.end++) {
		struct elf_section s = segue_elf_section(elf->is_64, headers + (size_t)run.end * elf->section_header_size);

		if (!segue_elf_section_floats(&s))
			continue;
		if (!any) {
			run.first = run.end;
			/* keeps the alignment of every section */
			run.start = s.offset & ~(addr_t)(TABLE_ALIGN - 1);
			run.stop = s.offset;
			any = true;
		}
		if (s.offset < run.start || s.offset > run.stop + SECTION_GAP)
			break;
		if (s.offset + s.size > run.stop)
			run.stop = s.offset + s.size;
	}
	return run;
}

/*
 * Writes the run's addresses to the headers; with dest 0 clears the headers. Returns false if that clears the section
 * names.
 */
static bool settle_run(const struct elf_file *elf, uint8_t *headers, const struct run *run, uint32_t dest)
{
	uint32_t i;

	for (i = run->first; i < run->end; i++) {
		uint8_t *header = headers + (size_t)i * elf->section_header_size;
		struct elf_section s = segue_elf_section(elf->is_64, header);

		if (!segue_elf_section_floats(&s))
			continue;
		if (dest)
			segue_elf_set_section_address(elf->is_64, header, dest + (uint32_t)(s.offset - run->start));
		else
			memset(header, 0, elf->section_header_size);
		if (!dest && i == elf->section_names)
			return false;
	}
	return true;
}

/* The size of the sections after the kernel. */
static addr_t measure_sections(const struct elf_file *elf)
{
	const uint8_t *headers = elf->file.data + (size_t)elf->section_headers;
	struct run run = {.end = 0};
	addr_t size = 0;

	while (run.end < elf->section_header_count) {
		run = find_run(elf, headers, run.end);
		size += (run.stop - run.start + TABLE_ALIGN - 1) & ~(addr_t)(TABLE_ALIGN - 1);
	}
	return size;
}

/*
 * Section 3.3, bit 5: passes the section headers, and the sections that no segment holds, such as symbols, for a
 * debugger in the target. They are left out where there is no room: the kernel runs without them.
 */
static int place_sections(struct job *job, const struct elf_file *elf, const struct table *table)
{
	struct multiboot_info *info = table->info;
	uint32_t size = elf->section_header_count * elf->section_header_size, first, at, runs = 0;
	addr_t dest, dropped = 0;
	struct place place;
	uint8_t *headers;
	bool named = true;
	int error;

	if (size > SECTION_HEADERS_MAX || !find_low(job, size, table, &place)) {
		segue_say(&job->log, SEGUE_LOG_WARNING, "no room for %u section headers",
			  elf->section_header_count);
		return SEGUE_OK;
	}
	error = segue_add_table(job, "ELF section headers", size, &place, &headers, &dest);
	if (error)
		return error;
	memcpy(headers, elf->file.data + (size_t)elf->section_headers, size);
	at = (uint32_t)dest;
	for (first = 0; first < elf->section_header_count;) {
		struct run run = find_run(elf, headers, first);
		addr_t length = run.stop - run.start;

		place = table_place;
		place.min = table->kernel_end;
		if (!segue_find_free(job, length, &place, &dest))
			place.min = ONE_MIB;
		if (length && (runs++ >= SECTION_RUNS_MAX || !segue_find_free(job, length, &place, &dest))) {
			dropped += length;
			named &= settle_run(elf, headers, &run, 0);
		} else if (length) {
			struct bytes source = segue_bytes_at(elf->file, (size_t)run.start, (size_t)length);

			error = segue_add_floating(job, "ELF section", run.first, &source, length, &place, &dest);
			if (error)
				return error;
			job->segments[job->segment_count - 1].optional = true;
			settle_run(elf, headers, &run, (uint32_t)dest);
		}
		first = run.end;
	}
	if (dropped)
		segue_say(&job->log, SEGUE_LOG_WARNING, "no RAM for %z bytes of the kernel's sections", dropped);
	if (named) {
		info->elf_num = elf->section_header_count;
		info->elf_size = elf->section_header_size;
		info->elf_addr = at;
		info->elf_shndx = elf->section_names < elf->section_header_count ? elf->section_names : 0;
		info->flags |= MULTIBOOT_INFO_ELF_SECTIONS;
	}
	return SEGUE_OK;
}

int segue_multiboot_pass(struct job *job, const struct elf_file *elf, uint32_t *info)
{
	struct table table = {
		.kernel = job->segments[job->claims[0]].dest,
		.kernel_end = end_of_segments(job),
		.kernel_segments = job->segment_count,
		.module_count = job->bundle.module_count + (job->bundle.initrd.size != 0),
	};
	int error;

	if (elf && !segue_elf_has_sections(job, elf))
		elf = NULL;
	if (table.kernel_end < ONE_MIB)
		table.kernel_end = ONE_MIB;
	error = place_modules(job, &table, elf ? measure_sections(elf) : 0);
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
	return elf ? place_sections(job, elf, &table) : SEGUE_OK;
}
