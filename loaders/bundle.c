/* SPDX-License-Identifier: MIT */
/*
 * A bundle is a cpio archive of the format "newc" with these members, in any order:
 *
 *   kernel                     must be there
 *   cmdline                    the kernel's arguments, without argv[0]
 *   initrd
 *   modules/NN-NAME            NN: two to nine digits, the order; NAME: argv[0]
 *   modules/NN-NAME.cmdline    its arguments
 *
 * A name may begin with "./", and there may be the folders that find lists. Newlines at the
 * end of a command line are dropped: echo makes them. "070702" is read as "070701" is; its
 * sums are not checked. What follows the trailer is ignored.
 *
 * newc: 6 bytes magic, 13 fields of 8 hexadecimal digits, the name with its NUL, padding to 4,
 * the data, padding to 4. Offsets count from the start of the archive. A name may be followed by
 * more NULs that its length counts; `segue pack` pads by them so that the data starts a page.
 */
#include "bytes.h"
#include "container.h"
#include "memory_functions.h"

#define HEADER_SIZE 110u
#define MAGIC_SIZE 6u
#define FIELDS 13u
#define FIELD_SIZE 8u
enum field { FIELD_MODE = 1, FIELD_NLINK = 4, FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };
_Static_assert(MAGIC_SIZE + FIELDS * FIELD_SIZE == HEADER_SIZE, "newc header");

#define MODE_KIND 0170000u
#define MODE_FILE 0100000u
#define MODE_FOLDER 0040000u

#define DIGITS_MAX 9u

/* In the order of names[]. */
enum kind { KIND_TRAILER, KIND_KERNEL, KIND_CMDLINE, KIND_INITRD, KIND_FOLDER, KIND_FOLDER_MODULES, KIND_NONE,
	    KIND_MODULE, KIND_MODULE_CMDLINE };
static const char names[] = "TRAILER!!!\0kernel\0cmdline\0initrd\0.\0modules\0";

/* The archive, and the member that was read last. */
struct reader {
	struct job *job;
	struct bytes archive;
	struct bytes rest;            /* of it, from the next member on */
	size_t at;                    /* offset of this one */
	enum kind kind;
	uint32_t number;              /* of a module: NN ... */
	struct bytes name;            /* ... and this is NAME */
	struct bytes data;
};

bool segue_is_bundle(const struct bytes *blob)
{
	return blob->size >= MAGIC_SIZE && !memcmp(blob->data, "07070", 5) &&
	       (blob->data[5] == '1' || blob->data[5] == '2');
}

static int refuse(const struct reader *reader, int code)
{
	return segue_refuse(reader->job, code, "%b at offset %x", &reader->name, (addr_t)reader->at);
}

static bool read_fields(const uint8_t *digit, uint32_t *field)
{
	uint32_t value = 0;
	size_t i;

	for (i = 0; i < FIELDS * FIELD_SIZE; i++) {
		uint32_t d = *digit++;

		if (d - '0' < 10)
			d -= '0';
		else if ((d | 0x20) - 'a' < 6)
			d = (d | 0x20) - 'a' + 10;
		else
			return false;
		/* the digits of the field before are shifted out */
		value = value << 4 | d;
		field[i / FIELD_SIZE] = value;
	}
	return true;
}

/* Where what begins with prefix goes on; NULL: it does not. A NUL ends it. */
static const uint8_t *skip(const uint8_t *p, const char *prefix)
{
	for (; *prefix; prefix++)
		if (*p++ != (uint8_t)*prefix)
			return NULL;
	return p;
}

/* p is what follows "modules/": NN-NAME or NN-NAME.cmdline; name becomes NAME. */
static enum kind module_kind(struct reader *reader, const uint8_t *p)
{
	static const char suffix[] = ".cmdline";
	const uint8_t *end = reader->name.data + reader->name.size, *digits = p, *c;
	enum kind kind = KIND_MODULE;

	if (skip(end - (sizeof suffix - 1), suffix)) {
		end -= sizeof suffix - 1;
		kind = KIND_MODULE_CMDLINE;
	}
	reader->number = 0;
	for (; *p - (uint32_t)'0' < 10 && p < digits + DIGITS_MAX; p++)
		reader->number = reader->number * 10 + *p - '0';
	if (p < digits + 2 || *p != '-' || ++p >= end)
		return KIND_NONE;
	for (c = p; c < end; c++)
		if (*c == '/')
			return KIND_NONE;
	reader->name.data = p;
	reader->name.size = (size_t)(end - p);
	return kind;
}

static OUT_OF_LINE enum kind member_kind(struct reader *reader)
{
	const uint8_t *name = reader->name.data, *after;
	const char *known = names;
	enum kind kind = KIND_TRAILER;

	while ((after = skip(name, "./")) && *after)
		name = after;
	if ((after = skip(name, "modules/")) && *after)
		return module_kind(reader, after);
	for (; kind != KIND_NONE; kind++) {
		after = skip(name, known);
		if (after && !*after)
			break;
		while (*known++)
			;
	}
	return kind;
}

/* A file has bytes of its own: of one with several names, cpio writes them with the last name only. */
static bool is_as_it_should_be(const struct reader *reader, const uint32_t *field)
{
	uint32_t kind = field[FIELD_MODE] & MODE_KIND;

	if (reader->kind == KIND_FOLDER || reader->kind == KIND_FOLDER_MODULES)
		return kind == MODE_FOLDER;
	return reader->kind != KIND_NONE && kind == MODE_FILE && (field[FIELD_NLINK] <= 1 || reader->data.size);
}

/* Takes size bytes off the archive's rest. */
static bool take(struct reader *reader, size_t size, struct bytes *taken)
{
	struct bytes *rest = &reader->rest;

	if (size > rest->size)
		return false;
	taken->data = rest->data;
	taken->size = size;
	rest->data += size;
	rest->size -= size;
	return true;
}

static size_t padding(const struct reader *reader)
{
	return (reader->rest.size - reader->archive.size) & 3;
}

static int next_member(struct reader *reader)
{
	struct bytes bytes;
	uint32_t field[FIELDS];

	reader->at = reader->archive.size - reader->rest.size;
	reader->name = (struct bytes){ (const uint8_t *)"header", 6, reader->archive.part };
	if (!take(reader, HEADER_SIZE, &bytes))
		return refuse(reader, SEGUE_E_BUNDLE_TRUNCATED);
	if (!segue_is_bundle(&bytes) || !read_fields(bytes.data + MAGIC_SIZE, field))
		return refuse(reader, SEGUE_E_BUNDLE_HEADER);
	if (!take(reader, field[FIELD_NAMESIZE], &bytes))
		return refuse(reader, SEGUE_E_BUNDLE_TRUNCATED);
	if (!bytes.size || bytes.data[bytes.size - 1])
		return refuse(reader, SEGUE_E_BUNDLE_HEADER);
	reader->name.data = bytes.data;
	for (reader->name.size = 0; bytes.data[reader->name.size]; reader->name.size++)
		;
	reader->kind = member_kind(reader);
	if (reader->kind == KIND_TRAILER)
		return SEGUE_OK;
	if (!take(reader, padding(reader), &bytes) || !take(reader, field[FIELD_FILESIZE], &reader->data))
		return refuse(reader, SEGUE_E_BUNDLE_TRUNCATED);
	if (!take(reader, padding(reader), &bytes))
		reader->rest.size = 0;
	return is_as_it_should_be(reader, field) ? SEGUE_OK : refuse(reader, SEGUE_E_BUNDLE_MEMBER);
}

/* Newlines at its end go; NULs have no place in it. */
static int check_cmdline(const struct reader *reader, struct bytes *cmdline)
{
	while (cmdline->size && (cmdline->data[cmdline->size - 1] == '\n' || cmdline->data[cmdline->size - 1] == '\r'))
		cmdline->size--;
	for (size_t i = 0; i < cmdline->size; i++)
		if (!cmdline->data[i])
			return refuse(reader, SEGUE_E_BUNDLE_CMDLINE);
	return SEGUE_OK;
}

/* By number, then by name: whatever order find lists, here it is one. file.part holds the number meanwhile. */
static int compare(const struct reader *reader, const struct member *module)
{
	size_t a = reader->name.size, b = module->name.size;
	int order;

	if (reader->number != module->file.part)
		return reader->number < module->file.part ? -1 : 1;
	order = memcmp(reader->name.data, module->name.data, a < b ? a : b);
	return order ? order : (a > b) - (a < b);
}

/* The module of that number and name; a new one in its place if it is not there. NULL: no room. */
static struct member *find_module(const struct reader *reader)
{
	struct bundle *bundle = &reader->job->bundle;
	struct member *module;
	size_t i;

	for (i = bundle->module_count; i > 0; i--) {
		int order = compare(reader, &bundle->modules[i - 1]);

		if (order == 0)
			return &bundle->modules[i - 1];
		if (order > 0)
			break;
	}
	if (!segue_add_module(reader->job))
		return NULL;
	module = &bundle->modules[i];
	memmove(module + 1, module, (bundle->module_count - 1 - i) * sizeof *module);
	*module = (struct member){ .name = reader->name, .file.part = reader->number };
	return module;
}

static int take_member(const struct reader *reader)
{
	struct bundle *bundle = &reader->job->bundle;
	struct bytes *bytes = &bundle->kernel;
	bool is_cmdline = reader->kind == KIND_CMDLINE || reader->kind == KIND_MODULE_CMDLINE;

	if (reader->kind >= KIND_MODULE) {
		struct member *module = find_module(reader);

		if (!module)
			return SEGUE_E_WORKSPACE_SMALL;
		if (is_cmdline) {
			bytes = &module->args;
			/* for the refusal, should its module not come */
			bytes->part = (uint32_t)reader->at;
		} else {
			bytes = &module->file;
			module->name = reader->name;
		}
	} else if (reader->kind == KIND_INITRD) {
		bytes = &bundle->initrd;
	} else if (is_cmdline) {
		bytes = &bundle->cmdline;
	} else if (reader->kind != KIND_KERNEL) {
		return SEGUE_OK;
	}
	if (bytes->data)
		return refuse(reader, SEGUE_E_BUNDLE_TWICE);
	bytes->data = reader->data.data;
	bytes->size = reader->data.size;
	return is_cmdline ? check_cmdline(reader, bytes) : SEGUE_OK;
}

int segue_open_bundle(struct job *job, const struct bytes *blob)
{
	struct reader reader = { .job = job, .archive = *blob, .rest = *blob };
	struct bytes *kernel = &job->bundle.kernel;
	int error;

	job->bundle.container = "bundle";
	do {
		error = next_member(&reader);
		if (!error)
			error = take_member(&reader);
		if (error)
			return error;
	} while (reader.kind != KIND_TRAILER);
	for (size_t i = 0; i < job->bundle.module_count; i++) {
		struct member *module = &job->bundle.modules[i];

		reader.name = module->name;
		reader.at = module->args.part;
		if (!module->file.data)
			return refuse(&reader, SEGUE_E_BUNDLE_CMDLINE);
		module->file.part = module->args.part = blob->part;
	}
	if (!kernel->size)
		return segue_refuse(job, SEGUE_E_BUNDLE_KERNEL, NULL);
	if (segue_is_bundle(kernel) || (!segue_is_kernel(kernel) && segue_is_fiwix(kernel)))
		return segue_refuse(job, SEGUE_E_BUNDLE_NESTED, NULL);
	return SEGUE_OK;
}
