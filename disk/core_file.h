/* SPDX-License-Identifier: MIT */
/*
 * Reads an ELF core: of a host of Segue (segue_core.h) as Linux's /proc/vmcore or another target has saved it, or of another
 * machine. Only headers and notes are in memory. The rest is read where it is needed, since a core may be larger than memory.
 */
#ifndef SEGUE_CORE_FILE_H
#define SEGUE_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "segue_core.h"

/* gABI, chapters 4 and 5 */
#define ET_CORE 4u
#define EM_386 3u
#define EM_X86_64 62u
#define PT_LOAD 1u
#define PT_NOTE 4u
/* e_phnum of a file whose section header 0 has the number of program headers, in sh_info */
#define PN_XNUM 0xffffu

/* virt of a range that the host maps nowhere */
#define CORE_NOWHERE UINT64_MAX
/* More ranges than this are refused. */
#define CORE_RANGES_MAX (1u << 20)

struct core_range {
	uint64_t virt, phys, size;    /* phys + size does not wrap; virt + size - 1 does not, unless virt is CORE_NOWHERE */
	uint64_t offset;              /* in the file */
};
struct core_list {
	struct core_range *at;
	size_t count, room;
};

/* NT_PRSTATUS, the registers of a CPU (Linux, include/uapi/linux/elfcore.h and arch/x86/include/asm/elf.h) */
struct core_cpu {
	const uint8_t *desc;
	bool is_64;
};
#define CORE_CPUS_MAX 8192u
#define PRSTATUS_SIZE_32 144u
#define PRSTATUS_SIZE_64 336u
#define PRSTATUS_PID_32 24u
#define PRSTATUS_PID_64 32u
#define PRSTATUS_REGISTERS_32 72u
#define PRSTATUS_REGISTERS_64 112u
uint32_t core_cpu_pid(const struct core_cpu *cpu);
/* The word of this index among the registers (Linux, struct user_regs_struct). */
uint64_t core_cpu_register(const struct core_cpu *cpu, unsigned index);
#define CORE_STACK_POINTER_32 15u
#define CORE_STACK_POINTER_64 19u

struct core_note {
	const uint8_t *name, *desc;
	size_t name_size, desc_size;  /* name_size is without zeros at its end */
	uint32_t type;
	const struct core_cpu *cpu;   /* NULL: the note is of something else */
};

#define CORE_SENTENCE 200u
#define CORE_DAMAGES 16u

struct core {
	/* Set by the caller */
	const char *path;
	/* Reads size bytes at offset, which are inside of file_size. False: errno says why. */
	bool (*read)(const struct core *core, uint64_t offset, void *to, size_t size);
	const void *data;             /* for read() */
	int file;
	uint64_t file_size;

	bool is_64;                   /* the file's class, which says nothing of the host */
	unsigned machine;
	unsigned width;               /* of the host: 32 or 64 */
	struct core_list segments;    /* PT_LOADs, as far as the file has them, in its order */
	struct core_list memory;      /* the same by physical address, disjoint; virt is unused */
	bool has_conflict;            /* two PT_LOADs have different bytes for one address: the file is not of a machine's memory */
	uint64_t left_out;            /* bytes of PT_LOADs that the file is not meant to have: p_memsz less p_filesz */
	uint8_t *note_bytes;
	struct core_note *notes;
	size_t note_count;
	struct core_cpu *cpus;
	size_t cpu_count;
	bool has_host;
	struct segue_core_host host;

	char refusal[CORE_SENTENCE];
	/* What is broken or missing, if the file can be read nevertheless. damage_count may be larger than CORE_DAMAGES. */
	char damages[CORE_DAMAGES][CORE_SENTENCE];
	size_t damage_count;
};

/* Reads headers and notes. False: core->refusal is a sentence. To be freed in both cases. */
bool core_open(struct core *core);
void core_free(struct core *core);

/* Reads physical memory. False: the core does not have all of it, or (errno is not 0) the file cannot be read. */
bool core_read(const struct core *core, uint64_t phys, void *to, size_t size);
/* The first range of a list by physical address, disjoint, that ends above phys; its index, or the count. */
size_t core_find(const struct core_list *list, uint64_t phys);

/* Why the host cannot be restored from this file; NULL if nothing is against it. */
const char *core_why_not_restored(const struct core *core);

/* Adds a sentence to core->damages. */
void core_damaged(struct core *core, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes core->note_bytes apart. */
void core_take_notes(struct core *core, size_t size);

/* False: the list has CORE_RANGES_MAX ranges. */
bool core_add(struct core_list *list, struct core_range range);
/* Adds a range that may go on where the last one ends. If by_offset, its place in the file must go on too. */
bool core_add_merged(struct core_list *list, struct core_range range, bool by_offset);
/* Sorts by physical address. */
void core_sort(struct core_list *list);
void core_list_free(struct core_list *list);

#endif
