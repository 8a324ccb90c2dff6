; SPDX-License-Identifier: MIT
; The ground's bytes, 32-bit code in both libraries.
%include "bios/bios_ground.inc"

global segue_bios_ground
global segue_bios_ground_end
section .rodata
	align 4, db 0
segue_bios_ground:
	ground
segue_bios_ground_end:
section .note.GNU-stack noalloc noexec nowrite progbits
