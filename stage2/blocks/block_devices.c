/* SPDX-License-Identifier: MIT */
/* The devices that purgatory quiets (purgatory/devices.asm): SEGUE_LOAD_QUIET_* of segue.h become its parameters. */
#include "blocks/block.h"
#include "common/memory_functions.h"

_Static_assert(SEGUE_LOAD_QUIET_IOAPIC == PURGATORY_QUIET_IOAPIC && SEGUE_LOAD_QUIET_LAPIC == PURGATORY_QUIET_LAPIC &&
		       SEGUE_LOAD_QUIET_HPET == PURGATORY_QUIET_HPET && SEGUE_LOAD_QUIET_PIT == PURGATORY_QUIET_PIT &&
		       SEGUE_LOAD_QUIET_PIC == PURGATORY_QUIET_PIC && SEGUE_LOAD_QUIET_RTC == PURGATORY_QUIET_RTC &&
		       SEGUE_LOAD_QUIET_BUS_MASTERS == PURGATORY_QUIET_BUS_MASTERS &&
		       SEGUE_LOAD_QUIET_VGA == PURGATORY_QUIET_VGA,
	       "copied as they stand");

/* Intel 82093AA data sheet, 3.0: after reset, and where chipsets since keep the first one */
#define USUAL_IO_APIC 0xfec00000u
#define USUAL_HPET 0xfed00000u        /* IA-PC HPET 1.0a, 2.3.1: as most chipsets have it */
/* Lines of the two PICs that a BIOS leaves open: timer, keyboard, second PIC, diskette; clock, mouse, x87, disks. */
#define BIOS_PIC_MASKS 0x0eb8u

static uint32_t quiet_of(const struct job *job)
{
	uint32_t flags = job->args->flags;

	if (!(flags & SEGUE_LOAD_QUIET_ALL))
		return flags & QUIET_EACH;
	/* A target in real mode reads its disk through the BIOS, whose controller may be a bus master. */
	if (segue_is_real_mode(&job->entry))
		return QUIET_EACH & ~(~flags & SEGUE_LOAD_QUIET_BUS_MASTERS);
	return QUIET_EACH;
}

/*
 * If purgatory will set text mode, the target must be told of that screen only: job->machine becomes a copy without the
 * host's. Refuses if the workspace is too small.
 */
static int foresee_screen(struct job *job)
{
	static const struct segue_framebuffer text = {
		.addr = 0xb8000, .pitch = 160, .width = 80, .height = 25, .bpp = 16, .type = SEGUE_FRAMEBUFFER_EGA_TEXT,
	};
	struct segue_machine *machine;

	if (!(job->args->flags & (SEGUE_LOAD_QUIET_VGA | SEGUE_LOAD_QUIET_ALL)))
		return SEGUE_OK;
	machine = segue_arena_take(&job->arena, sizeof *machine, sizeof(uint64_t));
	if (!machine)
		return SEGUE_E_WORKSPACE_SMALL;
	if (job->machine)
		*machine = *job->machine;
	machine->framebuffer = text;
	machine->vbe = NULL;
	machine->cursor_column = 0;
	machine->cursor_row = 0;
	job->machine = machine;
	return SEGUE_OK;
}

static void write_machine(const struct job *job, struct purgatory_devices *devices)
{
	const struct segue_machine *machine = job->machine;

	if (machine->rsdp <= 0xffffffffu && !job->rsdp_is_wrong)
		devices->rsdp = (uint32_t)machine->rsdp;
	if (devices->rsdp == 0 && machine->rsdp_copy && machine->rsdp_copy_size <= sizeof devices->rsdp_copy) {
		memcpy(devices->rsdp_copy, machine->rsdp_copy, machine->rsdp_copy_size);
		devices->rsdp = (uint32_t)job->workspace_phys + segue_purgatory_devices.at + offsetof(struct purgatory_devices, rsdp_copy);
	}
	devices->hpet = machine->hpet;
	_Static_assert(sizeof devices->io_apic == sizeof machine->io_apic, "copied as it stands");
	memcpy(devices->io_apic, machine->io_apic, sizeof devices->io_apic);
	if (machine->bios_pic_masks)
		devices->bios_masks = machine->bios_pic_masks;
}

/* By the map, not by job->ram, which has target memory only. */
static bool is_ram(const struct job *job, addr_t at)
{
	return segue_ram_end(job->args->memory_map, job->args->memory_map_count, at) > at;
}

/* The block begins with the structure. */
static void write_devices(const struct job *job, struct purgatory_params *params)
{
	struct purgatory_devices *devices = (void *)(job->workspace + segue_purgatory_devices.at);

	params->quiet = quiet_of(job);
	devices->bios_masks = BIOS_PIC_MASKS;
	/* Purgatory probes the usual addresses, and to probe an IO-APIC it must write: so not to RAM. */
	if (!is_ram(job, USUAL_IO_APIC))
		devices->usual_io_apic = USUAL_IO_APIC;
	if (!is_ram(job, USUAL_HPET))
		devices->usual_hpet = USUAL_HPET;
	if (job->machine)
		write_machine(job, devices);
}

const struct segue_block segue_block_devices = {
	.id = BLOCK_DEVICES, .bytes = &segue_purgatory_devices, .steps = {[BLOCK_PREPARE] = foresee_screen}, .write = write_devices,
};
