/* SPDX-License-Identifier: MIT */
/*
 * Protocol "ELF": an executable without the header of any boot protocol. It is entered in flat 32-bit mode with all
 * registers zero, and gets neither a command line nor modules.
 */
#include "elf.h"

static int load(struct job *job)
{
	struct elf_file elf;
	uint32_t entry;
	int error;

	if (job->args->flags & SEGUE_LOAD_VMLINUX)
		return segue_refuse_unlinked(&job->log, "Linux as an ELF file", "loader_vmlinux");
	error = segue_elf_open(job, &job->bundle.kernel, &elf, 0);
	if (error)
		return error;
	job->is_64_bit = segue_elf_is_64_bit(&job->bundle.kernel);
	error = segue_elf_refuse_interpreter(job, &elf);
	if (error)
		return error;
	if (elf.is_64 && !(job->args->flags & SEGUE_LOAD_ELF_ENTRY_32))
		return segue_refuse(&job->log, SEGUE_E_ELF_64BIT, NULL);
	error = segue_elf_load(job, &elf, &entry);
	if (error)
		return error;
	/* The return address, which is on its stack too, is no line of the caller's. */
	if ((job->bundle.cmdline.size && !job->return_page) || job->bundle.initrd.size || job->bundle.module_count)
		segue_say(&job->log, SEGUE_LOG_WARNING, "a plain ELF gets no command line, initrd or modules");
	job->entry = (struct entry_state){ .eip = entry, .selectors = ENTRY_CODE_08_DATA_10 };
	return segue_place_catcher(job);
}

const struct segue_loader segue_loader_elf = {
	.protocol = "ELF",
	.recognise = segue_is_elf,
	.load = load,
	.family = FAMILY_ELF,
};
