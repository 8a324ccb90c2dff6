; SPDX-License-Identifier: MIT
; Embeds stage2/bios/bios_call.asm as bytes. BIOS_CALL_BIN is the name of the assembled file.

global segue_bios_call
global segue_bios_call_end

section .rodata

	align 4, db 0
segue_bios_call:
	incbin BIOS_CALL_BIN
segue_bios_call_end:

section .note.GNU-stack noalloc noexec nowrite progbits
