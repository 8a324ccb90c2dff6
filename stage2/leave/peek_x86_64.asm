; SPDX-License-Identifier: MIT
;
; segue_peek, x86_64 (peek.inc)
;   mode      64-bit, CPL 0
;   in        RDI   struct peek
struc peek
	.at		resq 1
	.value		resd 2
			resw 3
	.idt		resw 1
			resq 1
			resw 3
	.gdt		resw 1
			resq 1
endstruc

%define HOST 64
%define PEEK rdi
%include "leave/width.inc"
%include "leave/peek.inc"
