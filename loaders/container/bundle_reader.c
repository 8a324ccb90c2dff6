/* SPDX-License-Identifier: MIT */
/*
 * Reads the members of a bundle one by one, for the library, segue.elf and the command (bundle_reader.h). bundle.c describes
 * the format.
 */
#include "common/bytes.h"
#include "container/container.h"
#include "container/magic.h"
#include "common/memory_functions.h"

#define MAGIC_SIZE 6u
#define FIELD_SIZE 8u
_Static_assert(MAGIC_SIZE + BUNDLE_FIELDS * FIELD_SIZE == BUNDLE_HEADER_SIZE, "newc header");

#define MODE_KIND 0170000u
#define MODE_FILE 0100000u
#define MODE_FOLDER 0040000u

#define DIGITS_MAX 9u

#define DIGEST_SIZE 32u
#define DIGEST_WORDS (DIGEST_SIZE / sizeof(uint32_t))

/* In the order of enum bundle_kind. */
static const char names[] = "TRAILER!!!\0kernel\0cmdline\0initrd\0digest\0.\0modules\0";

int segue_bundle_refuse(const struct bundle_reader *reader, int code)
{
	return segue_refuse(reader->arena->log, code, "%b at offset %x", &reader->name, (addr_t)reader->at);
}

/* Reads count numbers of 8 hexadecimal digits each. */
static OUT_OF_LINE bool read_fields(const uint8_t *digit, uint32_t *field, size_t count)
{
	uint32_t value = 0;
	size_t i;

	for (i = 0; i < count * FIELD_SIZE; i++) {
		uint32_t d = *digit++;

		if (d - '0' < 10)
			d -= '0';
		else if ((d | 0x20) - 'a' < 6)
			d = (d | 0x20) - 'a' + 10;
		else
			return false;
		/* the previous field's digits are shifted out */
		value = value << 4 | d;
		field[i / FIELD_SIZE] = value;
	}
	return true;
}

/* Returns the position after prefix; NULL if p does not begin with it. A NUL at p ends the comparison. */
static const uint8_t *skip(const uint8_t *p, const char *prefix)
{
	for (; *prefix; prefix++)
		if (*p++ != (uint8_t)*prefix)
			return NULL;
	return p;
}

/* p points past "modules/", to NN-NAME or NN-NAME.cmdline. Sets name to NAME. */
static enum bundle_kind module_kind(struct bundle_reader *reader, const uint8_t *p)
{
	static const char suffix[] = ".cmdline";
	const uint8_t *end = reader->name.data + reader->name.size, *digits = p, *c;
	enum bundle_kind kind = BUNDLE_MODULE;

	if (skip(end - (sizeof suffix - 1), suffix)) {
		end -= sizeof suffix - 1;
		kind = BUNDLE_MODULE_CMDLINE;
	}
	reader->number = 0;
	for (; *p - (uint32_t)'0' < 10 && p < digits + DIGITS_MAX; p++)
		reader->number = reader->number * 10 + *p - '0';
	if (p < digits + 2 || *p != '-' || ++p >= end)
		return BUNDLE_NONE;
	for (c = p; c < end; c++)
		if (*c == '/')
			return BUNDLE_NONE;
	reader->name.data = p;
	reader->name.size = (size_t)(end - p);
	return kind;
}

static OUT_OF_LINE enum bundle_kind member_kind(struct bundle_reader *reader)
{
	const uint8_t *name = reader->name.data, *after;
	const char *known = names;
	enum bundle_kind kind = BUNDLE_TRAILER;

	while ((after = skip(name, "./")) && *after)
		name = after;
	if ((after = skip(name, "modules/")) && *after)
		return module_kind(reader, after);
	for (; kind != BUNDLE_NONE; kind++) {
		after = skip(name, known);
		if (after && !*after)
			break;
		while (*known++)
			;
	}
	return kind;
}

static bool is_as_it_should_be(const struct bundle_reader *reader)
{
	uint32_t kind = reader->field[BUNDLE_MODE] & MODE_KIND;

	if (reader->kind == BUNDLE_FOLDER || reader->kind == BUNDLE_FOLDER_MODULES)
		return kind == MODE_FOLDER;
	return reader->kind != BUNDLE_NONE && kind == MODE_FILE;
}

int segue_bundle_header(struct bundle_reader *reader, const uint8_t *header)
{
	const struct bytes bytes = { header, BUNDLE_HEADER_SIZE, 0 };

	reader->name = (struct bytes){ (const uint8_t *)"header", 6, reader->archive.part };
	if (segue_is_bundle(&bytes) && read_fields(header + MAGIC_SIZE, reader->field, BUNDLE_FIELDS))
		return SEGUE_OK;
	return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_HEADER);
}

int segue_bundle_name(struct bundle_reader *reader, const uint8_t *name)
{
	size_t size = reader->field[BUNDLE_NAMESIZE];

	if (!size || name[size - 1])
		return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_HEADER);
	reader->name.data = name;
	for (reader->name.size = 0; name[reader->name.size]; reader->name.size++)
		;
	reader->kind = member_kind(reader);
	reader->data.size = reader->field[BUNDLE_FILESIZE];
	return SEGUE_OK;
}

int segue_bundle_check(const struct bundle_reader *reader)
{
	return is_as_it_should_be(reader) ? SEGUE_OK :
		segue_refuse(reader->arena->log, SEGUE_E_BUNDLE_MEMBER, "%b at offset %x; " INITRD_HINT, &reader->name, (addr_t)reader->at);
}

static void drop_newlines(struct bytes *text)
{
	while (text->size && (text->data[text->size - 1] == '\n' || text->data[text->size - 1] == '\r'))
		text->size--;
}

/* A command line must not contain a NUL. */
static int check_cmdline(const struct bundle_reader *reader, struct bytes *cmdline)
{
	drop_newlines(cmdline);
	for (size_t i = 0; i < cmdline->size; i++)
		if (!cmdline->data[i])
			return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_CMDLINE);
	return SEGUE_OK;
}

/*
 * Orders modules by number, then by name, so that the order in which find lists them does not matter. file.part holds
 * the number until the bundle ends.
 */
static OUT_OF_LINE int compare(const struct bundle_reader *reader, const struct member *module)
{
	size_t a = reader->name.size, b = module->name.size;
	const uint8_t *left = reader->name.data, *right = module->name.data;

	if (reader->number != module->file.part)
		return reader->number < module->file.part ? -1 : 1;
	/* Not memcmp: on some hosts its result only tells whether bytes differ (Fiwix's compares the addresses). */
	for (size_t i = 0; i < a && i < b; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return (a > b) - (a < b);
}

/* Finds the module of this number and name, or inserts a new one in order. NULL if there is no room. */
static struct member *find_module(const struct bundle_reader *reader)
{
	struct bundle *bundle = reader->bundle;
	struct member *module;
	size_t i;

	for (i = bundle->module_count; i > 0; i--) {
		int order = compare(reader, &bundle->modules[i - 1]);

		if (order == 0)
			return &bundle->modules[i - 1];
		if (order > 0)
			break;
	}
	if (!segue_add_module(reader->arena, reader->bundle))
		return NULL;
	module = &bundle->modules[i];
	memmove(module + 1, module, (bundle->module_count - 1 - i) * sizeof *module);
	*module = (struct member){ .name = reader->name, .file.part = reader->number };
	return module;
}

static int take_digest(const struct bundle_reader *reader)
{
	struct bundle *bundle = reader->bundle;
	struct bytes text = reader->data;
	uint32_t word[DIGEST_WORDS];

	drop_newlines(&text);
	if (bundle->digest)
		return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_TWICE);
	if (text.size != DIGEST_SIZE * 2 || !read_fields(text.data, word, DIGEST_WORDS))
		return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_DIGEST);
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		reader->digest[i] = (uint8_t)(word[i / 4] >> (24 - i % 4 * 8));
	bundle->digest = reader->digest;
	return SEGUE_OK;
}

/* Marks an empty hard link whose data comes under a later name. bytes.size is the inode then, and bytes.part the device. */
static const uint8_t awaited[1];

/* As Linux numbers devices, with 12 bits of major and 20 of minor number; higher bits do not count. */
static uint32_t device_of(const struct bundle_reader *reader)
{
	return (reader->field[BUNDLE_DEVMAJOR] & 0xfff) << 20 | (reader->field[BUNDLE_DEVMINOR] & 0xfffff);
}

/*
 * Returns entry i of the bytes that members have provided, and its name. Entries 2, 4, 6, ... are text. NULL past the
 * last.
 */
static struct bytes *bytes_at(struct bundle *bundle, size_t i, struct bytes *name)
{
	struct bytes *const single[] = { &bundle->kernel, &bundle->initrd, &bundle->cmdline };
	struct member *module;

	if (i < 3) {
		*name = i == 0 ? (struct bytes){ (const uint8_t *)"kernel", 6, 0 } :
			i == 1 ? (struct bytes){ (const uint8_t *)"initrd", 6, 0 } : (struct bytes){ (const uint8_t *)"cmdline", 7, 0 };
		return single[i];
	}
	i -= 3;
	if (i / 2 >= bundle->module_count)
		return NULL;
	module = &bundle->modules[i / 2];
	*name = module->name;
	return i % 2 ? &module->args : &module->file;
}

/* Gives the data of a hard-linked file to the names that came before. */
static int settle_links(const struct bundle_reader *reader)
{
	struct bytes *bytes, name;
	int error = SEGUE_OK;

	for (size_t i = 0; (bytes = bytes_at(reader->bundle, i, &name)) && !error; i++) {
		if (bytes->data != awaited || bytes->size != reader->field[BUNDLE_INO] || bytes->part != device_of(reader))
			continue;
		bytes->data = reader->data.data;
		bytes->size = reader->data.size;
		/* a module's command line: the offset for the refusal if its module is missing */
		bytes->part = i > 2 && i % 2 == 0 ? (uint32_t)reader->at : 0;
		if (i >= 2 && i % 2 == 0)
			error = check_cmdline(reader, bytes);
	}
	return error;
}

int segue_bundle_take(const struct bundle_reader *reader)
{
	struct bundle *bundle = reader->bundle;
	struct bytes *bytes = &bundle->kernel;
	bool is_cmdline = reader->kind == BUNDLE_CMDLINE || reader->kind == BUNDLE_MODULE_CMDLINE;
	bool is_link = reader->field[BUNDLE_NLINK] > 1;
	int error = is_link && reader->data.size ? settle_links(reader) : SEGUE_OK;

	if (error)
		return error;
	if (reader->kind >= BUNDLE_MODULE) {
		struct member *module = find_module(reader);

		if (!module)
			return SEGUE_E_WORKSPACE_SMALL;
		if (is_cmdline) {
			bytes = &module->args;
			/* the offset, for the refusal if its module is missing */
			bytes->part = (uint32_t)reader->at;
		} else {
			bytes = &module->file;
			module->name = reader->name;
		}
	} else if (reader->kind == BUNDLE_DIGEST) {
		return take_digest(reader);
	} else if (reader->kind == BUNDLE_INITRD) {
		bytes = &bundle->initrd;
	} else if (is_cmdline) {
		bytes = &bundle->cmdline;
	} else if (reader->kind != BUNDLE_KERNEL) {
		return SEGUE_OK;
	}
	if (bytes->data)
		return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_TWICE);
	bytes->data = reader->data.data;
	bytes->size = reader->data.size;
	if (is_link && !bytes->size) {
		bytes->data = awaited;
		bytes->size = reader->field[BUNDLE_INO];
		bytes->part = device_of(reader);
		return SEGUE_OK;
	}
	return is_cmdline ? check_cmdline(reader, bytes) : SEGUE_OK;
}

int segue_bundle_begin(struct bundle_reader *reader)
{
	/* The name of a bundle is no name of its kernel. */
	reader->bundle->kernel_name.data = (const uint8_t *)"kernel";
	reader->bundle->kernel_name.size = 6;
	reader->bundle->kernel_name.part = PART_WORKSPACE;
	/* Taken now: from here on only modules may be taken from the arena, since they form one array (container.h). */
	reader->digest = segue_arena_take(reader->arena, DIGEST_SIZE, 1);
	return reader->digest ? SEGUE_OK : SEGUE_E_WORKSPACE_SMALL;
}

int segue_bundle_end(struct bundle_reader *reader)
{
	struct bundle *bundle = reader->bundle;
	struct bytes *bytes, name;

	for (size_t i = 0; (bytes = bytes_at(bundle, i, &name)); i++)
		if (bytes->data == awaited)
			return segue_refuse(reader->arena->log, SEGUE_E_BUNDLE_LINK, "%b", &name);
	for (size_t i = 0; i < bundle->module_count; i++) {
		struct member *module = &bundle->modules[i];

		reader->name = module->name;
		reader->at = module->args.part;
		if (!module->file.data)
			return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_CMDLINE);
		module->file.part = module->args.part = reader->archive.part;
	}
	if (!bundle->kernel.size)
		return segue_refuse(reader->arena->log, SEGUE_E_BUNDLE_KERNEL, NULL);
	if (segue_is_bundle(&bundle->kernel) || (!segue_is_kernel(&bundle->kernel) && segue_is_fiwix(&bundle->kernel)))
		return segue_refuse(reader->arena->log, SEGUE_E_BUNDLE_NESTED, NULL);
	return SEGUE_OK;
}
