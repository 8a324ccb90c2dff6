; SPDX-License-Identifier: MIT
;
; Replaces a bzImage's first instructions: prints the time-stamp counter that its 32-bit entry sees, as
; "TSC xxxxxxxxxxxxxxxx" on QEMU's debug port, and stops. Everything before is done by the boot loader as for
; the kernel itself. Needs no stack.
bits 32
org 0
DEBUG_PORT	equ 0xe9
	rdtsc
	mov ebx, eax
	mov ebp, edx
	mov dx, DEBUG_PORT
%macro letter 1
	mov al, %1
	out dx, al
%endmacro
	letter 'T'
	letter 'S'
	letter 'C'
	letter ' '
	mov ecx, 16
digit:
	mov eax, ebp
	shr eax, 28
	cmp al, 10
	sbb al, 0x69
	das
	out dx, al
	shld ebp, ebx, 4
	shl ebx, 4
	loop digit
	letter 10
stop:
	cli
	hlt
	jmp stop
