/* SPDX-License-Identifier: MIT */
/*
 * Linux by its 64-bit entry (boot.rst, 64-bit Boot Protocol), if the host asks for it, or if there is room for the initrd only
 * where the 32-bit entry does not take one: above initrd_addr_max or 4 GiB. Other kernels pass to the 32-bit entry (linux.c).
 */
#include "common/bytes.h"
#include "container/magic.h"
#include "linux.h"
#include "long_tables.h"

#define XLF_CAN_BE_LOADED_ABOVE_4G 0x02u
#define ENTRY_64 0x200u               /* boot.rst: from the start of the loaded code */

#if ADDRESS_MAX > UINT32_MAX
static bool takes_high(const struct linux_kernel *k)
{
	return *LINUX_HEADER_AT(k, xloadflags) & XLF_CAN_BE_LOADED_ABOVE_4G;
}

/* Places kernel and initrd in copies of the job and of the kernel. What that takes of the arena is taken again later. */
static int try_to_place(const struct job *job, const struct linux_kernel *k, bool high)
{
	struct job trial = *job;
	struct linux_kernel kernel = *k;
	int error;

	trial.log = (struct log){0};
	trial.arena.log = &trial.log;
	kernel.high = high;
	if (high)
		segue_find_high_ram(&trial);
	if ((error = segue_linux_place_kernel(&trial, &kernel)) == SEGUE_OK)
		error = segue_linux_pass(&trial, &kernel);
	return error;
}

static bool serves_alone(const struct job *job, const struct linux_kernel *k)
{
	int low;

	if (!takes_high(k))
		return false;
	low = try_to_place(job, k, false);
	return (low == SEGUE_E_LINUX_INITRD || low == SEGUE_E_TOO_LARGE) && try_to_place(job, k, true) == SEGUE_OK;
}
#else
#define serves_alone(job, kernel) false
#endif

static int refuse(const struct job *job, const struct linux_kernel *k)
{
	if (k->real_mode)
		return segue_refuse(&job->log, SEGUE_E_LINUX_64, "it is to start in its 16-bit code");
	if (!job->is_64_bit)
		return segue_refuse(&job->log, SEGUE_E_LINUX_64, "boot protocol 2.%s%u, 32-bit", LINUX_MINOR(k));
	return segue_refuse(&job->log, SEGUE_E_LINUX_64, "its code of %z bytes ends before it", (addr_t)k->code.size);
}

/* The 16-bit entry's loader says itself that it is not this kernel's. */
static int pass(const struct job *job, const struct linux_kernel *k)
{
	bool another = !job->next || (*job->next && (*job->next)->family == FAMILY_LINUX);

	return k->real_mode || another ? LOADER_PASSES : segue_refuse_unlinked(&job->log, "Linux kernel", "loader_linux");
}

static int load(struct job *job)
{
	bool asked = job->args->flags & SEGUE_LOAD_LINUX_64;
	struct linux_kernel k = {0};
	struct long_entry *entry;
	int error;

	if ((error = segue_linux_open(job, &k)) != SEGUE_OK)
		return error;
	if (k.real_mode || !job->is_64_bit || k.code.size <= ENTRY_64)
		return asked ? refuse(job, &k) : pass(job, &k);
	if (!asked && !serves_alone(job, &k))
		return pass(job, &k);
#if ADDRESS_MAX > UINT32_MAX
	k.high = takes_high(&k);
	if (k.high)
		segue_find_high_ram(job);
#endif
	entry = segue_arena_take(&job->arena, sizeof *entry, sizeof(uint64_t));
	if (!entry)
		return SEGUE_E_WORKSPACE_SMALL;
	if ((error = segue_linux_place_kernel(job, &k)) != SEGUE_OK)
		return error;
	if ((error = segue_linux_pass(job, &k)) != SEGUE_OK)
		return error;
	if (is_high(k.initrd))
		error = segue_add_long_tables(job, k.initrd, k.initrd + k.initrd_size, entry);
	else
		error = segue_add_long_tables(job, 0, 0, entry);
	if (error != SEGUE_OK)
		return error;
	if ((error = segue_linux_tell(job, &k)) != SEGUE_OK)
		return error;
	segue_linux_enter_64(job, &k, entry, k.load + ENTRY_64);
	if ((error = segue_linux_end(job, &k)) == SEGUE_OK)
		segue_say(&job->log, SEGUE_LOG_INFO, "by its 64-bit entry");
	return error;
}

_Static_assert(SEGUE_E_LINUX_64 == 0x78, "meanings");
const struct segue_loader segue_loader_linux64 = {
#if SEGUE_SENTENCES
	.meanings = "\x78" "no 64-bit entry\0",
#endif
	.protocol = "Linux", .recognise = segue_is_linux, .load = load, .family = FAMILY_LINUX,
};
