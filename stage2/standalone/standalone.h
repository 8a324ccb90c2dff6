/* SPDX-License-Identifier: MIT */
/* Interfaces shared by the files of the standalone host. */
#ifndef STANDALONE_H
#define STANDALONE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "purgatory/font.h"
#include "segue.h"

struct boot_info;
struct options;

/* machine.c: physical addresses, which are pointers in a flat host (a test on the build machine has its own version) */
void *physical(uint32_t addr);
uint32_t physical_address(const void *pointer);

/* machine.c: ports, time, keys */
void port_write8(uint16_t port, uint8_t value);
uint8_t port_read8(uint16_t port);
void wait_50_ms(void);
bool keyboard_enter_pressed(void);
SEGUE_NORETURN void reboot(void);

/*
 * acpi.c: finds ACPI's RSDP. machine.rsdp is set to its address, and machine.rsdp_copy to the original too. The boot loader's
 * copy is dropped once the original is found.
 */
void acpi_settle_rsdp(struct boot_info *boot);

/* exceptions.c */
void exceptions_install(void);

/* format.c: supports %s %c %u %x (uint32_t), %llu %llx (uint64_t), a width with or without 0, and %% */
void format_text(void (*put)(void *context, char c), void *context, const char *format, va_list list);

/* serial.c */
struct serial_port {
	uint16_t base;
	uint16_t failures;            /* consecutive characters that the port did not accept */
};
bool serial_open(struct serial_port *port, uint16_t base, uint32_t speed);
void serial_put(struct serial_port *port, char c);
void serial_flush(struct serial_port *port);
bool serial_enter_pressed(struct serial_port *port);

/* vga.c: the text screen */
bool vga_text_active(struct segue_framebuffer *framebuffer);
void vga_cursor(const struct segue_framebuffer *framebuffer, uint32_t *column, uint32_t *row);
void vga_open(const struct segue_framebuffer *framebuffer);
void vga_put(char c);

/* framebuffer.c: text on a graphics screen. NULL if it can be written, else why not. */
const char *framebuffer_open(const struct segue_framebuffer *framebuffer);
void framebuffer_put(char c);

/* font.asm: 0x20 to 0x7f; line y of character n is font[n / 16][y][n % 16], bit 4 leftmost */
#define FONT_FIRST 0x20u
#define FONT_LAST 0x7fu
extern const uint8_t font[6][FONT_HEIGHT][FONT_BAND];

/* console.c */
void console_open(const struct options *options, const struct segue_framebuffer *framebuffer);
void console_open_default(void);
/* Continues on another screen, if the console includes the screen. */
void console_change_screen(const struct options *options, const struct segue_framebuffer *framebuffer);
void console_flush(void);
/* The I/O port of the first serial port that is open; 0: none is. */
uint32_t console_serial_port(void);
bool console_enter_pressed(void);
/* Prints one line. level is of enum segue_log_level; lines above the user's level are not printed. */
void say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints a line, shorter than the screen's width, over the previous line of say_over(). */
void say_over(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * refuse.c. give_up() waits for Enter or for the seconds set by give_up_after(), then reboots. refuse() first prints the
 * reason: the last sentence given to take_log() or keep_refusal(), or else the code's meaning.
 */
void give_up_after(uint32_t seconds);
SEGUE_NORETURN void give_up(void);
SEGUE_NORETURN void refuse(int code);
SEGUE_NORETURN void refuse_with_code(int code); /* after a sentence of the caller's own */
void keep_refusal(const char *sentence);
/* For segue_load_args.log. Call take_log_again() before segue_load() runs again, so that a sentence is shown once. */
void take_log(void *context, int level, const char *sentence);
void take_log_again(void);

#endif
