/* SPDX-License-Identifier: MIT */
/* segue_bios() and segue_physical_call(), and the BIOS's memory map. */
#include "bios/bios.h"
#include "bios/bios_map.h"
#include "leave/known.h"
#include "leave/loaded.h"
#include "leave/processor.h"
#include "machine/hardware.h"
#include "common/memory_functions.h"

#define LOW_LEAST PAGE                /* the vectors and the BIOS data area lie below */
#define VIDEO_START 0xa0000u          /* video memory and ROMs, up to 1 MiB */
#define LOW_END 0x90000u              /* the EBDA is above it */
#define ROOM_LEAST (SEGUE_BIOS_DATA_AT + SEGUE_BIOS_DATA_MAX)
#define PIT_MODE_MOST 5u
#define BIOS_PIT_MODE 3u

static uint32_t low_of(const struct segue_bios_args *args)
{
	return args->low_phys ? args->low_phys : SEGUE_BIOS_LOW;
}

/* A call of segue_bios(), where entry is a vector, or of segue_physical_call(), where it is an offset in the binary. */
struct request {
	const struct segue_bios_args *args;
	uint32_t entry;
	uint32_t known_flags, data_max;
	uint32_t flat;                /* SEGUE_PHYSICAL_32BIT or 0 */
	uint32_t low, low_size;       /* the memory that is exchanged during the call */
	uint32_t room;                /* the same, or ROOM_LEAST if that is more: there must be room for it */
	uint32_t workspace_size;
};

static bool meets(const struct request *request, uint32_t start, uint32_t end)
{
	uint32_t at = (uint32_t)request->args->workspace_phys;

	return at < end && start < at + request->workspace_size;
}

/* True if the workspace overlaps the BIOS's memory or the memory that is exchanged. */
static bool is_the_bios(const struct request *request)
{
	return meets(request, 0, LOW_LEAST) || meets(request, VIDEO_START, ONE_MIB) ||
	       meets(request, request->low, request->low + request->low_size);
}

/* Is low_phys a page with enough RAM above it? The BIOS's check of the end of base memory is in bios_ground.inc. */
static bool is_low(const struct request *request)
{
	uint32_t low = request->low, end = request->flat && low >= ONE_MIB ? ADDRESS_LIMIT : LOW_END;

	return low % PAGE == 0 && low >= LOW_LEAST && low <= end - request->room;
}

static bool is_entry(const struct request *request)
{
	return request->data_max == SEGUE_BIOS_DATA_MAX ||
	       (request->entry < request->args->data_size && (request->flat || request->entry <= UINT16_MAX));
}

/* True if the arguments, the registers, the stack or the data lie in the workspace. stack is an address on the stack. */
static bool lies_in_workspace(const struct request *request, const void *registers, const void *stack)
{
	const struct segue_bios_args *args = request->args;
	const void *const used[] = {args, registers, stack, args->data};

	for (size_t i = 0; i < sizeof used / sizeof used[0]; i++)
		if ((uintptr_t)used[i] - (uintptr_t)args->workspace < request->workspace_size)
			return true;
	return args->data_size && (uintptr_t)args->workspace - (uintptr_t)args->data < args->data_size;
}

/* Refuses with the code, and with the values and limits that it is about, if any. */
static int refuse(const struct request *request, int code)
{
	const struct segue_bios_args *args = request->args;
	const struct log log = {.callback = args->log, .context = args->log_context};
	const char *format = NULL;
	addr_t is = 0, limit = 0;

	switch (code) {
	case SEGUE_E_WORKSPACE_SMALL:
		format = "%z bytes of %z";
		is = args->workspace_size;
		limit = request->workspace_size;
		break;
	case SEGUE_E_BIOS_DATA:
		format = "%z bytes; %z at most";
		is = args->data_size;
		limit = request->data_max;
		break;
	case SEGUE_E_PHYSICAL_ENTRY:
		format = "%x, in %z bytes";
		is = request->entry;
		limit = args->data_size;
		break;
	case SEGUE_E_BIOS_LOW:
		format = "%x to %x";
		is = request->low;
		limit = is + request->room;
		break;
	case SEGUE_E_BIOS_OVERLAP:
		return segue_refuse(&log, code, "%x to %x; the BIOS has 0 to %x, %x to %x, and borrows %x to %x",
				    (addr_t)args->workspace_phys, (addr_t)args->workspace_phys + request->workspace_size,
				    (addr_t)LOW_LEAST, (addr_t)VIDEO_START, (addr_t)ONE_MIB, (addr_t)request->low,
				    (addr_t)request->low + request->low_size);
	}
	return segue_refuse(&log, code, format, is, limit);
}

/* Checks the arguments themselves. */
static int check_args(struct request *request, const void *registers)
{
	const struct segue_bios_args *args = request->args;
	uint64_t linear = (uintptr_t)args->workspace + args->data_base;

	if (args->struct_size != sizeof *args)
		return SEGUE_E_STRUCT_SIZE;
	request->flat = args->flags & SEGUE_PHYSICAL_32BIT;
	request->low = low_of(args);
	request->low_size = SEGUE_BIOS_DATA_AT + (((uint32_t)args->data_size + PAGE - 1) & ~(PAGE - 1));
	request->room = request->low_size < ROOM_LEAST ? ROOM_LEAST : request->low_size;
	request->workspace_size = BIOS_LOW_AT + request->room;
	if (args->flags & ~request->known_flags)
		return SEGUE_E_FLAGS;
	if (!args->workspace || !registers || (!args->data && args->data_size) || args->pit_mode > PIT_MODE_MOST ||
	    (sizeof(uintptr_t) > 4 && (args->code_base || args->data_base)))
		return SEGUE_E_ARGUMENT;
	if (linear % PAGE || args->workspace_phys % PAGE)
		return SEGUE_E_WORKSPACE_ALIGN;
	if (args->data_size > request->data_max)
		return SEGUE_E_BIOS_DATA;
	if (args->workspace_phys > ADDRESS_LIMIT - request->workspace_size)
		return SEGUE_E_WORKSPACE_HIGH;
	if (args->workspace_size < request->workspace_size)
		return SEGUE_E_WORKSPACE_SMALL;
	if (!is_low(request))
		return SEGUE_E_BIOS_LOW;
	if (is_the_bios(request))
		return SEGUE_E_BIOS_OVERLAP;
	if (lies_in_workspace(request, registers, &linear))
		return SEGUE_E_WORKSPACE_USED;
	if (!is_entry(request))
		return SEGUE_E_PHYSICAL_ENTRY;
	return segue_is_parking(args->workspace) ? SEGUE_E_WORKSPACE_PARKED : SEGUE_OK;
}

/* Checks the state of the CPU that calls. */
static int check_here(const struct request *request, const struct gate *gate)
{
	const struct segue_bios_args *args = request->args;
	const struct here here = {
		.code_base = (addr_t)args->code_base, .data_base = (addr_t)args->data_base, .workspace = args->workspace,
		.workspace_phys = (addr_t)args->workspace_phys, .size = request->workspace_size, .gate = *gate};
	int code = segue_ready_here(&here);

	if (code == SEGUE_E_READY_GATE)
		return SEGUE_E_BIOS_GATE;
	return code == SEGUE_OK && segue_cr4() & CR4_VMXE ? SEGUE_E_BIOS_VMX : code;
}

/* What bios_call.asm enters. */
static uint32_t target_of(const struct request *request)
{
	uint32_t data_at = request->low + SEGUE_BIOS_DATA_AT;

	if (request->data_max == SEGUE_BIOS_DATA_MAX)
		return request->entry;
	return request->flat ? data_at + request->entry : data_at / 16 << 16 | request->entry;
}

static struct bios_crossing *prepare(const struct request *request, const struct gate *gate)
{
	const struct segue_bios_args *args = request->args;
	uint8_t *workspace = args->workspace;
	uint32_t phys = (uint32_t)args->workspace_phys;
	struct leave_tables tables = {.page = workspace + BIOS_LEAVE_AT, .phys = phys + BIOS_LEAVE_AT};
	struct bios_crossing *crossing = args->workspace;
	const uint8_t *ground = segue_bios_ground;
	struct leave *leave;

	segue_forget(workspace);
	memset(workspace, 0, BIOS_FPU_AT);
	memcpy(workspace + GROUND_AT, ground, (size_t)(segue_bios_ground_end - segue_bios_ground));
	leave = segue_prepare_gate(&tables, gate, (addr_t)args->code_base, (addr_t)args->data_base);
	leave->purgatory = leave->entry = phys + GROUND_AT;
	leave->serial = (uint16_t)args->serial_port;
	segue_copy_task((uint8_t *)leave + segue_cross_tss_at, (addr_t)args->data_base);
	crossing->crossing.leave = (uintptr_t)leave;
	crossing->target = target_of(request);
	crossing->flat = request->flat;
	crossing->image = phys + BIOS_LOW_AT;
	crossing->low = request->low;
	crossing->low_size = request->low_size;
	crossing->entry = crossing->low + segue_bios_call_put(workspace + BIOS_LOW_AT, crossing->low);
	if (args->data_size)
		memcpy(workspace + BIOS_LOW_AT + SEGUE_BIOS_DATA_AT, args->data, args->data_size);
	return crossing;
}

/* Sets PICs and PIT up as the BIOS expects them. pics receives the host's setup. */
static void lend_devices(const struct segue_bios_args *args, struct pics *pics)
{
	if (args->flags & SEGUE_BIOS_PIC) {
		const struct pics bios = {.vectors = {ICW2_BIOS_1, ICW2_BIOS_2},
					  .masks = {(uint8_t)~args->irqs, (uint8_t)(~args->irqs >> 8)}, .icw4 = ICW4_8086};

		*pics = (struct pics){.vectors = {args->pic_vector[0], args->pic_vector[1]},
				      .icw4 = args->flags & SEGUE_BIOS_PIC_AEOI ? ICW4_8086 | ICW4_AEOI : ICW4_8086};
		segue_read_pic_masks(pics);
		segue_set_pics(&bios);
	}
	if (args->flags & SEGUE_BIOS_PIT)
		segue_set_pit(BIOS_PIT_MODE, 0);
}

static void take_devices(const struct segue_bios_args *args, const struct pics *pics)
{
	if (args->flags & SEGUE_BIOS_PIT)
		segue_set_pit(args->pit_mode, args->pit_reload);
	if (args->flags & SEGUE_BIOS_PIC)
		segue_set_pics(pics);
}

static int cross(struct request *request, struct segue_bios_registers *registers)
{
	const struct segue_bios_args *args = request->args;
	struct gate gate;
	struct bios_crossing *crossing;
	struct kept kept;
	struct pics pics;
	uint8_t *fpu;
	uint32_t cpu;
	int code;

	if (!args)
		return SEGUE_E_ARGUMENT;
	code = check_args(request, registers);
	if (code == SEGUE_E_STRUCT_SIZE)
		return code;
	segue_gate_is(&gate, segue_cross_start, segue_cross_end);
	cpu = segue_cpu_has();
	if (code == SEGUE_OK)
		code = check_here(request, &gate);
	if (code != SEGUE_OK)
		return refuse(request, code);
	crossing = prepare(request, &gate);
	crossing->crossing.cpu = cpu;
	crossing->registers = *registers;
	fpu = (uint8_t *)args->workspace + BIOS_FPU_AT;
	segue_keep(&kept, cpu, fpu);
	lend_devices(args, &pics);
	segue_cross(&crossing->crossing);
	take_devices(args, &pics);
	segue_put_back(&kept, cpu, fpu);
	if (crossing->result != SEGUE_OK)
		return refuse(request, crossing->result);
	*registers = crossing->registers;
	if (args->data_size)
		memcpy(args->data, (uint8_t *)args->workspace + BIOS_LOW_AT + SEGUE_BIOS_DATA_AT, args->data_size);
	return SEGUE_OK;
}

int segue_bios(const struct segue_bios_args *args, uint32_t vector, struct segue_bios_registers *registers)
{
	struct request request = {
		.args = args, .entry = (uint8_t)vector, .known_flags = SEGUE_BIOS_KNOWN_FLAGS, .data_max = SEGUE_BIOS_DATA_MAX};

	return cross(&request, registers);
}

int segue_physical_call(const struct segue_bios_args *args, uint32_t entry, struct segue_bios_registers *registers)
{
	struct request request = {
		.args = args, .entry = entry, .known_flags = SEGUE_BIOS_KNOWN_FLAGS | SEGUE_PHYSICAL_32BIT,
		.data_max = SEGUE_PHYSICAL_DATA_MAX};

	return cross(&request, registers);
}

struct library_map {
	struct bios_map map;
	const struct segue_bios_args *args;
};

static int call(struct bios_map *map, uint32_t vector, struct segue_bios_registers *registers)
{
	return segue_bios(((struct library_map *)(void *)map)->args, vector, registers);
}

int segue_bios_memory_map(const struct segue_bios_args *args, struct segue_range *map, size_t limit, size_t *count)
{
	uint8_t data[BIOS_MAP_DATA];
	struct segue_bios_args own;
	const struct request request = {.args = args};
	struct library_map caller = {.map = {.call = call, .data = data, .ranges = map, .limit = limit}, .args = &own};
	int code;

	if (!args || !count || (!map && limit))
		return SEGUE_E_ARGUMENT;
	if (args->struct_size != sizeof *args)
		return SEGUE_E_STRUCT_SIZE;
	own = *args;
	own.data = data;
	own.data_size = sizeof data;
	caller.map.segment = (uint16_t)((low_of(args) + SEGUE_BIOS_DATA_AT) / 16);
	code = segue_bios_read_map(&caller.map);
	*count = caller.map.count;
	return code == SEGUE_E_BIOS_MAP || code == SEGUE_E_BIOS_MAP_LIMIT ? refuse(&request, code) : code;
}
