/* SPDX-License-Identifier: MIT */
/* The boot stage: lays out memory by the command line, and enters the kernel in its mode. */
#include "host.h"
#include "machine.h"
#include "paging.h"

/* Multiboot 0.6.96, 3.3 */
#define MULTIBOOT_BOOTED 0x2badb002u
struct multiboot {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
};
_Static_assert(offsetof(struct multiboot, mmap_addr) == 48, "Multiboot 0.6.96, 3.3");
struct multiboot_module {
	uint32_t start, end, string, reserved;
};
struct multiboot_range {
	uint32_t size, addr_low, addr_high, length_low, length_high, type;
};

/* boot.asm: struc entering */
struct entering {
	uint32_t cr3, cr4, efer, paging, code_base, data_base;
	uint64_t entry;
};
_Static_assert(offsetof(struct entering, entry) == 24, "boot.asm");

extern uint8_t boot_kernel[];
void enter_kernel(struct entering *entering);
extern const uint8_t trampoline[], trampoline_end[];
extern volatile uint32_t other_cpus, other_cpus_go;
extern struct entering *other_cpus_entering;
void boot_main(uint32_t magic, const struct multiboot *info);

#define TABLE_PAGES 1024u
#define APIC_PHYS 0xfee00000u
#define IO_APIC_PHYS 0xfec00000u
#define HPET_PHYS 0xfed00000u
#define VGA_PHYS 0xa0000u
#define CPUS 4u                       /* stacks.inc: OTHER_CPUS + 1 */
#define STAGE_START 0x100000u
/* an odd stride visits every page of a range with which it shares no factor */
#define STRIDE 7919u

static struct handover handover;
static uint8_t *image;                /* the kernel */
static uint32_t kernel_phys;
static struct tables tables;
static bool wide;                     /* the kernel is x86_64 */
static uint64_t top;                  /* RAM from here on is taken */
static uint64_t low;                  /* RAM from 1 MiB to here is taken */
static uint64_t next_page, pages_end; /* of the tables */
static uint64_t next_view;            /* next unmapped linear address */
static uint64_t high_next, high_end;  /* free RAM above HIGH_START */

uint64_t take_pages(uint64_t count)
{
	uint64_t at = next_page;

	next_page += count * PAGE;
	if (next_page > pages_end) {
		say("host: no room for page tables\n");
		stop();
	}
	return at;
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static uint64_t page_of(uint64_t address)
{
	return address & ~(uint64_t)(PAGE - 1);
}

static uint64_t take(uint64_t size, uint64_t align)
{
	top = (top - size) & ~(align - 1);
	if (top < low) {
		say("host: out of RAM\n");
		stop();
	}
	return top;
}

static void copy_line(char *to, const char *from, size_t limit)
{
	size_t i = 0;

	for (; from[i] && i < limit - 1; i++)
		to[i] = from[i];
	to[i] = 0;
}

/* Converts a linear address to an offset in the host's data segment. */
static uint64_t offset_of(uint64_t linear)
{
	uint64_t offset = linear - handover.data_base;

	return wide ? offset : offset & 0xffffffff;
}

static bool identity(void)
{
	return handover.mode == MODE_FLAT || (!wide && handover.base == 0);
}

/* Maps physical memory for the kernel, readable and writable. Returns its offset. */
static uint64_t place(uint64_t physical, uint64_t size, uint64_t flags)
{
	uint64_t unit = handover.mode == MODE_4M ? large_page(&tables) : PAGE;
	uint64_t linear = identity() ? physical : next_view + (physical & (large_page(&tables) - 1));
	uint64_t start = physical & ~(unit - 1);

	if (handover.mode == MODE_FLAT)
		return offset_of(physical);
	if (!identity())
		next_view = round_up(linear + size + PAGE, large_page(&tables));
	map(&tables, linear - (physical - start), start, round_up(physical + size, unit) - start,
	    ENTRY_WRITE | ENTRY_NO_EXECUTE | flags, true);
	return offset_of(linear);
}

static void read_map(const struct multiboot *info)
{
	uint32_t at = info->mmap_addr;

	while (at < info->mmap_addr + info->mmap_length && handover.map_count < HOST_RANGES) {
		const struct multiboot_range *from = (const struct multiboot_range *)at;
		struct segue_range *to = &handover.map[handover.map_count++];

		to->start = from->addr_low + ((uint64_t)from->addr_high << 32);
		to->end = to->start + from->length_low + ((uint64_t)from->length_high << 32);
		to->type = from->type;
		if (to->type == SEGUE_MEMORY_RAM && to->start <= STAGE_START && STAGE_START < to->end)
			top = to->end < 0xfee00000 ? to->end : 0xfee00000;
		if (to->type == SEGUE_MEMORY_RAM && to->start == HIGH_START)
			high_end = to->end;
		at += from->size + 4;
	}
	top &= ~(uint64_t)(PAGE - 1);
	handover.ram_end = top;
}

/* ACPI 6.5, 5.2.5.1 and 5.2.5.3: a PC's RSDP is at a multiple of 16 in the BIOS; its first 20 bytes add up to 0. */
static void find_rsdp(void)
{
	for (const uint8_t *at = (const uint8_t *)0xe0000; at < (const uint8_t *)0x100000; at += 16) {
		uint8_t sum = 0;

		if (__builtin_memcmp(at, "RSD PTR ", 8) != 0)
			continue;
		for (uint32_t i = 0; i < 20; i++)
			sum = (uint8_t)(sum + at[i]);
		if (sum != 0)
			continue;
		handover.rsdp = (uintptr_t)at;
		handover.rsdp_size = at[15] >= 2 ? 36 : 20;
		__builtin_memcpy(handover.rsdp_copy, at, (size_t)handover.rsdp_size);
		return;
	}
}

static void read_modules(const struct multiboot *info)
{
	const struct multiboot_module *modules = (const struct multiboot_module *)info->mods_addr;

	low = KERNEL_PHYS + KERNEL_ROOM;
	for (uint32_t i = 0; i < info->mods_count && i < HOST_PARTS; i++) {
		struct host_part *part = &handover.part[handover.part_count++];

		part->data = modules[i].start;
		part->size = modules[i].end - modules[i].start;
		copy_line(part->line, (const char *)modules[i].string, sizeof part->line);
		if (modules[i].end > low)
			low = round_up(modules[i].end, PAGE);
	}
}

static enum host_mode mode_of(const char *line)
{
	static const char names[][8] = {"flat", "4k", "4m", "pae", "long", "la57"};

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (word_is(line, "mode=", names[i]))
			return (enum host_mode)i;
	return wide ? MODE_LONG : MODE_FLAT;
}

/* Elf64_Rela, R_X86_64_RELATIVE only: the kernel runs at any base. */
static void relocate(const struct kernel_header *kernel, uint64_t base)
{
	struct {
		uint64_t offset, info;
		int64_t addend;
	} *each = (void *)(image + kernel->relocations);

	for (; (uint8_t *)each < image + kernel->relocations_end; each++) {
		uint64_t *at = (uint64_t *)(image + (each->offset - kernel->link));

		if (each->info != 8) {
			say("host: relocation of type %x\n", each->info);
			stop();
		}
		*at = (uint64_t)each->addend + base + KERNEL_PHYS - kernel->link;
	}
}

static void map_kernel(const struct kernel_header *kernel, uint64_t base)
{
	uint64_t linear = base + KERNEL_PHYS;
	uint64_t shadow = linear + kernel->shadow_stack;
	uint64_t *token = (uint64_t *)(image + kernel->shadow_stack + PAGE - 8);

	if (handover.mode == MODE_4M) {
		map(&tables, base, 0, 4 << 20, ENTRY_WRITE | ENTRY_GLOBAL, true);
		return;
	}
	if (kernel_phys % PAGE) {
		map(&tables, page_of(linear), KERNEL_PHYS, kernel->bss_end + PAGE, ENTRY_WRITE | ENTRY_GLOBAL, false);
		return;
	}
	map(&tables, linear, KERNEL_PHYS, kernel->text_end, ENTRY_GLOBAL, false);
	map(&tables, linear + kernel->text_end, KERNEL_PHYS + kernel->text_end, kernel->bss_end - kernel->text_end,
	    ENTRY_WRITE | ENTRY_NO_EXECUTE | ENTRY_GLOBAL, false);
	unmap_page(&tables, linear + kernel->guard);
	/* a supervisor shadow stack: read-only and dirty, with a token at its top (Intel SDM vol. 1, 17.2.3) */
	map(&tables, shadow, KERNEL_PHYS + kernel->shadow_stack, PAGE, ENTRY_DIRTY | ENTRY_ACCESSED | ENTRY_NO_EXECUTE, false);
	*token = linear + kernel->shadow_stack + PAGE - 8;
}

#define LOW_START 0x10000u
#define LOW_END 0x90000u

/* Target memory in one range; with lowtoo, base memory before it; with three, in three that are out of order and apart. */
static void choose_memory(struct host_call *call, uint64_t start, uint64_t size)
{
	if (word(handover.line, "lowtoo")) {
		call->memory[0] = (struct segue_range){.start = LOW_START, .end = LOW_END};
		call->memory[1] = (struct segue_range){.start = start, .end = start + size};
		return;
	}
	if (!word(handover.line, "three")) {
		call->memory[0] = (struct segue_range){.start = start, .end = start + size};
		return;
	}
	call->memory[0] = (struct segue_range){.start = start + 3 * size, .end = start + 3 * size + size / 4};
	call->memory[1] = (struct segue_range){.start = start, .end = start + size / 2};
	call->memory[2] = (struct segue_range){.start = start + 2 * size, .end = start + 2 * size + size / 4};
}

/* Staging for all of target memory, cut as stage= says. */
static void place_staging(struct host_call *call, uint32_t size)
{
	const char *line = handover.line;
	uint32_t piece = word_is(line, "stage=", "pages") ? PAGE : word_is(line, "stage=", "odd") ? 3571 : size;
	uint32_t count = (size + piece - 1) / piece, left = size, at;
	struct segue_extent *extents;

	/* After each odd piece are three bytes of the host's. */
	call->staging_size = round_up((piece + 3) * count + 1, PAGE);
	call->staging_phys = take(call->staging_size, PAGE);
	at = (uint32_t)call->staging_phys;
	extents = (void *)(uintptr_t)take(count * sizeof *extents, PAGE);
	for (uint32_t i = 0; i < count; i++) {
		extents[i].size = left < piece ? left : piece;
		extents[i].addr = at + (piece % PAGE ? i * (piece + 3) + 1 : count % 3 ? i * 3 % count * PAGE : i * PAGE);
		left -= (uint32_t)extents[i].size;
	}
	call->staging_count = count;
	call->staging = place((uintptr_t)extents, count * sizeof *extents, 0);
}

/* calls=: with two, the second target has the memory at target2=, or that of the first. */
static void place_calls(uint64_t extents)
{
	const char *line = handover.line;
	uint64_t size = word_number(line, "tsize=", 0x10000), start = word_number(line, "target=", 0x1000000);
	struct host_call *second = &handover.calls[1];

	if (!word(line, "calls=") && !word(line, "crash"))
		return;
	handover.call_count = word(line, "two") ? 2 : 1;
	for (uint64_t i = 0; i < handover.call_count; i++) {
		choose_memory(&handover.calls[i], i ? word_number(line, "target2=", start) : start, size);
		/* The host does not use what a crash's target has, but for base memory. */
		place_staging(&handover.calls[i], (word(line, "crash") ? 0 : (uint32_t)size) + (word(line, "lowtoo") ? LOW_END - LOW_START : 0));
	}
	if (handover.call_count == 1)
		return;
	second->workspace_size = SEGUE_WORKSPACE_SIZE_RETURN(extents, second->staging_count);
	second->workspace_phys = take(second->workspace_size, PAGE);
	second->workspace = place(second->workspace_phys, second->workspace_size, 0);
}

static void place_workspace(uint64_t extents)
{
	const char *line = handover.line;
	uint64_t linear;

	handover.workspace_size = handover.call_count ? SEGUE_WORKSPACE_SIZE_RETURN(extents, handover.calls[0].staging_count) :
							 SEGUE_WORKSPACE_SIZE(extents);
	/* Each run of memory may be in two mappings. */
	if (word(line, "core"))
		handover.workspace_size += SEGUE_WORKSPACE_SIZE_CORE(4 * (handover.calls[0].staging_count + HOST_RANGES));
	handover.workspace_phys = word_number(line, "wsp=", 0);
	if (!handover.workspace_phys)
		handover.workspace_phys = take(handover.workspace_size, PAGE);
	linear = word_number(line, "wsv=", 0);
	if (!linear) {
		handover.workspace = place(handover.workspace_phys, handover.workspace_size, 0);
		return;
	}
	map(&tables, linear, handover.workspace_phys, handover.workspace_size, ENTRY_WRITE | ENTRY_NO_EXECUTE, false);
	handover.workspace = offset_of(linear);
}

/*
 * Maps global pages at linear addresses equal to the workspace's physical ones. They are full of RETs for the kernel to
 * call.
 */
static void map_globals(void)
{
	uint64_t page = take(PAGE, PAGE);

	__builtin_memset((void *)(uintptr_t)page, 0xc3, PAGE);
	for (uint64_t at = 0; at < handover.workspace_size; at += PAGE)
		map(&tables, handover.workspace_phys + at, page, PAGE, ENTRY_WRITE | ENTRY_GLOBAL, false);
}

/* Returns page `number` of a shuffle of the pages from first to top; each occurs once. */
static uint64_t scattered_page(uint64_t first, uint32_t number)
{
	uint32_t pages = (uint32_t)((top - first) / PAGE);

	/* the product stays below 2^32 */
	if (pages > 500000)
		pages = 500000;
	if (pages % STRIDE == 0)
		pages--;
	return first + (uint64_t)(number % pages * STRIDE % pages) * PAGE;
}

static bool in_workspace(uint64_t page)
{
	return page >= handover.workspace_phys && page < handover.workspace_phys + handover.workspace_size;
}

static uint32_t scatter_next;

static uint64_t take_scattered(uint64_t first)
{
	uint64_t page;

	do {
		if (scatter_next >= (top - first) / PAGE) {
			say("host: out of RAM for a scattered blob\n");
			stop();
		}
		page = scattered_page(first, scatter_next++);
	} while (in_workspace(page));
	return page;
}

/*
 * Takes size bytes that are aligned to nothing and adjacent to no other piece. The first piece crosses a large page
 * boundary.
 */
static uint64_t take_high(uint64_t size)
{
	uint64_t at = high_next ? high_next : HIGH_START + (2 << 20) - 0x123;

	high_next = at + size + 0x2b;
	if (high_next > high_end) {
		say("host: out of RAM above 4 GiB\n");
		stop();
	}
	return at;
}

enum scatter { SCATTER_NOT, SCATTER_PAGES, SCATTER_ODD, SCATTER_HIGH, SCATTER_HIGH_ODD, SCATTER_HIGH_PAGE };

static bool is_odd(enum scatter how)
{
	return how == SCATTER_ODD || how == SCATTER_HIGH_ODD;
}

/* Copies a part to shuffled pages. With paging the page tables map them as one view, and the pieces fill whole pages. */
static void scatter_part(struct host_part *part, enum scatter how, uint64_t first, struct segue_extent *extents)
{
	bool view = how == SCATTER_PAGES && handover.mode != MODE_FLAT;
	uint64_t from = part->data, left = part->size, linear = next_view;
	/* the first piece starts inside its page, as a file in a cache does */
	uint64_t within = view ? 0x123 : 0;
	uint32_t count = 0;

	while (left > 0) {
		uint64_t room = is_odd(how) ? 3971 - count % 13 : PAGE - within;
		uint64_t size = left < room ? left : room, page = 0;

		if (is_odd(how))
			within = count * 37 % 97;
		/* two pieces above 4 GiB, then one below */
		if (how == SCATTER_HIGH_ODD && count % 3 != 2) {
			extents[count].addr = take_high(size);
		} else {
			page = take_scattered(first);
			extents[count].addr = page + within;
			__builtin_memcpy((void *)(uintptr_t)(page + within), (const void *)(uintptr_t)from, (size_t)size);
		}
		extents[count].size = size;
		if (view)
			map(&tables, next_view + count * PAGE, page, PAGE, ENTRY_WRITE | ENTRY_NO_EXECUTE, false);
		count++;
		from += size;
		left -= size;
		within = 0;
	}
	if (view) {
		__builtin_memset((void *)(uintptr_t)part->data, 0xa5, (size_t)part->size);
		part->data = offset_of(linear + 0x123);
		next_view = round_up(linear + (count + 1) * PAGE, large_page(&tables));
	} else {
		part->data = place(part->data, part->size, 0);
		part->separate = 1;
	}
	part->extent_count = count;
}

static void place_parts(enum scatter how, struct segue_extent *extents[])
{
	uint64_t first = low;

	for (uint32_t i = 0; i < handover.part_count; i++) {
		struct host_part *part = &handover.part[i];

		if (how == SCATTER_NOT || how == SCATTER_HIGH || how == SCATTER_HIGH_PAGE) {
			if (how == SCATTER_HIGH_PAGE)
				high_next = round_up(high_next ? high_next : HIGH_START, PAGE);
			extents[i]->addr = how != SCATTER_NOT ? take_high(part->size) : part->data;
			extents[i]->size = part->size;
			part->extent_count = 1;
			part->data = place(part->data, part->size, 0);
		} else {
			scatter_part(part, how, first, extents[i]);
		}
		part->extents = place((uintptr_t)extents[i], part->extent_count * sizeof **extents, 0);
	}
}

/* By their own entries. With PAE the root lies on no table's page, and is mapped like other memory. */
static void map_tables(uint32_t slot)
{
	map_recursively(&tables, slot);
	if (handover.mode == MODE_PAE)
		place(tables.root, PAGE, 0);
}

static void map_all(const struct kernel_header *kernel, enum scatter how)
{
	struct segue_extent *extents[HOST_PARTS];
	const char *line = handover.line;
	uint64_t count = 0, linear;

	for (uint32_t i = 0; i < handover.part_count; i++) {
		uint32_t limit = (uint32_t)handover.part[i].size / (is_odd(how) ? 3900 : PAGE) + 3;

		count += limit;
		extents[i] = (void *)(uintptr_t)take(limit * sizeof **extents, PAGE);
	}
	place_calls(count);
	place_workspace(count);
	if (word(handover.line, "reserved") && handover.map_count < HOST_RANGES)
		handover.map[handover.map_count++] = (struct segue_range){
			.start = handover.workspace_phys, .end = handover.workspace_phys + handover.workspace_size,
			.type = SEGUE_MEMORY_RESERVED};
	if (handover.mode != MODE_FLAT) {
		map_kernel(kernel, handover.base + handover.data_base);
		if (handover.code_base != handover.data_base)
			map_kernel(kernel, handover.base + handover.code_base);
		if (word(handover.line, "globals"))
			map_globals();
	}
	place_parts(how, extents);
	if (high_next && wide)
		handover.high = place(HIGH_START, round_up(high_next, PAGE) - HIGH_START, 0);
	if (word_is(line, "cr3=", "high") && wide) {
		handover.high_root_phys = round_up(take_high(PAGE + PAGE), PAGE);
		handover.high_root = place(handover.high_root_phys, PAGE, 0);
		handover.root = place(tables.root, PAGE, 0);
	}
	handover.apic = place(APIC_PHYS, PAGE, ENTRY_NO_CACHE);
	handover.io_apic = place(IO_APIC_PHYS, PAGE, ENTRY_NO_CACHE);
	handover.hpet = place(HPET_PHYS, PAGE, ENTRY_NO_CACHE);
	handover.vga = place(VGA_PHYS, 2 * PAGE, ENTRY_NO_CACHE);
	if (word(handover.line, "bios=") || word_is(handover.line, "map=", "bios")) {
		handover.bios_workspace_phys = word_number(line, "bwsp=", 0);
		if (!word(line, "bwsp="))
			handover.bios_workspace_phys = take(BIOS_WORKSPACE_SIZE, PAGE);
		handover.bios_workspace = place(handover.bios_workspace_phys, BIOS_WORKSPACE_SIZE, 0);
	}
	handover.direct = NO_DIRECT;
	if (word(line, "direct=") && handover.mode != MODE_FLAT) {
		linear = word_number(line, "direct=", 0);
		handover.direct = offset_of(linear);
		map(&tables, linear, 0, handover.ram_end, ENTRY_WRITE | ENTRY_NO_EXECUTE, true);
	}
	if (word(line, "recursive="))
		map_tables((uint32_t)word_number(line, "recursive=", 0));
	if (!word(handover.line, "direct"))
		return;
	if (handover.mode == MODE_FLAT) {
		handover.direct = offset_of(0);
		return;
	}
	next_view = round_up(next_view, large_page(&tables));
	handover.direct = offset_of(next_view);
	map(&tables, next_view, 0, handover.ram_end, ENTRY_WRITE | ENTRY_NO_EXECUTE, true);
}

static void choose_mode(const struct kernel_header *kernel)
{
	const char *line = handover.line;

	wide = kernel->bits == 64;
	handover.mode = mode_of(line);
	handover.base = kernel->link - KERNEL_PHYS;
	if (wide)
		handover.base = word_number(line, "base=", 0xffffffff80000000);
	handover.code_base = word_number(line, "cbase=", 0);
	handover.data_base = word_number(line, "dbase=", 0);
	next_view = wide ? 0xffffc90000000000 : 0xd0000000;
	handover.unmapped = wide ? 0xffffa00000008000 : 0xf0008000;
	if (handover.mode == MODE_LA57) {
		next_view = 0xff11c90000000000;
		handover.unmapped = 0xff11a00000008000;
	}
	next_view = word_number(line, "view=", next_view);
	tables.mode = (enum host_mode)handover.mode;
	tables.no_execute = handover.mode >= MODE_PAE && !word(line, "nonx");
	tables.settled = word(line, "direct");
	tables.global = word(line, "globals") || word(line, "pge") || word(line, "cr4=all");
}

static void fill_entering(struct entering *entering, const struct kernel_header *kernel)
{
	uint64_t linear = kernel->entry + KERNEL_PHYS + handover.base;

	entering->paging = handover.mode != MODE_FLAT;
	entering->code_base = (uint32_t)handover.code_base;
	entering->data_base = (uint32_t)handover.data_base;
	entering->entry = linear;
	if (handover.mode == MODE_4M)
		entering->cr4 = CR4_PSE;
	if (handover.mode >= MODE_PAE)
		entering->cr4 = CR4_PAE;
	if (handover.mode == MODE_LA57)
		entering->cr4 |= CR4_LA57;
	if (tables.no_execute)
		entering->efer |= EFER_NXE;
	if (handover.mode >= MODE_LONG)
		entering->efer |= EFER_LME;
}

/* A copy of the kernel's page tables that also maps the boot stage, for the switch. */
static uint32_t passage(const struct kernel_header *kernel)
{
	struct tables whole = tables;

	tables_begin(&tables);
	map(&tables, STAGE_START, STAGE_START, KERNEL_PHYS - STAGE_START, ENTRY_WRITE, false);
	map(&tables, page_of(handover.base + handover.data_base + KERNEL_PHYS), KERNEL_PHYS, kernel->bss_end + PAGE,
	    ENTRY_WRITE, false);
	if (handover.code_base != handover.data_base)
		map(&tables, page_of(handover.base + handover.code_base + KERNEL_PHYS), KERNEL_PHYS, kernel->bss_end + PAGE,
		    ENTRY_WRITE, false);
	handover.cr3 = whole.root;
	return (uint32_t)tables.root;
}

/* shift=: a segment base that is not a multiple of a page needs a kernel that is not page-aligned. */
static const struct kernel_header *move_kernel(const char *line)
{
	kernel_phys = KERNEL_PHYS + (uint32_t)word_number(line, "shift=", 0);
	image = boot_kernel;
	if (kernel_phys != KERNEL_PHYS) {
		image = (uint8_t *)kernel_phys;
		__builtin_memmove(image, boot_kernel, KERNEL_ROOM - PAGE);
	}
	return (const struct kernel_header *)image;
}

/* Starts the other CPUs through the boot CPU's local APIC (Intel SDM vol. 3, 8.4.4), and waits for them. */
static void start_cpus(const struct kernel_header *kernel, struct entering *entering)
{
	volatile uint32_t *icr = (volatile uint32_t *)(APIC_PHYS + APIC_ICR_LOW);
	uint64_t *go = &((struct handover *)(image + kernel->handover))->cpus_go;

	handover.cpus = word_number(handover.line, "cpus=", 1);
	if (handover.cpus == 1)
		return;
	if (handover.cpus > CPUS) {
		say("host: more CPUs than stacks\n");
		stop();
	}
	__builtin_memcpy((void *)TRAMPOLINE, trampoline, (size_t)(trampoline_end - trampoline));
	other_cpus_go = (uint32_t)go;
	other_cpus_entering = entering;
	*icr = ICR_INIT | ICR_OTHERS;
	slowly(20000);
	for (int i = 0; i < 2; i++) {
		*icr = ICR_STARTUP | ICR_OTHERS | TRAMPOLINE / PAGE;
		slowly(1000);
	}
	for (uint32_t patience = 10000000; other_cpus != handover.cpus - 1; patience--) {
		if (patience == 0) {
			say("host: %u other CPUs started\n", other_cpus);
			stop();
		}
		slowly(1);
	}
}

void boot_main(uint32_t magic, const struct multiboot *info)
{
	static struct entering entering;
	const struct kernel_header *kernel;
	enum scatter how = SCATTER_NOT;

	say_begin();
	kernel = move_kernel(magic == MULTIBOOT_BOOTED ? (const char *)info->cmdline : "");
	if (magic != MULTIBOOT_BOOTED || kernel->magic != KERNEL_MAGIC) {
		say("host: not booted by Multiboot, or without a kernel\n");
		stop();
	}
	copy_line(handover.line, (const char *)info->cmdline, sizeof handover.line);
	choose_mode(kernel);
	read_map(info);
	read_modules(info);
	if (word(handover.line, "acpi"))
		find_rsdp();
	pages_end = top;
	next_page = take(TABLE_PAGES * PAGE, PAGE);
	__builtin_memset((void *)(uintptr_t)next_page, 0, TABLE_PAGES * PAGE);
	if (word(handover.line, "blob=pages"))
		how = SCATTER_PAGES;
	if (word(handover.line, "blob=odd"))
		how = SCATTER_ODD;
	if (word(handover.line, "blob=high"))
		how = SCATTER_HIGH;
	if (word(handover.line, "blob=high-page"))
		how = SCATTER_HIGH_PAGE;
	if (word(handover.line, "blob=high-odd"))
		how = SCATTER_HIGH_ODD;
	if (handover.mode != MODE_FLAT)
		tables_begin(&tables);
	map_all(kernel, how);
	if (wide)
		relocate(kernel, handover.base);
	fill_entering(&entering, kernel);
	if (handover.mode != MODE_FLAT)
		entering.cr3 = passage(kernel);
	start_cpus(kernel, &entering);
	__builtin_memcpy(image + kernel->handover, &handover, sizeof handover);
	enter_kernel(&entering);
}
