/* SPDX-License-Identifier: MIT */
/*
 * Multiboot, both versions, and PVH: where the modules, the information and the sections go.
 *
 * The specification does not say where all this goes, but kernels depend on what GRUB and QEMU do. The placement
 * depends only on the kernel, the sizes and the memory map, not on where the host has the bytes: a kernel that starts
 * from one host starts from every host.
 * - Information and section headers lie below 640 KiB: kernels read them when little more than their own image is
 *   mapped.
 * - The sections, then the modules in their order, follow the kernel, each on a page: kernels treat the memory past the
 *   last string table or the last module as free.
 *
 * They go elsewhere if that is impossible, or with SEGUE_LOAD_MODULES_STAY. All of it lies in target memory, if there is any:
 * without RAM for them below 640 KiB there, the information and the section headers go above; without RAM above 1 MiB,
 * everything goes below.
 */
#include "common/bytes.h"
#include "common/placement.h"
#include "multiboot.h"

/*
 * Below this range are the vectors, the data of the firmware and of boot loaders, and the memory in which kernels start
 * other CPUs. Above it are ranges that the firmware and Xen (below its end, 0x9e000) may use.
 */
#define LOW_TABLES 0x10000u
#define LOW_TABLES_END 0x80000u

/* Do all modules fit in their order, from place->min on? */
static bool modules_fit(const struct job *job, size_t count, struct place place)
{
	struct member made;

	for (size_t i = 1; i <= count; i++) {
		addr_t size = segue_multiboot_member(&job->bundle, i, &made)->file.size, at;

		if (size && !segue_find_free(job, size, &place, &at))
			return false;
		if (size)
			place.min = at + size;
	}
	return true;
}

/*
 * Chooses a range for the modules in their order: after the kernel and its sections, or after the kernel alone, or from
 * table->floor on.
 */
static bool find_modules(const struct job *job, const struct multiboot_table *table, addr_t sections, struct place *place)
{
	if (add_addr(table->kernel_end, sections, &place->min) && modules_fit(job, table->module_count, *place))
		return true;
	place->min = table->kernel_end;
	if (modules_fit(job, table->module_count, *place))
		return true;
	place->min = table->floor;
	if (!modules_fit(job, table->module_count, *place)) {
		segue_say(&job->log, SEGUE_LOG_WARNING, "the modules fit nowhere in their order: each goes where it fits");
		return false;
	}
	segue_say(&job->log, SEGUE_LOG_WARNING, "no room for the modules after the kernel, which ends at %x", table->kernel_end);
	return true;
}

/* The modules' segments are consecutive in the job. An empty module has none. */
IN_REGISTER int segue_multiboot_place_modules(struct job *job, struct multiboot_table *table, addr_t sections)
{
	struct place place = {.min = table->floor, .max = ADDRESS_LIMIT, .align = PAGE, .error = SEGUE_E_NO_PLACE};
	addr_t moved = 0, all = 0, dest = 0, at, run;
	struct member made;

	place.not_in_place = !(job->args->flags & SEGUE_LOAD_MODULES_STAY) && !job->modules_stay &&
		find_modules(job, table, sections, &place);
	for (size_t i = 1; i <= table->module_count; i++) {
		const struct member *member = segue_multiboot_member(&job->bundle, i, &made);
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
		segue_physical(job, file, &at, &run);
		if (at != dest || run != file->size)
			moved += file->size;
		all += file->size;
	}
	job->log.second_try = place.not_in_place && moved;
	if (all)
		segue_say(&job->log, SEGUE_LOG_INFO, "modules: %z bytes from %x on, of which %z are moved", all, table->modules_at, moved);
	return SEGUE_OK;
}

/* All other tables stay above 1 MiB: the firmware's data below may still be read by the kernel. */
const struct place segue_multiboot_place = {
	.min = ONE_MIB, .max = ADDRESS_LIMIT, .align = TABLE_ALIGN, .not_in_place = true, .error = SEGUE_E_NO_PLACE,
};

/*
 * Finds low memory for a table, below the kernel if the kernel is low too: kernels allocate memory from their own end
 * on. Without RAM below 640 KiB the table goes below the kernel, or else past the modules at a distance.
 */
bool segue_multiboot_find_low(const struct job *job, size_t size, const struct multiboot_table *table, struct place *place)
{
	addr_t found;

	for (uint32_t i = 0; i < 5; i++) {
		*place = segue_multiboot_place;
		place->min = table->floor;
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
