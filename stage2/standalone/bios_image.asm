; SPDX-License-Identifier: MIT
; stage1/bios_call.asm as bytes. BIOS_CALL_BIN is its file.

global bios_call_image
global bios_call_image_end

section .rodata

	align 4, db 0
bios_call_image:
	incbin BIOS_CALL_BIN
bios_call_image_end:

section .note.GNU-stack noalloc noexec nowrite progbits
