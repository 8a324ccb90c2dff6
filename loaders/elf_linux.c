/* SPDX-License-Identifier: MIT */
/*
 * Linux among the ELF files. An executable is one if it has a note of the owner "Linux" and type 0x100 or 0x101 (build salt and LTO:
 * include/linux/build-salt.h and elfnote-lto.h, since Linux 4.19), or Xen's note 6 (guest OS) that begins "linux"
 * (arch/x86/xen/xen-head.S, since 2.6.23). Linux's linker script puts all notes into one segment.
 */
#include "common/memory_functions.h"
#include "elf_fields.h"

#define NOTE_BUILD_SALT 0x100u
#define NOTE_LTO_INFO 0x101u
#define NOTE_XEN_GUEST_OS 6u          /* Xen, include/public/elfnote.h */

static bool say_linux(const uint8_t *notes, addr_t size)
{
	static const char guest[] = "linux";
	const addr_t length = sizeof guest - 1;
	struct elf_found_note note;

	if (segue_elf_find_note(notes, size, "Linux", NOTE_BUILD_SALT, &note) ||
	    segue_elf_find_note(notes, size, "Linux", NOTE_LTO_INFO, &note))
		return note.size <= note.there;
	return segue_elf_find_note(notes, size, "Xen", NOTE_XEN_GUEST_OS, &note) && note.size <= note.there && note.size >= length &&
	       memcmp(note.contents, guest, (size_t)length) == 0;
}

bool segue_elf_is_linux(const struct job *job)
{
	/* Silent: the loader that takes a broken file refuses it. */
	const struct job silent = {.log = {0}};
	struct elf_file elf;
	addr_t words[ELF_WORDS];

	if (segue_elf_open(&silent, &job->bundle.kernel, &elf, 0) != SEGUE_OK ||
	    le16(elf.file.data + offsetof(struct elf32_header, e_type)) != ET_EXEC)
		return false;
	for (uint32_t i = 0; i < elf.program_header_count; i++)
		if (segue_elf_read_program_header(&elf, i, words) == PT_NOTE)
			return segue_elf_is_inside(&elf, words[ELF_OFFSET], words[ELF_FILESZ]) &&
			       say_linux(elf.file.data + words[ELF_OFFSET], words[ELF_FILESZ]);
	return false;
}

int segue_elf_pass_on(const struct job *job, bool for_vmlinux)
{
	for (const struct segue_loader *const *each = job->next; *each; each++)
		if ((*each)->family == FAMILY_ELF)
			return LOADER_PASSES;
	return segue_refuse_unlinked(&job->log, for_vmlinux ? "Linux as an ELF file" : "plain ELF",
				     for_vmlinux ? "loader_vmlinux" : "loader_elf");
}
