/* SPDX-License-Identifier: MIT */
/* The PC: ports, the interval timer, the keyboard controller, reset. */
#include "standalone.h"

#define PIT_HZ 1193182u
#define PIT_CHANNEL_2 0x42
#define PIT_CONTROL 0x43
#define PIT_CHANNEL_2_ONE_SHOT 0xb0   /* channel 2, low then high byte, mode 0, binary */
#define SYSTEM_CONTROL 0x61           /* IBM PC/AT, port B */
#define SYSTEM_GATE_2 0x01
#define SYSTEM_SPEAKER 0x02
#define SYSTEM_OUT_2 0x20
#define KEYBOARD_DATA 0x60
#define KEYBOARD_STATUS 0x64
#define KEYBOARD_OUTPUT_FULL 0x01
#define KEYBOARD_INPUT_FULL 0x02
#define KEYBOARD_FROM_MOUSE 0x20
#define KEYBOARD_ENTER 0x1c           /* scan code set 1 */
#define KEYBOARD_PULSE_RESET 0xfe
#define RESET_CONTROL 0xcf9           /* Intel chipsets since PIIX3 */
#define RESET_SYSTEM 0x02
#define RESET_CPU 0x04
#define ABSENT 0xff                   /* the value read from a port without a device */

void *physical(uint32_t addr)
{
	return (void *)addr;
}

uint32_t physical_address(const void *pointer)
{
	return (uint32_t)pointer;
}

void port_write8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

uint8_t port_read8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void wait_50_ms(void)
{
	uint8_t control = (uint8_t)(port_read8(SYSTEM_CONTROL) & ~SYSTEM_SPEAKER);

	port_write8(SYSTEM_CONTROL, (uint8_t)(control & ~SYSTEM_GATE_2));
	port_write8(PIT_CONTROL, PIT_CHANNEL_2_ONE_SHOT);
	port_write8(PIT_CHANNEL_2, (PIT_HZ / 20) & 255u);
	port_write8(PIT_CHANNEL_2, (PIT_HZ / 20) >> 8);
	port_write8(SYSTEM_CONTROL, control | SYSTEM_GATE_2);
	/* A port read takes about a microsecond, so without a timer the loop's limit ends the wait approximately. */
	for (uint32_t tries = 0; tries < 1000000; tries++)
		if (port_read8(SYSTEM_CONTROL) & SYSTEM_OUT_2)
			break;
	port_write8(SYSTEM_CONTROL, control);
}

bool keyboard_enter_pressed(void)
{
	/* If the buffer never empties, there is no controller. */
	for (uint32_t tries = 0; tries < 32; tries++) {
		uint8_t status = port_read8(KEYBOARD_STATUS);
		uint8_t code;

		if (status == ABSENT || !(status & KEYBOARD_OUTPUT_FULL))
			return false;
		code = port_read8(KEYBOARD_DATA);
		if (code == KEYBOARD_ENTER && !(status & KEYBOARD_FROM_MOUSE))
			return true;
	}
	return false;
}

void reboot(void)
{
	static const struct __attribute__((packed)) {
		uint16_t limit;
		uint32_t base;
	} no_idt = { 0, 0 };

	for (uint32_t tries = 0; tries < 100000; tries++)
		if (!(port_read8(KEYBOARD_STATUS) & KEYBOARD_INPUT_FULL))
			break;
	port_write8(KEYBOARD_STATUS, KEYBOARD_PULSE_RESET);
	wait_50_ms();
	port_write8(RESET_CONTROL, RESET_SYSTEM);
	port_write8(RESET_CONTROL, RESET_SYSTEM | RESET_CPU);
	wait_50_ms();
	/* A fault without an IDT is a shutdown (triple fault), which resets a PC. */
	__asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt));
	for (;;)
		__asm__ volatile("cli\n\thlt");
}
