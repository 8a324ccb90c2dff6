# SPDX-License-Identifier: MIT
# The host's own half of a makefile; include/README.md's lines, which link kernel.elf, follow it.
CC := gcc
LD := ld
NASM := nasm
BITS_i386 := 32
BITS_x86_64 := 64
CFLAGS_i386 := -m32 -march=i386
CFLAGS_x86_64 := -m64 -mno-red-zone
LDFLAGS_i386 := -m elf_i386
LDFLAGS_x86_64 := -m elf_x86_64
CFLAGS = $(CFLAGS_$(ARCH)) -std=c11 -O2 -Wall -Wextra -Wpedantic $(if $(filter 1,$(WERROR)),-Werror) -ffreestanding -fno-pic -fno-stack-protector \
	-fno-asynchronous-unwind-tables -mgeneral-regs-only
LDFLAGS = $(LDFLAGS_$(ARCH)) -T kernel.ld -z noexecstack
OBJECTS := boot_$(ARCH).o main.o start_kernel.o
# QEMU's -kernel takes an ELF32 only.
kernel32.elf: kernel.elf
	objcopy -O elf32-i386 $< $@
%.o: %.asm
	$(NASM) -f elf$(BITS_$(ARCH)) -o $@ $<
