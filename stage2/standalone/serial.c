/* SPDX-License-Identifier: MIT */
/* National Semiconductor 16550 and compatibles. Every wait has a limit. */
#include "standalone.h"

#define UART_DATA 0                   /* with DLAB: divisor, low */
#define UART_INTERRUPTS 1             /* with DLAB: divisor, high */
#define UART_FIFO 2
#define UART_LINE_CONTROL 3
#define UART_MODEM_CONTROL 4
#define UART_LINE_STATUS 5
#define LINE_8N1 0x03
#define LINE_DIVISOR 0x80
#define FIFO_ENABLE_AND_CLEAR 0x07
#define MODEM_DTR_RTS 0x03
#define STATUS_DATA_READY 0x01
#define STATUS_TRANSMIT_READY 0x20
#define STATUS_TRANSMIT_EMPTY 0x40
#define UART_ABSENT 0xff
#define UART_CLOCK 115200u

/* A character takes 87 microseconds at 115200, 33 ms at 300; a port read about one. */
#define WAIT_TRIES 100000u
#define FAILURES_MAX 3

static uint8_t status(const struct serial_port *port)
{
	return port_read8((uint16_t)(port->base + UART_LINE_STATUS));
}

static bool wait_for(const struct serial_port *port, uint8_t bits)
{
	for (uint32_t tries = 0; tries < WAIT_TRIES; tries++)
		if ((status(port) & bits) == bits)
			return true;
	return false;
}

bool serial_open(struct serial_port *port, uint16_t base, uint32_t speed)
{
	uint32_t divisor = UART_CLOCK / speed;

	port->base = base;
	port->failures = 0;
	if (status(port) == UART_ABSENT) {
		port->base = 0;
		return false;
	}
	/* Let the boot loader's last characters be sent first. */
	wait_for(port, STATUS_TRANSMIT_EMPTY);
	port_write8((uint16_t)(base + UART_LINE_CONTROL), LINE_8N1);
	port_write8((uint16_t)(base + UART_INTERRUPTS), 0);
	port_write8((uint16_t)(base + UART_LINE_CONTROL), LINE_8N1 | LINE_DIVISOR);
	port_write8((uint16_t)(base + UART_DATA), (uint8_t)(divisor & 255u));
	port_write8((uint16_t)(base + UART_INTERRUPTS), (uint8_t)(divisor >> 8));
	port_write8((uint16_t)(base + UART_LINE_CONTROL), LINE_8N1);
	port_write8((uint16_t)(base + UART_FIFO), FIFO_ENABLE_AND_CLEAR);
	port_write8((uint16_t)(base + UART_MODEM_CONTROL), MODEM_DTR_RTS);
	return true;
}

void serial_put(struct serial_port *port, char c)
{
	if (port->base == 0 || port->failures == FAILURES_MAX)
		return;
	if (!wait_for(port, STATUS_TRANSMIT_READY)) {
		port->failures++;
		return;
	}
	port->failures = 0;
	port_write8((uint16_t)(port->base + UART_DATA), (uint8_t)c);
}

void serial_flush(struct serial_port *port)
{
	if (port->base != 0 && port->failures != FAILURES_MAX)
		wait_for(port, STATUS_TRANSMIT_EMPTY);
}

bool serial_enter_pressed(struct serial_port *port)
{
	if (port->base == 0)
		return false;
	/* Limited, for a port that always reports ready but has no data. */
	for (uint32_t tries = 0; tries < 32 && (status(port) & STATUS_DATA_READY); tries++) {
		uint8_t c = port_read8((uint16_t)(port->base + UART_DATA));

		if (c == '\r' || c == '\n')
			return true;
	}
	return false;
}
