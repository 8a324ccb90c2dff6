; SPDX-License-Identifier: MIT
; bios_is_there() (bios_services.h): the check that segue_bios() makes too.

%include "bios/bios_there.inc"

bits 32
global bios_is_there

section .text

bios_is_there:
	push esi
	call find_bios
	pop esi
	setc al
	ret

	find_bios_routine

section .note.GNU-stack noalloc noexec nowrite progbits
