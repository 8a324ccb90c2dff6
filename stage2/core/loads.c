/* SPDX-License-Identifier: MIT */
/* The host's mappings, and the PT_LOADs that they make of the pieces of its memory: core.h. */
#include "core/core.h"

#define NOT_MAPPED UINT64_MAX

/* The highest address that the host has. */
#define VIRTUAL_MAX (ADDRESS_MAX > UINT32_MAX ? UINT64_MAX : UINT32_MAX)

static int check_mapping(const struct job *job, size_t index)
{
	const struct segue_mapping *mapping = &job->args->mappings[index];

	if (mapping->size == 0)
		return SEGUE_OK;
	if (mapping->virt > VIRTUAL_MAX || mapping->size - 1 > VIRTUAL_MAX - mapping->virt)
		return segue_refuse(&job->log, SEGUE_E_CORE, "mapping %z, %X bytes at %X, wraps", (addr_t)index, mapping->size, mapping->virt);
	if (mapping->size > UINT64_MAX - mapping->phys)
		return segue_refuse(&job->log, SEGUE_E_CORE, "mapping %z, of %X bytes at physical %X, wraps", (addr_t)index, mapping->size,
				    mapping->phys);
	return SEGUE_OK;
}

/* Merges the mappings, which are in the order of their virtual addresses. */
static int merge_mappings(struct core *core, const struct core_key *order, uint32_t count)
{
	const struct segue_mapping *all = core->job->args->mappings;
	struct core_mapping *last = NULL;
	uint32_t before = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct segue_mapping *next = &all[order[i].what];

		if (last && next->virt - last->virt < last->size)
			return segue_refuse(&core->job->log, SEGUE_E_CORE, "mappings %z and %z overlap, from virtual %X", (addr_t)before,
					    (addr_t)order[i].what, next->virt);
		before = order[i].what;
		if (last && next->virt - last->virt == last->size && next->phys - last->phys == last->size) {
			last->size += next->size;
			continue;
		}
		last = &core->mappings[core->mapping_count++];
		*last = (struct core_mapping){next->virt, next->phys, next->size};
	}
	return SEGUE_OK;
}

int segue_core_find_mappings(struct core *core)
{
	struct job *job = core->job;
	size_t count = job->args->mapping_count;
	struct core_key *order = segue_core_borrow(job, count, sizeof *order);
	uint32_t used = 0;
	int error;

	core->by_phys = order;
	core->mappings = order ? segue_core_borrow(job, count, sizeof *core->mappings) : NULL;
	if (!core->mappings)
		return SEGUE_E_WORKSPACE_SMALL;
	for (size_t i = 0; i < count; i++) {
		if ((error = check_mapping(job, i)) != SEGUE_OK)
			return error;
		if (job->args->mappings[i].size > 0)
			order[used++] = (struct core_key){.at = job->args->mappings[i].virt, .what = (uint32_t)i};
	}
	segue_core_sort(order, used);
	if ((error = merge_mappings(core, order, used)) != SEGUE_OK)
		return error;
	for (uint32_t i = 0; i < core->mapping_count; i++)
		core->by_phys[i] = (struct core_key){.at = core->mappings[i].phys, .what = i};
	segue_core_sort(core->by_phys, core->mapping_count);
	return SEGUE_OK;
}

/* The first piece that ends after at. */
static uint32_t piece_after(const struct core *core, uint64_t at)
{
	uint32_t low = 0, high = core->piece_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (core->pieces[middle].end > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* PT_LOADs are counted first, and then written. */
struct output {
	struct elf64_program_header *next; /* NULL: only counted */
	addr_t count;
};

/* [start, end) of the piece */
static void put(struct output *output, const struct core_piece *piece, uint64_t virt, uint64_t start, uint64_t end)
{
	output->count += output->count < ADDRESS_MAX;
	if (output->next)
		segue_core_write_load(output->next++, virt, start, piece->at + (start - piece->start), end - start);
}

static void put_mapped(const struct core *core, const struct core_mapping *mapping, struct output *output)
{
	uint64_t limit = mapping->phys + mapping->size;
	uint32_t first = piece_after(core, mapping->phys);

	/* To count them one by one would take the product of both numbers, if many mappings are of all memory. */
	if (!output->next) {
		uint32_t last = piece_after(core, limit - 1), count = last - first;

		if (last < core->piece_count && core->pieces[last].start < limit)
			count++;
		output->count = count > ADDRESS_MAX - output->count ? ADDRESS_MAX : output->count + count;
		return;
	}
	for (; first < core->piece_count && core->pieces[first].start < limit; first++) {
		const struct core_piece *piece = &core->pieces[first];
		uint64_t start = piece->start > mapping->phys ? piece->start : mapping->phys;

		put(output, piece, mapping->virt + (start - mapping->phys), start, piece->end < limit ? piece->end : limit);
	}
}

/* What no mapping contains. */
static void put_unmapped(const struct core *core, struct output *output)
{
	uint64_t mapped = 0;          /* the end of the mappings that have begun */
	uint32_t next = 0;

	for (uint32_t i = 0; i < core->piece_count; i++) {
		const struct core_piece *piece = &core->pieces[i];
		uint64_t at = piece->start, end;

		for (; at < piece->end; at = end) {
			for (; next < core->mapping_count && core->by_phys[next].at <= at; next++) {
				const struct core_mapping *mapping = &core->mappings[core->by_phys[next].what];

				if (mapping->phys + mapping->size > mapped)
					mapped = mapping->phys + mapping->size;
			}
			end = piece->end;
			if (mapped > at) {
				end = mapped < end ? mapped : end;
				continue;
			}
			if (next < core->mapping_count && core->by_phys[next].at < end)
				end = core->by_phys[next].at;
			put(output, piece, NOT_MAPPED, at, end);
		}
	}
}

static void each_load(const struct core *core, struct output *output)
{
	/* A host that says nothing of its mappings. */
	if (core->job->args->mapping_count == 0) {
		for (uint32_t i = 0; i < core->piece_count; i++)
			put(output, &core->pieces[i], core->pieces[i].start, core->pieces[i].start, core->pieces[i].end);
		return;
	}
	/* In the order of p_vaddr, as the gABI asks (chapter 5, "Program Header"). */
	for (uint32_t i = 0; i < core->mapping_count; i++)
		put_mapped(core, &core->mappings[i], output);
	put_unmapped(core, output);
}

addr_t segue_core_count_loads(const struct core *core)
{
	struct output output = {0};

	each_load(core, &output);
	return output.count;
}

void segue_core_write_loads(const struct core *core, struct elf64_program_header *loads)
{
	struct output output = {.next = loads};

	each_load(core, &output);
}
