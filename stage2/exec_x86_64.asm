; SPDX-License-Identifier: MIT
;
; segue_exec (include/segue.h), x86_64
;   The gate out of long mode is not built yet: segue_ready() refuses every 64-bit host, so a caller
;   that keeps to the contract never comes here. One that does is stopped where a debugger sees it.
bits 64
section .text
global segue_exec
segue_exec:
	cli
.stop:
	hlt
	jmp .stop
section .note.GNU-stack noalloc noexec nowrite progbits
