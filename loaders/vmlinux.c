/* SPDX-License-Identifier: MIT */
/*
 * Linux as the ELF file that its build makes before it compresses it: vmlinux. It is entered at its e_entry as the decompressor
 * of a bzImage enters it, with a zero page: a 32-bit one in 32-bit mode (boot.rst, 32-bit Boot Protocol; startup_32 in
 * arch/x86/kernel/head_32.S), a 64-bit one in 64-bit mode with an identity map (64-bit Boot Protocol; startup_64 in head_64.S).
 *
 * elf_linux.c says which ELF files are taken for one. Any other is one if the caller says so (SEGUE_LOAD_VMLINUX).
 *
 * The file has no setup header. The zero page gets one of protocol 2.15 with the values that Linux's build writes (header.S);
 * fields that only boot loaders read are 0. The kernel has lost its relocations, so it runs where it is linked only.
 */
#include "common/memory_functions.h"
#include "common/placement.h"
#include "elf_fields.h"
#include "linux.h"
#include "long_tables.h"

/* boot.rst, and arch/x86/boot/header.S for what the build writes there */
static const struct linux_setup_header made_header = {
	.root_flags = {1},                    /* the root is mounted read-only first */
	.boot_flag = {0x55, 0xaa},
	.jump = 0xeb,
	.jump_distance = sizeof(struct linux_setup_header) - offsetof(struct linux_setup_header, header),
	.header = {'H', 'd', 'r', 'S'},
	.version = {0x0f, 0x02},
	.initrd_addr_max = {0xff, 0xff, 0xff, 0x7f},
	.cmdline_size = {0xff, 0x07},         /* COMMAND_LINE_SIZE - 1 */
};

static bool is_linux(const struct job *job)
{
	return segue_is_elf(&job->bundle.kernel) && (job->args->flags & SEGUE_LOAD_VMLINUX || segue_elf_is_linux(job));
}

/*
 * Linux takes the memory from its first byte to its end for its own (_text to _end; early_reserve_memory() in
 * arch/x86/kernel/setup.c), and frees what lies between its segments when it has booted. So no other segment may lie there.
 */
static int claim_gaps(struct job *job)
{
	const uint32_t *claims = job->claims;
	const struct segment *first = &job->segments[claims[0]], *last = &job->segments[claims[job->segment_count - 1]];
	addr_t end = last->dest + last->size;

	if (!segue_is_ram(job, first->dest, end))
		return segue_refuse(&job->log, SEGUE_E_VMLINUX_PLACE, "%x to %x", first->dest, end);
	for (size_t i = 1; i < job->segment_count; i++) {
		struct segment *before = &job->segments[claims[i - 1]];

		before->size = job->segments[claims[i]].dest - before->dest;
	}
	job->needs_memory = end - first->dest;
	return SEGUE_OK;
}

static int load(struct job *job)
{
	struct linux_kernel k = {
		.header = (const uint8_t *)&made_header,
		.header_end = offsetof(struct linux_boot_params, hdr) + sizeof made_header,
		.minor = 15,
	};
	struct long_entry *wide = NULL;
	struct elf_file elf;
	uint32_t entry;
	int error;

	if (!is_linux(job))
		return segue_elf_pass_on(job, false);
	if ((error = segue_elf_open(job, &job->bundle.kernel, &elf, 0)) != SEGUE_OK)
		return error;
	if ((error = segue_elf_refuse_interpreter(job, &elf)) != SEGUE_OK)
		return error;
	job->is_64_bit = segue_elf_is_64_bit(&job->bundle.kernel);
	if ((error = segue_elf_load(job, &elf, &entry)) != SEGUE_OK)
		return error;
	if ((error = claim_gaps(job)) != SEGUE_OK)
		return error;
	k.load = entry;
	if ((error = segue_linux_pass(job, &k)) != SEGUE_OK)
		return error;
	if (job->is_64_bit) {
		wide = segue_arena_take(&job->arena, sizeof *wide, sizeof(uint64_t));
		if (!wide)
			return SEGUE_E_WORKSPACE_SMALL;
		if ((error = segue_add_long_tables(job, NULL, 0, false, wide)) != SEGUE_OK)
			return error;
	}
	if ((error = segue_linux_tell(job, &k)) != SEGUE_OK)
		return error;
	if (wide)
		segue_linux_enter_64(job, &k, wide, k.load);
	else
		segue_linux_enter_32(job, &k);
	segue_say(&job->log, SEGUE_LOG_INFO, "Linux as an ELF file, %s-bit", job->is_64_bit ? "64" : "32");
	return SEGUE_OK;
}

_Static_assert(SEGUE_E_VMLINUX_PLACE == 0xf0, "meanings");
const struct segue_loader segue_loader_vmlinux = {
	.protocol = "Linux",
	.recognise = segue_is_elf,
	.load = load,
	.is_linux = is_linux,
#if SEGUE_SENTENCES
	.meanings = "\xf0" "vmlinux not in one piece of RAM\0",
#endif
	.family = FAMILY_ELF,
};
