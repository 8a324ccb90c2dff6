; SPDX-License-Identifier: MIT
; The font as bytes in segue.elf.

global font
section .rodata
%include "../purgatory/font.inc"
section .note.GNU-stack noalloc noexec nowrite progbits
