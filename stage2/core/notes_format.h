/* SPDX-License-Identifier: MIT */
/*
 * The contents of NT_PRSTATUS as Linux and gdb have it: struct elf_prstatus (Linux, include/linux/elfcore.h) around the registers
 * of the width (arch/x86/include/asm/user_64.h and user_32.h: struct user_regs_struct).
 */
#ifndef SEGUE_NOTES_FORMAT_H
#define SEGUE_NOTES_FORMAT_H

#include "elf.h"

#define CORE_NAME "CORE"

/* Name and contents begin on multiples of 4 bytes, as Linux and gdb have it for ELF64 too (gABI 5, "Note Section"). */
#define ALIGN_4(size) (((size) + 3u) & ~3u)
#define STATUS_AT (sizeof(struct elf_note) + ALIGN_4(sizeof CORE_NAME))
#define STATUS_SIZE ((uint32_t)(STATUS_AT + ALIGN_4(sizeof(struct core_status))))

#if UINTPTR_MAX > UINT32_MAX
typedef uint64_t core_word;
enum {
	CORE_R15, CORE_R14, CORE_R13, CORE_R12, CORE_BP, CORE_BX, CORE_R11, CORE_R10, CORE_R9, CORE_R8, CORE_AX, CORE_CX, CORE_DX,
	CORE_SI, CORE_DI, CORE_ORIG_AX, CORE_IP, CORE_CS, CORE_FLAGS, CORE_SP, CORE_SS, CORE_FS_BASE, CORE_GS_BASE, CORE_DS, CORE_ES,
	CORE_FS, CORE_GS, CORE_REGISTERS
};
#else
typedef uint32_t core_word;
enum {
	CORE_BX, CORE_CX, CORE_DX, CORE_SI, CORE_DI, CORE_BP, CORE_AX, CORE_DS, CORE_ES, CORE_FS, CORE_GS, CORE_ORIG_AX, CORE_IP, CORE_CS,
	CORE_FLAGS, CORE_SP, CORE_SS, CORE_REGISTERS
};
#endif

struct core_status {
	uint32_t signal[3];
	uint16_t current_signal;
	core_word pending, held;
	uint32_t pid, parent, group, session;
	core_word times[8];           /* four of two words */
	core_word registers[CORE_REGISTERS];
	uint32_t fpu_valid;
};
#if UINTPTR_MAX > UINT32_MAX
_Static_assert(sizeof(struct core_status) == 336, "struct elf_prstatus, 64 bits");
_Static_assert(offsetof(struct core_status, current_signal) == 12, "struct elf_prstatus, 64 bits");
_Static_assert(offsetof(struct core_status, pending) == 16, "struct elf_prstatus, 64 bits");
_Static_assert(offsetof(struct core_status, held) == 24, "struct elf_prstatus, 64 bits");
_Static_assert(offsetof(struct core_status, pid) == 32, "struct elf_prstatus, 64 bits");
_Static_assert(offsetof(struct core_status, times) == 48, "struct elf_prstatus, 64 bits");
_Static_assert(offsetof(struct core_status, registers) == 112, "struct elf_prstatus, 64 bits");
_Static_assert(offsetof(struct core_status, fpu_valid) == 328, "struct elf_prstatus, 64 bits");
#else
_Static_assert(sizeof(struct core_status) == 144, "struct elf_prstatus, 32 bits");
_Static_assert(offsetof(struct core_status, current_signal) == 12, "struct elf_prstatus, 32 bits");
_Static_assert(offsetof(struct core_status, pending) == 16, "struct elf_prstatus, 32 bits");
_Static_assert(offsetof(struct core_status, held) == 20, "struct elf_prstatus, 32 bits");
_Static_assert(offsetof(struct core_status, pid) == 24, "struct elf_prstatus, 32 bits");
_Static_assert(offsetof(struct core_status, times) == 40, "struct elf_prstatus, 32 bits");
_Static_assert(offsetof(struct core_status, registers) == 72, "struct elf_prstatus, 32 bits");
_Static_assert(offsetof(struct core_status, fpu_valid) == 140, "struct elf_prstatus, 32 bits");
#endif

void segue_core_put_note(uint8_t *at, const char *name, uint32_t name_size, uint32_t type, const void *contents, uint32_t size);

#endif
