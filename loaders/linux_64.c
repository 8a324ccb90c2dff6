/* SPDX-License-Identifier: MIT */
/*
 * Linux by its 64-bit entry (boot.rst, 64-bit Boot Protocol), if the host asks for it, or if only that entry serves: if there is
 * room for the kernel only above 4 GiB, or for the initrd only above initrd_addr_max. Other kernels pass to the 32-bit entry
 * (linux.c).
 *
 * The kernel goes where the 32-bit entry would have it, if it, the zero page and the tables have room below 4 GiB. If not, it goes to
 * the lowest aligned free address above, with the zero page and the command line after it. The header must allow that: it has
 * relocatable_kernel, and bit 1 of xloadflags. The page tables and the GDT stay below in any case.
 */
#include "common/bytes.h"
#include "container/magic.h"
#include "linux.h"
#include "long_tables.h"

#define XLF_CAN_BE_LOADED_ABOVE_4G 0x02u
#define ENTRY_64 0x200u               /* boot.rst: from the start of the loaded code */

/* Places all that the kernel gets. entry: of the 64-bit entry; NULL: no tables. */
static int place_all(struct job *job, struct linux_kernel *k, struct long_entry *entry)
{
	struct range high[2];
	size_t count = 0, first = job->segment_count;
	int error;

	if ((error = segue_linux_place_kernel(job, k)) != SEGUE_OK)
		return error;
	if ((error = segue_linux_pass(job, k)) != SEGUE_OK)
		return error;
	if (is_high(k->load)) {
		/* The kernel's segment has had the room for the zero page until here, so that the initrd is not there. */
		struct segment *kernel = &job->segments[first];

		high[count++] = (struct range){k->load, k->load + kernel->size};
		kernel->size -= k->room_above;
		k->page = k->load + kernel->size;
	}
	if (is_high(k->initrd))
		high[count++] = (struct range){k->initrd, k->initrd + k->initrd_size};
	if (count == 2 && high[0].start > high[1].start) {
		struct range lower = high[1];

		high[1] = high[0];
		high[0] = lower;
	}
	if (entry && (error = segue_add_long_tables(job, high, count, is_high(k->load), entry)) != SEGUE_OK)
		return error;
	return segue_linux_tell(job, k);
}

#if ADDRESS_MAX > UINT32_MAX
enum way {
	BY_32,                        /* as by the 32-bit entry */
	BELOW,                        /* the kernel below 4 GiB; its initrd may lie above */
	ABOVE                         /* all of it above */
};

static bool takes_high(const struct linux_kernel *k)
{
	return *LINUX_HEADER_AT(k, xloadflags) & XLF_CAN_BE_LOADED_ABOVE_4G;
}

static void go(struct job *job, struct linux_kernel *k, enum way way)
{
	k->high = way == ABOVE || (way == BELOW && takes_high(k));
	if (k->high)
		segue_find_high_ram(job);
	if (way == ABOVE)
		k->room_above = segue_linux_room(job);
}

struct trial {
	struct job job;
	struct linux_kernel kernel;
	struct long_entry entry;
};

/*
 * In copies of the job and of the kernel, which are in the arena because they are too large for the stack. What is taken of it is taken
 * again later. Returns SEGUE_E_LINUX_PLACE if the kernel has no room, and SEGUE_E_NO_PLACE if something else has none.
 */
static int try_to_place(const struct job *job, const struct linux_kernel *k, enum way way)
{
	struct log silent = {0};
	struct arena arena = job->arena;
	struct trial *trial;
	int error;

	arena.log = &silent;
	trial = segue_arena_take(&arena, sizeof *trial, sizeof(uint64_t));
	if (!trial)
		return SEGUE_E_WORKSPACE_SMALL;
	trial->job = *job;
	trial->job.log = silent;
	trial->job.arena = arena;
	trial->kernel = *k;
	go(&trial->job, &trial->kernel, way);
	error = place_all(&trial->job, &trial->kernel, way == BY_32 ? NULL : &trial->entry);
	return error == SEGUE_E_LINUX_INITRD || error == SEGUE_E_TOO_LARGE || error == SEGUE_E_NO_PLACE ? SEGUE_E_NO_PLACE : error;
}

/* Sets what go() sets. Returns LOADER_PASSES if the host has not asked for this entry, and it is not needed or does not help. */
static int choose(struct job *job, struct linux_kernel *k, bool asked)
{
	enum way way = BELOW;
	int error;

	if (!asked && (!takes_high(k) || try_to_place(job, k, BY_32) == SEGUE_OK))
		return LOADER_PASSES;
	segue_linux_find_memory_end(job, k);
	error = try_to_place(job, k, BELOW);
	if (error == SEGUE_E_LINUX_PLACE || error == SEGUE_E_NO_PLACE) {
		int above = try_to_place(job, k, ABOVE);
		bool has_place = error == SEGUE_E_NO_PLACE;

		if (asked && !takes_high(k) && above == SEGUE_OK && !has_place)
			return segue_refuse(&job->log, error, "below 4 GiB, and it cannot lie above: bit 1 of its xloadflags is 0");
		/* A kernel without a place in all RAM goes there too, so that its refusal tells of all RAM. */
		if (takes_high(k) && (above == SEGUE_OK || !has_place)) {
			way = ABOVE;
			error = above;
		}
	}
	if (!asked && error != SEGUE_OK)
		return LOADER_PASSES;
	go(job, k, way);
	return SEGUE_OK;
}
#else
#define choose(job, kernel, asked) ((asked) ? SEGUE_OK : LOADER_PASSES)
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
	if ((error = choose(job, &k, asked)) != SEGUE_OK)
		return error == LOADER_PASSES ? pass(job, &k) : error;
	entry = segue_arena_take(&job->arena, sizeof *entry, sizeof(uint64_t));
	if (!entry)
		return SEGUE_E_WORKSPACE_SMALL;
	if ((error = place_all(job, &k, entry)) != SEGUE_OK)
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
#if ADDRESS_MAX > UINT32_MAX
	.takes_high = true,
#endif
	.protocol = "Linux", .recognise = segue_is_linux, .load = load, .family = FAMILY_LINUX,
};
