/* SPDX-License-Identifier: MIT */
/* segue_call(): there and back. */
#include "common/log.h"
#include "common/memory_functions.h"
#include "common/placement.h"
#include "leave/known.h"
#include "leave/loaded.h"
#include "leave/processor.h"
#include "machine/hardware.h"
#include "return/call_state.h"
#include "return/caller.h"
#include "return/registers.h"

#define PIT_MODE_MOST 5u
#define SELECTOR_CODE 0x08u           /* in purgatory's GDT */
#define SELECTOR_DATA 0x10u
/* What is as at the first entry. Later ones are in protected mode, and the bytes are not the digest's any more. */
#define KEPT_FLAGS (PURGATORY_HIGH | PURGATORY_PARKED | PURGATORY_INIT_CPUS | PURGATORY_CPUS | PURGATORY_BOOT_CPU_ONLY)
enum { EAX, EBX, ECX, EDX, ESI, EDI, EBP, ESP, EIP }; /* params.registers */

/* Is this address in the target's memory? */
static bool is_targets(const struct loaded *loaded, uint32_t address)
{
	return address < ADDRESS_LIMIT && segue_is_ram(&loaded->job, address, address + 1);
}

static int refuse_over(const struct log *log, const struct return_page *page)
{
	if (page->result != SEGUE_OK)
		return segue_refuse(log, SEGUE_E_CALL_OVER, page->result == SEGUE_E_DIGEST ? "its digest was wrong" :
				    "it was left behind when the host was restored");
	return segue_refuse(log, SEGUE_E_CALL_OVER, "it came back with ESP %x and the return address %x, which are not both in its memory",
			    (addr_t)page->esp, (addr_t)page->eip);
}

static int check_here(const struct loaded *loaded)
{
	struct here here = {.code_base = loaded->code_base, .data_base = loaded->data_base, .workspace = loaded->workspace,
			    .workspace_phys = loaded->workspace_phys, .size = loaded->workspace_size};
	int code;

	if (segue_cr4() & CR4_VMXE)
		return SEGUE_E_CALL_VMX;
	segue_gate_is(&here.gate, segue_cross_start, segue_cross_end);
	code = segue_ready_here(&here);
	return code == SEGUE_E_READY_GATE ? SEGUE_E_CALL_GATE : code;
}

/* As segue_exec() does: a CPU that parks may use purgatory's stack. Without the lock after LOCK_PATIENCE tries. */
static void take_lock(uint32_t *lock)
{
	for (uint32_t patience = LOCK_PATIENCE; patience > 0 && __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE); patience--)
		__asm__ volatile("pause");
}

/* Sets purgatory's parameters for the way to the target. */
static void aim(struct purgatory_params *params, struct call_state *state, struct return_page *page, uint32_t word)
{
	page->block.word = word;
	page->block.entries = ++state->entries;
	page->result = SEGUE_OK;
	state->leave_pointer = *(const uintptr_t *)(const void *)((const uint8_t *)params - PURGATORY_PARAMS_AT + LEAVE_POINTER_AT);
	if (state->entries == 1) {
		state->flags = params->flags & KEPT_FLAGS;
		state->quiet = params->quiet;
	} else {
		params->registers[EAX] = word;
	}
}

/*
 * What purgatory has wiped or used for itself is as segue_load() has left it, so that CPUs can park again. The next crossing,
 * by segue_exec() too, goes on where the target has left.
 */
static void restore_marks(struct loaded *loaded, struct purgatory_params *params, const struct call_state *state,
			  const struct return_page *page)
{
	uint8_t *workspace = (uint8_t *)loaded - LOADED_AT;

	loaded->over = page->result != SEGUE_OK || !is_targets(loaded, page->esp) || !is_targets(loaded, page->eip);
	params->flags = state->flags;
	/* Real mode has its own selectors there, and a target comes back, and is entered again, in protected mode. */
	if (segue_is_real_mode(&loaded->job.entry)) {
		params->code_selector = SELECTOR_CODE;
		params->data_selector = SELECTOR_DATA;
	}
	params->quiet = state->quiet;
	params->list = page->exchanges;
	params->registers[EBP] = page->ebp;
	params->registers[ESP] = page->esp + 4; /* the call's return address is taken */
	params->registers[EIP] = page->eip;
	params->magic = PURGATORY_MAGIC;
	loaded->magic = LOADED_MAGIC;
	memset(workspace + PARKING_AT, 0, PURGATORY_PAGE);
	*(uintptr_t *)(void *)(workspace + LEAVE_POINTER_AT) = state->leave_pointer;
	loaded->head_sum = segue_loaded_head_sum(loaded);
	loaded->sum = segue_loaded_sum(loaded);
}

static void restore_devices(const struct segue_call_args *args, struct pics *pics)
{
	if (args->flags & SEGUE_CALL_PIT)
		segue_set_pit(args->pit_mode, args->pit_reload);
	if (args->flags & SEGUE_CALL_PIC) {
		pics->vectors[0] = args->pic_vector[0];
		pics->vectors[1] = args->pic_vector[1];
		pics->icw4 = args->flags & SEGUE_CALL_PIC_AEOI ? ICW4_8086 | ICW4_AEOI : ICW4_8086;
		segue_set_pics(pics);
	} else {
		segue_write_pic_masks(pics);
	}
}

/* With interrupts off, so that this CPU, its TSS and what segue_ready() has seen stay the same up to the gate. */
static int call(const struct caller *caller)
{
	struct segue_call_args *args = caller->args;
	const struct log log = {.callback = args->log, .context = args->log_context};
	struct loaded *loaded;
	struct purgatory_params *params;
	struct return_page *page;
	struct call_state *state;
	struct crossing *crossing;
	struct registers registers;
	struct kept kept;
	struct pics pics;
	uint8_t *area;
	uint32_t lost;
	int code;

	code = args->flags & ~SEGUE_CALL_KNOWN_FLAGS ? SEGUE_E_FLAGS : args->pit_mode > PIT_MODE_MOST ? SEGUE_E_ARGUMENT : SEGUE_OK;
	if (code == SEGUE_OK)
		code = segue_ready(args->workspace, NULL);
	if (code != SEGUE_OK && code != SEGUE_E_CALL_OVER)
		return segue_refuse(&log, code, NULL);
	loaded = (struct loaded *)(void *)((uint8_t *)args->workspace + LOADED_AT);
	if (!loaded->job.return_page)
		return segue_refuse(&log, SEGUE_E_CALL_RETURN, NULL);
	area = (uint8_t *)args->workspace + (loaded->job.return_page - loaded->workspace_phys);
	params = (struct purgatory_params *)(void *)((uint8_t *)args->workspace + PURGATORY_PARAMS_AT);
	page = (struct return_page *)(void *)area;
	crossing = (struct crossing *)(void *)(area + RETURN_CROSSING_AT);
	state = (struct call_state *)(void *)(area + RETURN_STATE_AT);
	if (code == SEGUE_E_CALL_OVER)
		return refuse_over(&log, page);
	if ((code = check_here(loaded)) != SEGUE_OK)
		return segue_refuse(&log, code, NULL);

	take_lock(&((struct parking *)(void *)((uint8_t *)args->workspace + PARKING_AT))->lock);
	aim(params, state, page, args->word);
	crossing->cpu = segue_cpu_has();
	segue_copy_task(area + RETURN_LEAVE_AT + (page->leave & (PAGE - 1)) + segue_cross_tss_at, loaded->data_base);
	segue_keep(&kept, crossing->cpu, area + RETURN_FPU_AT);
	segue_keep_registers(&registers, crossing->cpu);
	segue_read_pic_masks(&pics);
	if (loaded->job.note_caller)
		loaded->job.note_caller(&loaded->job, caller, crossing->cpu);
	segue_cross(crossing);
	/* A target that is entered by segue_exec() has nobody to come back to. */
	crossing->ascend = 0;
	restore_devices(args, &pics);
	segue_put_back_registers(&registers, crossing->cpu);
	segue_put_back(&kept, crossing->cpu, area + RETURN_FPU_AT);

	lost = ((const struct purgatory_kept *)(const void *)(area + RETURN_KEPT_AT))->lost;
	code = page->result;
	if (code == SEGUE_OK)
		args->word = page->word;
	/* Last: until then a handler that calls, too, is refused. Its call would change what is read above. */
	restore_marks(loaded, params, state, page);

	if (lost)
		segue_say(&log, SEGUE_LOG_WARNING, "%u parts of the devices' state are lost", lost);
	return code == SEGUE_OK || code == SEGUE_RESTORED ? code : segue_refuse(&log, code, NULL);
}

SEGUE_REGISTER_CALL int segue_call_from(const struct caller *caller)
{
	int code;

	if (!caller->args)
		return SEGUE_E_ARGUMENT;
	if (caller->args->struct_size != sizeof *caller->args)
		return SEGUE_E_STRUCT_SIZE;
	__asm__ volatile("cli" : : : "memory");
	code = call(caller);
	segue_set_flags(caller->flags);
	return code;
}
