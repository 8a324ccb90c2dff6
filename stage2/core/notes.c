/* SPDX-License-Identifier: MIT */
/* The notes of the host's core: segue_core.h. */
#include "core/core.h"
#include "common/memory_functions.h"
#include "core/slots.h"
#include "machine/hardware.h"
#include "return/caller.h"
#include "return/return_page.h"

/* Those that have the library's width. */
#define IS_64 (sizeof(uintptr_t) > 4)

void segue_core_write_notes(const struct job *job)
{
	uint8_t *notes = job->workspace + job->core_notes;
	struct segue_core_host host = {
		.size = sizeof host, .version = SEGUE_VERSION, .width = IS_64 ? 64 : 32,
		.workspace = job->workspace_phys, .workspace_size = job->args->workspace_size,
	};
	struct core_status status = {.pid = 1};

	if (job->return_page) {
		host.flags = SEGUE_CORE_RESTORES;
		host.restore_entry = (uint32_t)job->return_page + RETURN_RESTORE_AT;
		host.return_entry = (uint32_t)job->return_page + RETURN_ENTRY_AT;
	}
	segue_core_put_note(notes, SEGUE_CORE_NAME, sizeof SEGUE_CORE_NAME, SEGUE_CORE_HOST, &host, sizeof host);
	if (job->core_cpus == 0)
		segue_core_put_note(notes + HOST_SIZE, CORE_NAME, sizeof CORE_NAME, NT_PRSTATUS, &status, sizeof status);
}

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

#define READ(register, to) __asm__ volatile("mov %%" register ", %0" : "=r"(to))

static void note_control(struct segue_core_host *host, uint32_t cpu)
{
	uintptr_t value;

	READ("cr0", value);
	host->cr0 = value;
	READ("cr3", value);
	host->cr3 = value;
	if (cpu & CPU_CR4) {
		READ("cr4", value);
		host->cr4 = value;
	}
	if (cpu & CPU_EFER)
		host->efer = read_msr(MSR_EFER);
}

static void note_registers(core_word *to, const struct caller *caller)
{
	to[CORE_IP] = caller->ip;
	to[CORE_SP] = (uintptr_t)(&caller->ip + 1);
	to[CORE_FLAGS] = caller->flags;
	to[CORE_BP] = caller->bp;
	to[CORE_BX] = caller->bx;
	READ("cs", to[CORE_CS]);
	READ("ss", to[CORE_SS]);
	READ("ds", to[CORE_DS]);
	READ("es", to[CORE_ES]);
	READ("fs", to[CORE_FS]);
	READ("gs", to[CORE_GS]);
#ifdef __x86_64__
	to[CORE_R12] = caller->r12;
	to[CORE_R13] = caller->r13;
	to[CORE_R14] = caller->r14;
	to[CORE_R15] = caller->r15;
	to[CORE_FS_BASE] = read_msr(MSR_FS_BASE);
	to[CORE_GS_BASE] = read_msr(MSR_GS_BASE);
#else
	to[CORE_SI] = caller->si;
	to[CORE_DI] = caller->di;
#endif
	/* Not in a system call. */
	to[CORE_ORIG_AX] = (core_word)-1;
}

void segue_core_note_caller(const struct job *job, const struct caller *caller, uint32_t cpu)
{
	uint8_t *notes = job->workspace + job->core_notes;
	struct segue_core_host host;
	struct core_status status;

	memcpy(&host, notes + HOST_AT, sizeof host);
	memcpy(&status, notes + HOST_SIZE + STATUS_AT, sizeof status);
	note_control(&host, cpu);
	note_registers(status.registers, caller);
	memcpy(notes + HOST_AT, &host, sizeof host);
	memcpy(notes + HOST_SIZE + STATUS_AT, &status, sizeof status);
}
