/* SPDX-License-Identifier: MIT */
/*
 * The bytes that the digest covers: executes the list of segue_load() on a model of physical memory. The bytes of its DIGEST
 * entries must be the same on every machine, and for every way in which the host gets the target.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "blob_job.h"
#include "elf_image.h"
#include "leave/loaded.h"
#include "leave/list.h"

#define MIB 0x100000u
#define MEMORY (40 * MIB)
#define EXTENTS_MAX 4096u
#define MODULES_MAX 200u
#define DIGITS "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"

static uint8_t *memory, *workspace;
static const uint8_t other_digest[32] = "another digest, thirty-two bytes";

struct machine {
	const char *name;
	uint32_t top;                 /* of RAM */
	uint32_t hole;                /* a reserved MiB from here on; 0: none */
	uint32_t workspace, parts;    /* where they lie */
	uint32_t piece;               /* size of the pieces of a part, which are in reverse order; 0: one piece */
};
static const struct machine machines[] = {
	{"plain", 32 * MIB, 0, 22 * MIB, 24 * MIB, 0},
	{"small", 24 * MIB, 0, 18 * MIB, 20 * MIB, 0},
	{"large", 40 * MIB, 0, 34 * MIB, 36 * MIB, 0},
	{"hole", 40 * MIB, 18 * MIB, 2 * MIB, 4 * MIB, 0},
	{"scattered", 40 * MIB, 0, 22 * MIB, 24 * MIB, 5000},
	{"in the way", 32 * MIB, 0, 16 * MIB, 20 * MIB, 4096},
	{"on itself", 32 * MIB, 0, 22 * MIB, 16 * MIB - 777, 0},
};

/* A part: its data, and the bytes that the digest must cover. */
struct target {
	const char *protocol;
	struct blob kernel, initrd, modules[MODULES_MAX];
	size_t module_count;
	struct blob expected;         /* of all of these */
	struct blob sections;         /* not in it */
};

static void fill(struct blob *blob, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t byte;

		seed = seed * 1664525 + 1013904223;
		byte = (uint8_t)(seed >> 24);
		blob_add(blob, &byte, 1);
	}
}

static void add_files(struct target *t, size_t initrd, size_t count)
{
	if (initrd)
		fill(&t->initrd, initrd, 5);
	t->module_count = count;
	for (size_t i = 0; i < count; i++)
		fill(&t->modules[i], 100 + i * 37 % 5000, (uint32_t)(i + 77));
	blob_add(&t->expected, t->initrd.data, t->initrd.size);
	for (size_t i = 0; i < count; i++)
		blob_add(&t->expected, t->modules[i].data, t->modules[i].size);
}

static void make_linux(struct target *t, size_t initrd, size_t modules)
{
	uint8_t *p;

	memset(t, 0, sizeof *t);
	t->protocol = "Linux";
	fill(&t->kernel, 1024 + 30000, 1);
	p = t->kernel.data;
	memset(p, 0, 1024);
	p[0x1f1] = 1;
	put_le32(p + 0x1f4, 30000 / 16);
	put_le16(p + 0x1fe, 0xaa55);
	memcpy(p + 0x200, "\xeb\x6aHdrS\x0f\x02", 8);
	p[0x211] = 1;
	put_le32(p + 0x214, MIB);
	put_le32(p + 0x22c, 0x7fffffff);
	put_le32(p + 0x230, 0x200000);
	p[0x234] = 1;
	p[0x235] = 12;
	put_le32(p + 0x238, 2047);
	put_le64(p + 0x258, 16 * MIB);
	put_le32(p + 0x260, 0x80000);
	blob_add(&t->expected, p + 1024, 30000);
	add_files(t, initrd, modules);
}

/* Two segments, the second at a lower address; a Multiboot header and a section without a fixed place, or neither. */
static void make_elf(struct target *t, bool multiboot, size_t initrd, size_t modules)
{
	static struct image image;

	memset(t, 0, sizeof *t);
	t->protocol = multiboot ? "Multiboot 1" : "ELF";
	new_image(&image, false, 2 * MIB + 16);
	add_program_header(&image, PT_LOAD, 0x800, 2 * MIB, 2 * MIB, 0x700, 0x3000);
	add_program_header(&image, PT_LOAD, 0x1200, MIB, MIB, 0x301, 0x301);
	if (multiboot) {
		put_le32(image.at + 0x400, 0x1badb002);
		put_le32(image.at + 0x404, 3);
		put_le32(image.at + 0x408, 0u - 0x1badb002 - 3);
		add_section(&image, 0, 0, 0, 0, 0);
		add_section(&image, 2, 0, 0, 0x2000, 0x800);
	}
	blob_add(&t->kernel, image.at, image.size);
	blob_add(&t->expected, image.at + 0x800, 0x700);
	blob_add(&t->expected, image.at + 0x1200, 0x301);
	if (multiboot)
		blob_add(&t->sections, image.at + 0x2000, 0x800);
	add_files(t, initrd, modules);
}

static void end_target(struct target *t)
{
	for (size_t i = 0; i < t->module_count; i++)
		free(t->modules[i].data);
	free(t->kernel.data);
	free(t->initrd.data);
	free(t->expected.data);
	free(t->sections.data);
}

struct host {
	struct segue_load_args args;
	struct segue_machine machine;
	struct segue_range map[5];
	struct segue_part modules[MODULES_MAX + 1];
	struct segue_extent extents[EXTENTS_MAX];
	size_t extent_count;
	uint32_t next;                /* where the next part goes */
	char sentence[256];
};
static struct host host;
static size_t bundled;                /* modules in the bundle */

static void take_sentence(void *context, int level, const char *sentence)
{
	(void)context;
	if (level == SEGUE_LOG_ERROR)
		snprintf(host.sentence, sizeof host.sentence, "%s", sentence);
}

static void open_host(const struct machine *m)
{
	size_t count = 0;

	memset(memory, 0xee, MEMORY);
	host = (struct host){.next = m->parts};
	bundled = 0;
	host.map[count++] = (struct segue_range){0, 0x9fc00, SEGUE_MEMORY_RAM, 0};
	host.map[count++] = (struct segue_range){0x9fc00, MIB, SEGUE_MEMORY_RESERVED, 0};
	host.map[count++] = (struct segue_range){MIB, m->top, SEGUE_MEMORY_RAM, 0};
	if (m->hole)
		host.map[count++] = (struct segue_range){m->hole, m->hole + MIB, SEGUE_MEMORY_RESERVED, 0};
	host.machine.framebuffer = (struct segue_framebuffer){
		.addr = 0xb8000, .pitch = 160, .width = 80, .height = 25, .bpp = 16, .type = SEGUE_FRAMEBUFFER_EGA_TEXT,
	};
	host.args = (struct segue_load_args){
		.struct_size = sizeof host.args, .memory_map = host.map, .memory_map_count = count,
		.modules = host.modules, .workspace = workspace, .workspace_phys = m->workspace,
		.workspace_size = SEGUE_WORKSPACE_SIZE(1), .machine = &host.machine, .log = take_sentence,
	};
}

/* Puts a part into memory, and fills in its extents. */
static void place(const struct machine *m, struct segue_part *part, const struct blob *blob)
{
	struct segue_extent *extents = &host.extents[host.extent_count];
	size_t piece = m->piece ? m->piece : blob->size, count = piece ? (blob->size + piece - 1) / piece : 0;

	*part = (struct segue_part){
		.data = blob->data, .size = blob->size, .extents = extents, .extent_count = count, .name = "file",
	};
	for (size_t i = count; i-- > 0;) {
		size_t size = blob->size - i * piece < piece ? blob->size - i * piece : piece;

		extents[i] = (struct segue_extent){host.next, size};
		memcpy(memory + host.next, blob->data + i * piece, size);
		host.next += (uint32_t)(m->piece ? (size + 8191) & ~4095u : size);
	}
	host.extent_count += count;
	assert_true(host.extent_count <= EXTENTS_MAX);
}

static void add_module(const struct machine *m, const struct blob *blob)
{
	place(m, &host.modules[host.args.module_count++], blob);
}

static void place_bundle(const struct machine *m, const struct blob *bundle, const struct target *t)
{
	place(m, &host.args.blob, bundle);
	bundled = t->module_count;
}

static void make_bundle(const struct target *t, const char *digits, struct blob *bundle)
{
	*bundle = (struct blob){NULL, 0};
	newc_add_text(bundle, "cmdline", "some words");
	if (digits)
		newc_add_text(bundle, "digest", digits);
	/* not in the order in which they are used */
	for (size_t i = t->module_count; i-- > 0;) {
		char name[32];

		snprintf(name, sizeof name, "modules/%03zu-m", i);
		newc_add(bundle, name, t->modules[i].data, t->modules[i].size);
	}
	if (t->initrd.size)
		newc_add(bundle, "initrd", t->initrd.data, t->initrd.size);
	newc_add(bundle, "kernel", t->kernel.data, t->kernel.size);
	newc_end(bundle);
}

static const struct purgatory_params *params(void)
{
	return (const struct purgatory_params *)(const void *)(workspace + PURGATORY_PARAMS_AT);
}

static void load(void)
{
	host.args.workspace_size = SEGUE_WORKSPACE_SIZE(host.extent_count + 4 * host.args.module_count + 7 * bundled);
	if (segue_load(&host.args) != SEGUE_OK)
		fail_msg("%s", host.sentence);
	memcpy(memory + host.args.workspace_phys, workspace, host.args.workspace_size);
}

static void move(const struct segue_move *m)
{
	if (m->op == SEGUE_MOVE_ZERO)
		memset(memory + m->dst, 0, m->size);
	else if (m->op == SEGUE_MOVE_COPY_UP || m->op == SEGUE_MOVE_COPY_DOWN)
		memmove(memory + m->dst, memory + m->src, m->size);
	for (uint32_t n = 0; m->op >= SEGUE_MOVE_SWAP_UP && n < m->size; n++) {
		uint32_t i = m->op == SEGUE_MOVE_SWAP_DOWN ? m->size - 1 - n : n;
		uint8_t byte = memory[m->dst + i];

		memory[m->dst + i] = memory[m->src + i];
		memory[m->src + i] = byte;
	}
}

/* Walks the list as purgatory does, and appends the bytes of DIGEST entries to found. Returns the number of moves. */
static size_t run_list(struct blob *found)
{
	uint32_t page = params()->list, source = params()->list_source;
	size_t moves = 0, links = 0;

	for (uint32_t i = 0; params()->list != params()->list_source && i < params()->list_pages; i++) {
		memcpy(memory + page, memory + source, PAGE);
		source += PAGE;
		page = le32(memory + page + offsetof(struct list_page, link));
	}
	for (const uint8_t *at = memory + params()->list;;) {
		struct segue_move m;

		memcpy(&m, at, sizeof m);
		at += sizeof m;
		if (m.op == SEGUE_MOVE_END) {
			assert_int_equal(links + 1, params()->list_pages);
			return moves;
		}
		if (m.op == SEGUE_MOVE_LINK) {
			at = memory + m.dst;
			links++;
		} else if (m.op == SEGUE_MOVE_DIGEST) {
			assert_int_equal(m.src, params()->home + PURGATORY_DIGEST_AT);
			blob_add(found, memory + m.dst, m.size);
		} else {
			assert_int_equal(found->size, 0);
			move(&m);
			moves++;
		}
	}
}

static void check(const struct machine *m, const struct target *t, const struct blob *expected, const uint8_t *digest)
{
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_segment s;
	struct blob found = {NULL, 0};
	size_t covered = 0, moves;

	load();
	moves = run_list(&found);
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	assert_string_equal(d.protocol, t->protocol);
	assert_int_equal(d.move_count, moves);
	assert_int_equal(d.has_digest, 1);
	assert_int_equal(params()->flags & (PURGATORY_DIGEST | PURGATORY_DIGEST_REBOOT), PURGATORY_DIGEST);
	assert_int_equal(params()->pages, (segue_purgatory_digest.at + segue_purgatory_digest.size + PURGATORY_PAGE - 1) / PURGATORY_PAGE);
	assert_int_equal(params()->screen, 0xb8000);
	assert_memory_equal(params()->digest, digest, 32);
	if (found.size != expected->size || memcmp(found.data, expected->data, found.size))
		fail_msg("%s, %s: %zu bytes, not the expected %zu", t->protocol, m->name, found.size, expected->size);
	for (size_t i = 0; segue_segment_at(workspace, i, &s) == SEGUE_OK; i++)
		if (s.in_digest) {
			assert_memory_equal(memory + s.dest, expected->data + covered, s.file_size);
			covered += s.file_size;
		}
	assert_int_equal(covered, expected->size);
	free(found.data);
}

static const uint8_t digits_as_bytes[32] = {
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
	0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00,
};

/* As a bundle with its own digest, as one with the caller's instead, and as separate parts. */
static void on_every_machine(struct target *t)
{
	struct blob bundle;

	make_bundle(t, DIGITS, &bundle);
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		const struct machine *m = &machines[i];

		for (int callers = 0; callers < 2; callers++) {
			open_host(m);
			place_bundle(m, &bundle, t);
			if (callers)
				host.args.digest = other_digest;
			check(m, t, &t->expected, callers ? other_digest : digits_as_bytes);
		}
		open_host(m);
		place(m, &host.args.blob, &t->kernel);
		host.args.digest = other_digest;
		if (t->initrd.size)
			add_module(m, &t->initrd);
		for (size_t j = 0; j < t->module_count; j++)
			add_module(m, &t->modules[j]);
		check(m, t, &t->expected, other_digest);
	}
	free(bundle.data);
	end_target(t);
}

static struct target target;

static void linux_with_an_initrd(void **state)
{
	(void)state;
	make_linux(&target, 70001, 0);
	on_every_machine(&target);
}

static void linux_with_several(void **state)
{
	(void)state;
	make_linux(&target, 70001, 3);
	on_every_machine(&target);
}

static void multiboot_with_modules_and_symbols(void **state)
{
	(void)state;
	make_elf(&target, true, 5000, 4);
	on_every_machine(&target);
}

static void plain_elf(void **state)
{
	(void)state;
	make_elf(&target, false, 0, 0);
	on_every_machine(&target);
}

/* More entries than a page of the list holds. */
static void many_modules(void **state)
{
	(void)state;
	make_elf(&target, true, 0, MODULES_MAX);
	on_every_machine(&target);
}

static void a_bundles_digest_is_over_the_bundle_alone(void **state)
{
	struct blob bundle, beside = {NULL, 0}, both = {NULL, 0};
	const struct machine *m = machines;

	(void)state;
	make_elf(&target, true, 0, 2);
	make_bundle(&target, DIGITS "\r\n", &bundle);
	fill(&beside, 3000, 9);
	for (int callers = 0; callers < 2; callers++) {
		open_host(m);
		place_bundle(m, &bundle, &target);
		add_module(m, &beside);
		blob_add(&both, target.expected.data, callers ? target.expected.size : 0);
		blob_add(&both, beside.data, callers ? beside.size : 0);
		if (callers)
			host.args.digest = other_digest;
		check(m, &target, callers ? &both : &target.expected, callers ? other_digest : digits_as_bytes);
	}
	free(bundle.data);
	free(beside.data);
	free(both.data);
	end_target(&target);
}

/* No room for the section: it is left out, and the digest does not change. */
static void symbols_that_find_no_room(void **state)
{
	struct machine full = {"full", 2 * MIB + 0x5000, MIB + 0x2000, 32 * MIB, 34 * MIB, 0};
	struct segue_segment s;
	struct blob bundle;
	bool sections = false;

	(void)state;
	make_elf(&target, true, 0, 0);
	make_bundle(&target, DIGITS, &bundle);
	open_host(&full);
	/* between 1 MiB and the hole, which has no end, there is room for the kernel's second segment and the tables only */
	host.map[3].end = 2 * MIB;
	host.map[2].end = 2 * MIB + 0x3000;
	host.map[4] = (struct segue_range){32 * MIB, 36 * MIB, SEGUE_MEMORY_RESERVED, 0};
	host.map[3].start = MIB + 0x700;
	host.args.memory_map_count = 5;
	place_bundle(&full, &bundle, &target);
	check(&full, &target, &target.expected, digits_as_bytes);
	for (size_t i = 0; segue_segment_at(workspace, i, &s) == SEGUE_OK; i++)
		sections |= !strcmp(s.name, "ELF section");
	assert_false(sections);
	free(bundle.data);
	end_target(&target);
}

static void flags_and_screens(void **state)
{
	static const struct {
		uint8_t type;
		uint32_t width, screen;
	} screens[] = {
		{SEGUE_FRAMEBUFFER_EGA_TEXT, 80, 0xb8000}, {SEGUE_FRAMEBUFFER_EGA_TEXT, 132, 0},
		{SEGUE_FRAMEBUFFER_RGB, 80, 0}, {SEGUE_FRAMEBUFFER_NONE, 80, 0},
	};
	struct segue_description d = {.struct_size = sizeof d};
	struct blob bundle, found = {NULL, 0};
	const struct machine *m = machines;

	(void)state;
	make_linux(&target, 100, 0);
	make_bundle(&target, DIGITS, &bundle);
	for (size_t i = 0; i < sizeof screens / sizeof *screens; i++) {
		open_host(m);
		place_bundle(m, &bundle, &target);
		host.machine.framebuffer.type = screens[i].type;
		host.machine.framebuffer.width = screens[i].width;
		host.args.flags = i & 1 ? SEGUE_LOAD_DIGEST_REBOOT : 0;
		load();
		assert_int_equal(params()->screen, screens[i].screen);
		assert_int_equal(params()->flags & PURGATORY_DIGEST_REBOOT, i & 1 ? PURGATORY_DIGEST_REBOOT : 0);
	}
	free(bundle.data);
	make_bundle(&target, NULL, &bundle);
	open_host(m);
	place_bundle(m, &bundle, &target);
	host.args.flags = SEGUE_LOAD_DIGEST_REBOOT;
	load();
	run_list(&found);
	assert_int_equal(found.size, 0);
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	assert_int_equal(d.has_digest, 0);
	assert_int_equal(params()->flags & (PURGATORY_DIGEST | PURGATORY_DIGEST_REBOOT), 0);
	assert_int_equal(params()->pages, PURGATORY_PLAIN_PAGES);
	free(bundle.data);
	end_target(&target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_with_an_initrd),
		cmocka_unit_test(linux_with_several),
		cmocka_unit_test(multiboot_with_modules_and_symbols),
		cmocka_unit_test(plain_elf),
		cmocka_unit_test(many_modules),
		cmocka_unit_test(a_bundles_digest_is_over_the_bundle_alone),
		cmocka_unit_test(symbols_that_find_no_room),
		cmocka_unit_test(flags_and_screens),
	};
	int failed;

	memory = malloc(MEMORY);
	workspace = aligned_alloc(PAGE, SEGUE_WORKSPACE_SIZE(EXTENTS_MAX + 7 * MODULES_MAX));
	failed = cmocka_run_group_tests_name("digest", tests, NULL, NULL);
	free(memory);
	free(workspace);
	return failed;
}
