; SPDX-License-Identifier: MIT
; Purgatory's core as bytes in the library; the build has assembled it to PURGATORY_BIN.
section .rodata
global segue_purgatory_core
global segue_purgatory_core_size
	align 4
segue_purgatory_core_size:
	dd segue_purgatory_core.end - segue_purgatory_core
segue_purgatory_core:
	incbin PURGATORY_BIN
.end:
section .note.GNU-stack noalloc noexec nowrite progbits
