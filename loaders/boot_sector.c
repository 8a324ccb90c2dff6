/* SPDX-License-Identifier: MIT */
/*
 * A boot sector, entered as the BIOS does: at 0000:7C00, the drive in DL, interrupts enabled. The only standard is the
 * IBM PC's BIOS and the BIOS Boot Specification 1.01 (section 6.5.1), which keeps its conventions. For a partition's
 * boot sector, every MBR passes DS:SI, which points to the partition's entry in the MBR's copy of the table below
 * 0x800.
 *
 *   CS:IP 0000:7C00, DS = ES = SS = FS = GS = 0, SP 0x7C00, IF = 1
 *   DL    the drive of machine.boot_device; if unknown 0x80, the first hard disk. DH 0
 *   SI    0x7BE, where machine.partition_entry lies; 0 without one. BP the same, as some MBRs have it
 *   all other registers 0
 */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "common/loader.h"
#include "container/magic.h"

#define SECTOR 512u
#define SECTOR_PLACE 0x7c00u
#define ENTRY_PLACE 0x7beu            /* an MBR moves itself to 0x600; its first entry is at 0x1be */
#define ENTRY_SIZE 16u
#define FIRST_HARD_DISK 0x80u

static void say_what_is_dropped(const struct job *job)
{
	const struct bundle *b = &job->bundle;

	if (b->cmdline.size > 0)
		segue_say(&job->log, SEGUE_LOG_WARNING, "a boot sector has no command line: '%b' is dropped", &b->cmdline);
	if (b->module_count > 0 || b->initrd.size > 0)
		segue_say(&job->log, SEGUE_LOG_WARNING, "a boot sector has no modules: they are dropped");
}

static int add_partition_entry(struct job *job, const void *entry)
{
	uint8_t *copy = segue_arena_take(&job->arena, ENTRY_SIZE, ENTRY_SIZE);
	struct bytes source = {.data = copy, .size = ENTRY_SIZE, .part = PART_WORKSPACE};

	if (!copy)
		return SEGUE_E_WORKSPACE_SMALL;
	memcpy(copy, entry, ENTRY_SIZE);
	return segue_add_segment(job, "partition entry", NO_NUMBER, ENTRY_PLACE, &source, 0, ENTRY_SIZE);
}

static int load(struct job *job)
{
	const struct segue_machine *machine = job->machine;
	int error;

	if (job->return_page)
		return segue_refuse(&job->log, SEGUE_E_RETURN, "a boot sector gets no return address");
	if (!(job->args->flags & SEGUE_LOAD_BIOS))
		return segue_refuse(&job->log, SEGUE_E_BOOT_SECTOR_BIOS, NULL);
	say_what_is_dropped(job);
	job->entry = (struct entry_state){
		.edx = FIRST_HARD_DISK, .esp = SECTOR_PLACE, .eip = SECTOR_PLACE, .selectors = ENTRY_REAL_MODE,
		.real_interrupts = true,
	};
	if (machine && machine->has_boot_device)
		job->entry.edx = machine->boot_device >> 24;
	error = segue_add_segment(job, "boot sector", NO_NUMBER, SECTOR_PLACE, &job->bundle.kernel, 0, SECTOR);
	if (error != SEGUE_OK || !machine || !machine->partition_entry)
		return error;
	job->entry.esi = job->entry.ebp = ENTRY_PLACE;
	return add_partition_entry(job, machine->partition_entry);
}

const struct segue_loader segue_loader_boot_sector = {
	.protocol = "boot sector", .recognise = segue_is_boot_sector, .load = load, .family = FAMILY_BOOT_SECTOR,
};
