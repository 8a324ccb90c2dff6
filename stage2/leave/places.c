/* SPDX-License-Identifier: MIT */
/* Checks the host's physical addresses: places.h. */
#include "common/placement.h"
#include "leave/known.h"
#include "leave/places.h"
#include "leave/loaded.h"
#include "leave/reach.h"
#include "leave/walk.h"

/* Kernels are mostly linked at multiples of a power of two from 256 MiB on (64-bit: from 1 GiB on). */
#define KERNEL_BASE(linear, bits) ((linear) & ~(((addr_t)1 << (bits)) - 1))

static addr_t linear_of(const struct job *job, const void *at)
{
	return (addr_t)(uintptr_t)at + (addr_t)job->args->data_base;
}

/* Part i of the host's arguments; NULL after the last. */
static const struct segue_part *part_at(const struct segue_load_args *args, size_t i)
{
	if (i == 0)
		return &args->blob;
	return args->modules && i <= args->module_count ? &args->modules[i - 1] : NULL;
}

static uint64_t translate(const struct segue_load_args *args, const void *at)
{
	return args->translate(args->translate_context, at);
}

static bool try_offset(struct walk *walk, addr_t offset)
{
	return segue_walk_try(walk, (struct tables_way){.mapped = TABLES_OFFSET, .at = offset});
}

/* Finds where the page tables are mapped: at the offset of other memory, or as kernels usually map them. */
static IN_LINE bool find_tables(const struct segue_load_args *args, struct walk *walk)
{
	addr_t base = (addr_t)args->data_base, linear = (addr_t)(uintptr_t)args->workspace + base;
	addr_t offset = linear - (addr_t)args->workspace_phys;
	addr_t text = (addr_t)(uintptr_t)segue_peek_fault + (addr_t)args->code_base;
	const struct segue_part *part;

	if (try_offset(walk, offset) || try_offset(walk, 0))
		return true;
	for (size_t i = 0; (part = part_at(args, i)); i++)
		if (part->extents && part->extent_count &&
		    try_offset(walk, (addr_t)(uintptr_t)part->data + base - (addr_t)part->extents[0].addr))
			return true;
	for (unsigned bits = 28; bits < 32; bits++)
		if (try_offset(walk, KERNEL_BASE(linear, bits)) || try_offset(walk, KERNEL_BASE(text, bits)))
			return true;
	/* workspace_phys may be wrong by one page. */
	return try_offset(walk, offset - PAGE) || try_offset(walk, offset + PAGE);
}

static bool search_tables(const struct segue_load_args *args, struct walk *walk)
{
	addr_t base = (addr_t)args->data_base;
	/* Near the text, the workspace, the last address, the blob and the stack. */
	const addr_t near[] = {(addr_t)(uintptr_t)segue_peek_fault + (addr_t)args->code_base, (addr_t)(uintptr_t)args->workspace + base,
			       ADDRESS_MAX, (addr_t)(uintptr_t)args->blob.data + base, (addr_t)(uintptr_t)walk + base};

	return segue_walk_search(walk, near, sizeof near / sizeof near[0]);
}

/* Is all of it in ranges of the memory map, of any type? */
static bool is_in_map(const struct segue_load_args *args, uint64_t start, uint64_t end)
{
	for (size_t i = 0; start < end && i < args->memory_map_count; i++) {
		const struct segue_range *range = &args->memory_map[i];

		if (range->start > start || range->end <= start)
			continue;
		start = range->end;
		i = (size_t)-1;
	}
	return start >= end;
}

/* Does the memory map contain any memory that the host named? A map that was made for the target need not. */
static bool is_map_of_host(const struct segue_load_args *args)
{
	const struct segue_part *part;

	for (size_t i = 0; (part = part_at(args, i)); i++)
		for (size_t k = 0; part->extents && k < part->extent_count; k++)
			if (part->extents[k].size && is_in_map(args, part->extents[k].addr, part->extents[k].addr + 1))
				return true;
	return is_in_map(args, args->workspace_phys, args->workspace_phys + 1);
}

static IN_LINE int refuse_page(const struct job *job, addr_t offset, uint64_t is, const char *by)
{
	return segue_refuse(&job->log, SEGUE_E_WORKSPACE_PLACE, is == SEGUE_NOT_MAPPED ? "page %z is not mapped, %X, by %s; expected %x" :
			    "page %z is at %X by %s; expected %x", offset / PAGE, is, by, (addr_t)job->args->workspace_phys + offset);
}

static OUT_OF_LINE const char *witness(const struct walk *walk)
{
	return walk->levels ? "the page tables" : "its address (paging is off)";
}

static int check_pages(const struct job *job, struct walk *walk, bool *all_known)
{
	const struct segue_load_args *args = job->args;

	*all_known = true;
	for (addr_t at = 0; at < args->workspace_size; at += PAGE) {
		const uint8_t *page = (const uint8_t *)args->workspace + at;
		addr_t told = (addr_t)args->workspace_phys + at, is;
		uint64_t by_host = args->translate ? translate(args, page) : told;

		if (by_host != told)
			return refuse_page(job, at, by_host, "translate");
		is = walk ? segue_walk(walk, linear_of(job, page)) : WALK_UNKNOWN;
		if (is != told && is != WALK_UNKNOWN)
			return refuse_page(job, at, is, witness(walk));
		*all_known = *all_known && (args->translate || is == told);
	}
	return SEGUE_OK;
}

/* It may be a ROM. Only a warning, because some hosts are loaded into memory that firmware calls reserved. */
static void warn_of_type(const struct job *job, addr_t start, addr_t end)
{
	const struct segue_load_args *args = job->args;

	for (size_t i = 0; i < args->memory_map_count; i++) {
		const struct segue_range *range = &args->memory_map[i];

		if (range->type == SEGUE_MEMORY_RAM || range->start >= end || range->end <= start)
			continue;
		segue_say(&job->log, SEGUE_LOG_WARNING, "the workspace, %x to %x, is in the memory map's range %z, which is not RAM", start,
			  end, (addr_t)i);
		return;
	}
}

/* The address of code in the data segment. */
static IN_LINE const void *text_at(const struct segue_load_args *args, uintptr_t text)
{
	return !text ? NULL : (const uint8_t *)text + (ptrdiff_t)(args->code_base - args->data_base);
}

/*
 * Does the workspace contain the start of something that is still to be read or run, or the stack (the job is on it)? A few
 * places in the library suffice, because a workspace is larger than the distance between them.
 */
static bool lies_in_workspace(const struct job *job)
{
	const struct segue_load_args *args = job->args;
	const void *const read[] = {
		job, args, args->modules, args->memory_map, args->keep, args->machine, args->cmdline, args->digest,
		args->target_memory, args->staging, args->unused,
		&segue_known, &segue_purgatory_core, text_at(args, (uintptr_t)segue_gate), text_at(args, (uintptr_t)is_map_of_host),
		text_at(args, (uintptr_t)args->log), text_at(args, (uintptr_t)args->translate),
	};

	for (size_t i = 0; i < sizeof read / sizeof read[0]; i++)
		if ((uintptr_t)read[i] - (uintptr_t)args->workspace < args->workspace_size)
			return true;
	return false;
}

static int check_workspace(struct job *job)
{
	const struct segue_load_args *args = job->args;
	addr_t start = (addr_t)args->workspace_phys, end = start + (addr_t)args->workspace_size;
	bool can_walk, known;
	struct walk walk;
	int error;

	if (lies_in_workspace(job))
		return segue_refuse(&job->log, SEGUE_E_WORKSPACE_USED, "%x, %z bytes", linear_of(job, args->workspace), end - start);
	can_walk = segue_walk_begin(&walk, (addr_t)args->code_base, (addr_t)args->data_base);
	can_walk = can_walk && (walk.levels == 0 || find_tables(args, &walk));
	if (can_walk)
		job->tables = walk.way;
	if (!(args->flags & SEGUE_LOAD_ANY_CPU))
		warn_of_type(job, start, end);
	error = check_pages(job, can_walk ? &walk : NULL, &known);
	if (error != SEGUE_OK || !args->memory_map || is_in_map(args, start, end))
		return error;
	if (is_map_of_host(args))
		return segue_refuse(&job->log, SEGUE_E_WORKSPACE_PLACE, "%x to %x is not in the memory map", start, end);
	segue_say(&job->log, SEGUE_LOG_WARNING, "the workspace, %x to %x, is not in the memory map", start, end);
	return SEGUE_OK;
}

static void doubt(const struct job *job, const char *field, uint64_t value, const char *why)
{
	segue_say(&job->log, SEGUE_LOG_WARNING, "machine.%s is %X, %s; was machine set to zeros first?", field, value, why);
}

/* Device registers are aligned to 256 bytes at least (Intel 82093AA data sheet, 3.0; IA-PC HPET 1.0a, 2.3.1). */
static void check_device(const struct job *job, const char *field, uint32_t address)
{
	if (address % 256)
		doubt(job, field, address, "not aligned to 256");
}

static void check_machine(struct job *job)
{
	const struct segue_machine *machine = job->machine;
	uint32_t type;

	if (!machine)
		return;
	/* Linux reads the RSDP before it can handle a fault. Not every map contains the BIOS's areas below 1 MiB. */
	if (machine->rsdp >= ONE_MIB && (machine->rsdp == UINT64_MAX || !is_in_map(job->args, machine->rsdp, machine->rsdp + 1))) {
		doubt(job, "rsdp", machine->rsdp, "in no range of the memory map, and not used");
		job->rsdp_is_wrong = true;
	}
	check_device(job, "hpet", machine->hpet);
	check_device(job, "io_apic[0]", machine->io_apic[0]);
	type = machine->framebuffer.type;
	if (type > SEGUE_FRAMEBUFFER_EGA_TEXT && type != SEGUE_FRAMEBUFFER_NONE && machine->framebuffer.width)
		doubt(job, "framebuffer.type", type, "unknown");
}

/* Do the page tables map a part's byte elsewhere than its extents say? Sets both addresses. */
static bool differs(const struct job *job, struct walk *walk, uint32_t part, size_t at, addr_t *told, addr_t *is)
{
	struct bytes bytes = {.data = (const uint8_t *)job->parts[part].data + at, .size = 1, .part = part};
	addr_t run;

	segue_physical(job, &bytes, told, &run);
	*is = segue_walk(walk, linear_of(job, bytes.data));
	return *is != WALK_UNKNOWN && *is != *told;
}

/*
 * data may be a copy of the file, so page tables that differ from the extents prove nothing; but together with an extent
 * outside the memory map they do.
 */
static int check_by_walk(const struct job *job, struct walk *walk, uint32_t index)
{
	const struct segue_part *part = &job->parts[index];
	addr_t told, is;

	for (size_t at = 0; at < part->size; at += PAGE - (size_t)(linear_of(job, (const uint8_t *)part->data + at) % PAGE)) {
		if (!differs(job, walk, index, at, &told, &is))
			continue;
		if (!is_in_map(job->args, told, told + 1))
			return segue_refuse(&job->log, SEGUE_E_EXTENT_PLACE, "by %s byte %z of %p is at %x; its extents say %x, which is not in the "
					    "memory map", witness(walk), (addr_t)at, index, is, told);
		segue_say(&job->log, SEGUE_LOG_WARNING, "by %s byte %z of %p is at %x, and its extents say %x: wrong, unless data is a copy",
			  witness(walk), (addr_t)at, index, is, told);
		break;
	}
	return SEGUE_OK;
}

static void check_by_map(const struct job *job, uint32_t index)
{
	const struct segue_part *part = &job->parts[index];
	const struct segue_extent here = {.addr = (uintptr_t)part->data, .size = part->size};
	const struct segue_extent *extents = part->extents ? part->extents : &here;
	size_t count = part->extents ? part->extent_count : 1;

	for (size_t i = 0; i < count; i++) {
		if (extents[i].size == 0 || is_in_map(job->args, extents[i].addr, extents[i].addr + extents[i].size))
			continue;
		segue_say(&job->log, SEGUE_LOG_WARNING, "%p, extent %z, %x to %x, is not in the memory map", index, (addr_t)i, (addr_t)extents[i].addr, (addr_t)(extents[i].addr + extents[i].size));
		return;
	}
}

static int check_parts_by_walk(const struct job *job, struct walk *walk)
{
	int error = SEGUE_OK;

	for (size_t i = 0; i < job->part_count && error == SEGUE_OK; i++)
		error = check_by_walk(job, walk, (uint32_t)i);
	return error;
}

/* Bytes that are kept where no memory is are lost. If the map is not of the host, the workspace has got a warning. */
static int check_staging(const struct job *job)
{
	const struct segue_load_args *args = job->args;
	size_t count = args->flags & (SEGUE_LOAD_RETURN | SEGUE_LOAD_CRASH) && is_map_of_host(args) ? args->staging_count : 0;
	addr_t reach = count > 0 ? segue_reach() : 0;

	for (size_t i = 0; i < count; i++) {
		const struct segue_extent *extent = &args->staging[i];
		addr_t start = (addr_t)extent->addr, end = start + (addr_t)extent->size;

		/* What is out of reach has a refusal of its own. */
		if (segue_is_in_reach(extent, reach) && !is_in_map(args, start, end))
			return segue_refuse(&job->log, SEGUE_E_STAGING, "extent %z, %x to %x, is not in the memory map", (addr_t)i, start, end);
	}
	return SEGUE_OK;
}

static int check_parts(struct job *job)
{
	struct walk walk;
	int error = SEGUE_OK;

	if (segue_walk_again(&walk, (addr_t)job->args->code_base, (addr_t)job->args->data_base, job->tables))
		error = check_parts_by_walk(job, &walk);
	for (size_t i = 0; i < job->part_count && error == SEGUE_OK; i++)
		check_by_map(job, (uint32_t)i);
	if (error == SEGUE_OK)
		error = check_staging(job);
	if (error == SEGUE_OK)
		check_machine(job);
	return error;
}

static int check_by_search(struct job *job)
{
	const struct segue_load_args *args = job->args;
	bool can_walk, known, before = job->tables.mapped != TABLES_NOT_KNOWN;
	struct loaded *loaded;
	struct walk walk;
	int error;

	if (args->translate)
		return SEGUE_OK;
	can_walk = segue_walk_begin(&walk, (addr_t)args->code_base, (addr_t)args->data_base);
	if (walk.levels == 0)
		return SEGUE_OK;
	can_walk = can_walk && (before ? segue_walk_try(&walk, job->tables) :
				       args->flags & SEGUE_LOAD_SEARCH_TABLES && search_tables(args, &walk));
	error = check_pages(job, can_walk ? &walk : NULL, &known);
	/* Not a warning: a correct kernel that does not map its tables would get it at each load. */
	if (error == SEGUE_OK && !known)
		segue_say(&job->log, SEGUE_LOG_INFO, "workspace_phys was not verified: the page tables were not found, and there is no "
			  "translate");
	if (error != SEGUE_OK || before || !can_walk)
		return error;
	loaded = (struct loaded *)(void *)(job->workspace + LOADED_AT);
	loaded->job.tables = walk.way;
	return check_parts_by_walk(job, &walk);
}

/* Is the workspace still mapped to the same memory? true if that is unknown. */
static bool is_there(const struct loaded *loaded)
{
	addr_t linear = (addr_t)(uintptr_t)loaded->workspace + loaded->data_base;
	struct walk walk;

	if (!segue_walk_again(&walk, loaded->code_base, loaded->data_base, loaded->job.tables))
		return true;
	for (size_t at = 0; at < loaded->workspace_size; at += PAGE) {
		addr_t is = segue_walk(&walk, linear + (addr_t)at);

		if (is != loaded->workspace_phys + (addr_t)at && is != WALK_UNKNOWN)
			return false;
	}
	return true;
}

const struct segue_check segue_check_host = {
	.steps = {[CHECK_WORKSPACE] = check_workspace, [CHECK_PARTS] = check_parts, [CHECK_LAST] = check_by_search},
	.is_there = is_there,
};
