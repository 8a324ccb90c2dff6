/* SPDX-License-Identifier: MIT */
/*
 * ELF files (System V ABI, chapters 4 and 5: "gABI"), 32 and 64 bits, as far as a boot loader reads them. The
 * structures only provide offsets: untrusted bytes are read with le16, le32, le64.
 */
#ifndef SEGUE_ELF_H
#define SEGUE_ELF_H

#include "common/loader.h"
#include "container/magic.h"

/* gABI, chapter 4, "ELF Header" */
struct elf32_header {
	uint8_t e_ident[16];
	uint16_t e_type, e_machine;
	uint32_t e_version;
	uint32_t e_entry, e_phoff, e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};
struct elf64_header {
	uint8_t e_ident[16];
	uint16_t e_type, e_machine;
	uint32_t e_version;
	uint64_t e_entry, e_phoff, e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};
_Static_assert(sizeof(struct elf32_header) == 52, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_ident) == 0, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_type) == 16, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_machine) == 18, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_version) == 20, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_entry) == 24, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_phoff) == 28, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_shoff) == 32, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_flags) == 36, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_ehsize) == 40, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_phentsize) == 42, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_phnum) == 44, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_shentsize) == 46, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_shnum) == 48, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf32_header, e_shstrndx) == 50, "gABI 4, ELF Header");
_Static_assert(sizeof(struct elf64_header) == 64, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_ident) == 0, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_type) == 16, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_machine) == 18, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_version) == 20, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_entry) == 24, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_phoff) == 32, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_shoff) == 40, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_flags) == 48, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_ehsize) == 52, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_phentsize) == 54, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_phnum) == 56, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_shentsize) == 58, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_shnum) == 60, "gABI 4, ELF Header");
_Static_assert(offsetof(struct elf64_header, e_shstrndx) == 62, "gABI 4, ELF Header");

/* gABI, chapter 5, "Program Header" */
struct elf32_program_header {
	uint32_t p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_flags, p_align;
};
struct elf64_program_header {
	uint32_t p_type, p_flags;
	uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};
_Static_assert(sizeof(struct elf32_program_header) == 32, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf32_program_header, p_type) == 0, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf32_program_header, p_offset) == 4, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf32_program_header, p_vaddr) == 8, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf32_program_header, p_paddr) == 12, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf32_program_header, p_filesz) == 16, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf32_program_header, p_memsz) == 20, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf32_program_header, p_flags) == 24, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf32_program_header, p_align) == 28, "gABI 5, Program Header");
_Static_assert(sizeof(struct elf64_program_header) == 56, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf64_program_header, p_type) == 0, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf64_program_header, p_flags) == 4, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf64_program_header, p_offset) == 8, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf64_program_header, p_vaddr) == 16, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf64_program_header, p_paddr) == 24, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf64_program_header, p_filesz) == 32, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf64_program_header, p_memsz) == 40, "gABI 5, Program Header");
_Static_assert(offsetof(struct elf64_program_header, p_align) == 48, "gABI 5, Program Header");

/* gABI, chapter 5, "Note Section": name and contents follow */
struct elf_note {
	uint32_t n_namesz, n_descsz, n_type;
};
_Static_assert(sizeof(struct elf_note) == 12, "gABI 5, Note Section");
_Static_assert(offsetof(struct elf_note, n_namesz) == 0, "gABI 5, Note Section");
_Static_assert(offsetof(struct elf_note, n_descsz) == 4, "gABI 5, Note Section");
_Static_assert(offsetof(struct elf_note, n_type) == 8, "gABI 5, Note Section");

/* gABI, chapter 4, "Sections" */
struct elf32_section_header {
	uint32_t sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size;
	uint32_t sh_link, sh_info, sh_addralign, sh_entsize;
};
struct elf64_section_header {
	uint32_t sh_name, sh_type;
	uint64_t sh_flags, sh_addr, sh_offset, sh_size;
	uint32_t sh_link, sh_info;
	uint64_t sh_addralign, sh_entsize;
};
_Static_assert(sizeof(struct elf32_section_header) == 40, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_name) == 0, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_type) == 4, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_flags) == 8, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_addr) == 12, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_offset) == 16, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_size) == 20, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_link) == 24, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_info) == 28, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_addralign) == 32, "gABI 4, Sections");
_Static_assert(offsetof(struct elf32_section_header, sh_entsize) == 36, "gABI 4, Sections");
_Static_assert(sizeof(struct elf64_section_header) == 64, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_name) == 0, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_type) == 4, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_flags) == 8, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_addr) == 16, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_offset) == 24, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_size) == 32, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_link) == 40, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_info) == 44, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_addralign) == 48, "gABI 4, Sections");
_Static_assert(offsetof(struct elf64_section_header, sh_entsize) == 56, "gABI 4, Sections");

/* e_ident: index and values (gABI 4, "ELF Identification") */
#define EI_CLASS 4
#define EI_DATA 5
#define EI_VERSION 6
#define ELFCLASS32 1u
#define ELFCLASS64 2u
#define ELFDATA2LSB 1u
#define EV_CURRENT 1u

#define ET_EXEC 2u
#define ET_DYN 3u
#define ET_CORE 4u
#define EM_386 3u
#define EM_X86_64 62u
#define PT_LOAD 1u
#define PT_INTERP 3u
#define PT_NOTE 4u
#define PF_X 1u
#define PF_W 2u
#define PF_R 4u
#define NT_PRSTATUS 1u
#define SHT_NULL 0u
#define SHT_NOBITS 8u
#define SHF_ALLOC 2u

/* An ELF file whose header is checked and whose program header table lies within the file. */
struct elf_file {
	struct bytes file;
	bool is_64;
	uint32_t program_header_count;
	uint32_t section_header_count;
	uint32_t section_header_size; /* from the header; not checked */
	uint32_t section_names;       /* e_shstrndx */
	const uint8_t *program_headers; /* in the file, or what segue_elf_move() has made of them */
	addr_t section_headers;       /* offset in the file; not checked */
	addr_t entry;                 /* e_entry; ADDRESS_MAX if it is not below 4 GiB */
};

struct elf_section {
	uint32_t type, flags;
	addr_t offset, size;
};

/* Is this an ELF file for a 64-bit CPU? The rest of the file may be broken. */
bool segue_elf_is_64_bit(const struct bytes *file);

/* core: 1 leaves out the check of e_type. With 0 the file must be executable. */
int segue_elf_open(const struct job *job, const struct bytes *file, struct elf_file *elf, uint32_t core);

/* index is below program_header_count. */
const uint8_t *segue_elf_program_header(const struct elf_file *elf, uint32_t index);

/* The fields of a program header from p_offset on: segue_elf_read_words(). */
enum elf_words { ELF_OFFSET, ELF_VADDR, ELF_PADDR, ELF_FILESZ, ELF_MEMSZ, ELF_WORDS };
/* Checks program header index, and adds the segment that words describe: all of it, or a part. */
int segue_elf_add_segment(struct job *job, const struct elf_file *elf, uint32_t index, const addr_t *words);

/* Refuses a file that names an interpreter: it is a program for an operating system. */
int segue_elf_refuse_interpreter(const struct job *job, const struct elf_file *elf);

/* Adds every PT_LOAD at its p_paddr. *entry receives the physical address of e_entry; NULL: e_entry does not matter. */
int segue_elf_load(struct job *job, const struct elf_file *elf, uint32_t *entry);

/* elf_notes.c: reads the words of program header index (enum elf_words); returns its type. */
uint32_t segue_elf_read_program_header(const struct elf_file *elf, uint32_t index, addr_t *words);
/*
 * The first note of this owner and type in `left` bytes of notes. found: its contents, its size as the note says it, and how many
 * bytes are there from contents on, which may be fewer or more.
 */
struct elf_found_note {
	const uint8_t *contents;
	addr_t size, there;
};
bool segue_elf_find_note(const uint8_t *notes, addr_t left, const char *owner, uint32_t type, struct elf_found_note *found);

/* elf_linux.c: has the job's kernel, which is an ELF file, the notes of a Linux? */
bool segue_elf_is_linux(const struct job *job);
/* Passes an ELF file, which is for vmlinux.c or for elf_plain.c, on to the loaders after this one. Refuses it if none of them takes it. */
int segue_elf_pass_on(const struct job *job, bool for_vmlinux);

/*
 * elf_move.c, for kernels that may lie elsewhere. segue_elf_span(): the memory that the segments take, [*low, *high); false if there
 * is none, or a segment does not lie below 4 GiB. segue_elf_move(): segue_elf_load() adds the segments at distance (modulo the
 * address space) from p_paddr.
 */
bool segue_elf_span(const struct elf_file *elf, addr_t *low, addr_t *high);
int segue_elf_move(struct job *job, struct elf_file *elf, uint32_t distance);

/*
 * Has the file section headers, and do their table and all sections outside segments lie within the file? If not, it
 * warns: the sections are for debuggers, and the kernel runs without them.
 */
bool segue_elf_has_sections(const struct job *job, const struct elf_file *elf);

/* Reads the section header at p. */
struct elf_section segue_elf_section(bool is_64, const uint8_t *p);

/* Does the section have bytes that no segment loads? */
bool segue_elf_section_floats(const struct elf_section *section);

void segue_elf_set_section_address(bool is_64, uint8_t *p, uint32_t addr);

#endif
