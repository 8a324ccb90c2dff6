/* SPDX-License-Identifier: MIT */
#include "vbe.h"
#include "bios_services.h"
#include "machine/hardware.h"
#include "standalone.h"
#include "vbe_format.h"

#define SET_TEXT_MODE_3 0x0003u
#define SET_CURSOR 0x0200u            /* BH page, DH row, DL column */

/* VBE 3.0, section 4: AX. VBE/DDC 1.0, section 3: the last one. */
#define GET_CONTROL_INFO 0x4f00u
#define GET_MODE_INFO 0x4f01u
#define SET_MODE 0x4f02u
#define GET_MODE 0x4f03u
#define GET_INTERFACE 0x4f0au
#define DISPLAY_DATA 0x4f15u
#define DISPLAY_DATA_READ 1u          /* BL */
#define DONE 0x004fu                  /* AX afterwards: known, and successful */
#define MODE_IN_USE 0x3fffu           /* BX of GET_MODE without its flags */

#define VERSION_2 0x200u
/* Offsets in the buffer: the block that may hold the list of modes, then the block of one mode. */
#define SECOND_AT VBE_CONTROL_INFO_SIZE
#define MODES_MAX 256u                /* the end of a list without a terminator */
#define MODES_END 0xffffu
#define NO_MODE 0u

#define EDID_SIZE 128u
#define EDID_TIMING 54u               /* VESA EDID 1.3, section 3.1: the first detailed timing is the preferred one */
#define DEFAULT_WIDTH 1024u
#define DEFAULT_HEIGHT 768u

#define CONTROL(vbe, name) ((vbe)->control_info + offsetof(struct vbe_control_info, name))
_Static_assert(VBE_CONTROL_INFO_SIZE + VBE_MODE_INFO_SIZE <= VBE_BUFFER_SIZE && EDID_SIZE <= VBE_MODE_INFO_SIZE, "buffer");

static bool call(struct segue_bios_registers *registers, uint32_t function, uint32_t buffer)
{
	registers->eax = function;
	registers->es = (uint16_t)(buffer / 16);
	registers->edi = buffer % 16;
	bios_call(VECTOR_VIDEO, registers);
	return (registers->eax & 0xffffu) == DONE;
}

static void clear(uint32_t addr, uint32_t size)
{
	uint8_t *bytes = physical(addr);

	for (uint32_t i = 0; i < size; i++)
		bytes[i] = 0;
}

static void copy(uint8_t *to, uint32_t addr, uint32_t size)
{
	const uint8_t *from = physical(addr);

	for (uint32_t i = 0; i < size; i++)
		to[i] = from[i];
}

static bool begins_with(const uint8_t *bytes, const char *text)
{
	for (; *text; text++, bytes++)
		if (*bytes != (uint8_t)*text)
			return false;
	return true;
}

static const char *read_control_info(struct vbe *vbe, uint32_t buffer)
{
	static const char ask_for_version_2[] = "VBE2";
	struct segue_bios_registers registers = { 0 };
	uint8_t *block = physical(buffer);

	clear(buffer, VBE_CONTROL_INFO_SIZE);
	for (uint32_t i = 0; i < 4; i++)
		block[i] = (uint8_t)ask_for_version_2[i];
	if (!call(&registers, GET_CONTROL_INFO, buffer) || !begins_with(block, "VESA"))
		return "the BIOS has no VESA BIOS Extensions";
	copy(vbe->control_info, buffer, VBE_CONTROL_INFO_SIZE);
	if (vbe_le16(CONTROL(vbe, version)) < VERSION_2)
		return "the BIOS's VESA BIOS Extensions are older than 2.0 and have no linear framebuffer";
	return NULL;
}

/* The list may be in the buffer, so it is read before any other call. */
static size_t read_modes(const struct vbe *vbe, uint16_t modes[MODES_MAX])
{
	const uint8_t *pointer = CONTROL(vbe, modes);
	uint32_t list = vbe_le16(pointer + 2) * 16 + vbe_le16(pointer);
	size_t count = 0;

	for (uint32_t i = 0; i < MODES_MAX; i++) {
		uint32_t number = vbe_le16(physical(list + 2 * i));

		if (number == MODES_END)
			break;
		if (number != NO_MODE && number <= VBE_MODE_NUMBER)
			modes[count++] = (uint16_t)number;
	}
	return count;
}

static bool read_mode(const struct vbe *vbe, uint32_t number, uint32_t buffer, struct segue_framebuffer *framebuffer)
{
	const uint32_t needed = VBE_ATTRIBUTE_SUPPORTED | VBE_ATTRIBUTE_COLOR;
	struct segue_bios_registers registers = { .ecx = number };
	const uint8_t *info = physical(buffer + SECOND_AT);

	clear(buffer + SECOND_AT, VBE_MODE_INFO_SIZE);
	return call(&registers, GET_MODE_INFO, buffer + SECOND_AT) &&
		(vbe_le16(info + offsetof(struct vbe_mode_info, attributes)) & needed) == needed &&
		vbe_framebuffer(framebuffer, info, vbe_le16(CONTROL(vbe, version)));
}

/* The monitor's preferred size. Some BIOSes return none, or an invalid one. */
static bool read_monitor(uint32_t buffer, struct vbe_wish *wish)
{
	struct segue_bios_registers registers = { .ebx = DISPLAY_DATA_READ };
	const uint8_t *edid = physical(buffer + SECOND_AT), *timing = edid + EDID_TIMING;
	uint32_t sum = 0;

	clear(buffer + SECOND_AT, EDID_SIZE);
	if (!call(&registers, DISPLAY_DATA, buffer + SECOND_AT))
		return false;
	for (uint32_t i = 0; i < EDID_SIZE; i++)
		sum += edid[i];
	if (sum % 256 != 0 || edid[0] != 0 || !begins_with(edid + 1, "\xff\xff\xff\xff\xff\xff") || vbe_le16(timing) == 0)
		return false;
	/* section 3.10.2: 12 bits each, and bit 7 of the last byte is for interlaced lines */
	wish->width = timing[2] + (timing[4] & 0xf0u) * 16;
	wish->height = timing[5] + (timing[7] & 0xf0u) * 16;
	return !(timing[17] & 0x80u) && wish->width && wish->height;
}

static void settle_size(uint32_t buffer, struct vbe_wish *wish)
{
	if (wish->width || wish->height || read_monitor(buffer, wish))
		return;
	wish->width = DEFAULT_WIDTH;
	wish->height = DEFAULT_HEIGHT;
}

static uint32_t choose(const struct vbe *vbe, const struct vbe_wish *asked, uint32_t buffer)
{
	uint16_t modes[MODES_MAX];
	size_t count = read_modes(vbe, modes);
	struct vbe_wish wish = *asked;
	struct segue_framebuffer framebuffer;
	uint64_t least = UINT64_MAX;
	uint32_t best = NO_MODE;

	settle_size(buffer, &wish);
	for (size_t i = 0; i < count; i++) {
		uint64_t distance;

		if (!read_mode(vbe, modes[i], buffer, &framebuffer))
			continue;
		distance = vbe_distance(&framebuffer, &wish);
		if (distance < least) {
			least = distance;
			best = modes[i];
		}
	}
	return best;
}

/* VBE 3.0, section 4.13: optional. Without it the three fields are 0, as Multiboot 1, section 3.3, specifies. */
static void read_interface(struct segue_vbe *passed, uint32_t buffer)
{
	struct segue_bios_registers registers = { 0 };

	if (!call(&registers, GET_INTERFACE, buffer))
		return;
	passed->interface_seg = registers.es;
	passed->interface_off = (uint16_t)registers.edi;
	passed->interface_len = (uint16_t)registers.ecx;
}

const char *vbe_set(struct vbe *vbe, const struct vbe_wish *wish, uint32_t buffer)
{
	struct segue_bios_registers registers = { 0 };
	const char *why;
	uint32_t number = wish->mode;

	*vbe = (struct vbe){ .passed = { .control_info = vbe->control_info, .mode_info = vbe->mode_info } };
	why = read_control_info(vbe, buffer);
	if (why)
		return why;
	if (!number)
		number = choose(vbe, wish, buffer);
	if (!number)
		return "the BIOS has no mode with a linear framebuffer";
	if (!read_mode(vbe, number, buffer, &vbe->framebuffer))
		return "the BIOS has no such mode with a linear framebuffer";
	copy(vbe->mode_info, buffer + SECOND_AT, VBE_MODE_INFO_SIZE);
	vbe->passed.mode = (uint16_t)(number | VBE_MODE_LINEAR);
	vbe->touched = true;
	registers.ebx = vbe->passed.mode;
	if (!call(&registers, SET_MODE, buffer))
		return "the BIOS does not set the mode";
	registers = (struct segue_bios_registers){ 0 };
	if (!call(&registers, GET_MODE, buffer) || (registers.ebx & MODE_IN_USE) != number)
		return "the BIOS has set another mode";
	read_interface(&vbe->passed, buffer);
	return NULL;
}

void vbe_set_text(void)
{
	struct segue_bios_registers registers = { .eax = SET_TEXT_MODE_3 };

	bios_call(VECTOR_VIDEO, &registers);
}

void vbe_set_cursor(uint32_t column, uint32_t row)
{
	struct segue_bios_registers registers = { .eax = SET_CURSOR, .edx = row << 8 | column };

	bios_call(VECTOR_VIDEO, &registers);
}
