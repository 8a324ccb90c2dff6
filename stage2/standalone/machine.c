/* SPDX-License-Identifier: MIT */
/* The PC: ports, the interval timer, the keyboard controller, reset. */
#include "machine/hardware.h"
#include "standalone.h"

#define KEYBOARD_FROM_MOUSE 0x20
#define KEYBOARD_ENTER 0x1c           /* scan code set 1 */
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
	uint8_t control = (uint8_t)(port_read8(PORT_SYSTEM_B) & ~SYSTEM_B_SPEAKER);

	port_write8(PORT_SYSTEM_B, (uint8_t)(control & ~SYSTEM_B_GATE_2));
	port_write8(PIT_CONTROL, PIT_ONE_SHOT_2);
	port_write8(PIT_CHANNEL_2, (PIT_HZ / 20) & 255u);
	port_write8(PIT_CHANNEL_2, (PIT_HZ / 20) >> 8);
	port_write8(PORT_SYSTEM_B, control | SYSTEM_B_GATE_2);
	/* A port read takes about a microsecond, so without a timer the loop's limit ends the wait approximately. */
	for (uint32_t tries = 0; tries < 1000000; tries++)
		if (port_read8(PORT_SYSTEM_B) & SYSTEM_B_OUT_2)
			break;
	port_write8(PORT_SYSTEM_B, control);
}

bool keyboard_enter_pressed(void)
{
	/* If the buffer never empties, there is no controller. */
	for (uint32_t tries = 0; tries < 32; tries++) {
		uint8_t status = port_read8(KBC_COMMAND);
		uint8_t code;

		if (status == ABSENT || !(status & KBC_OUTPUT_FULL))
			return false;
		code = port_read8(KBC_DATA);
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
		if (!(port_read8(KBC_COMMAND) & KBC_INPUT_FULL))
			break;
	port_write8(KBC_COMMAND, KBC_PULSE_RESET);
	wait_50_ms();
	port_write8(PORT_RESET_CONTROL, RESET_SYSTEM);
	port_write8(PORT_RESET_CONTROL, RESET_SYSTEM | RESET_CPU);
	wait_50_ms();
	/* A fault without an IDT is a shutdown (triple fault), which resets a PC. */
	__asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt));
	for (;;)
		__asm__ volatile("cli\n\thlt");
}
