; SPDX-License-Identifier: MIT
;
; segue_peek, i386 (peek.inc)
;   mode      32-bit, CPL 0; DS and SS of one base
;   in        EAX   struct peek
struc peek
	.at		resd 1
	.value		resd 2
			resw 3
	.idt		resw 1
			resd 1
			resw 3
	.gdt		resw 1
			resd 1
endstruc

%define HOST 32
%define PEEK eax
%include "leave/width.inc"
%include "leave/peek.inc"
