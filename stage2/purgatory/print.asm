; SPDX-License-Identifier: MIT
;
; Text and numbers on the serial port and the debug port. These are macros because purgatory and the catcher have one set
; each: purgatory's is gone when the catcher prints.

%include "machine/serial.inc"

; text_printers NAME: NAME_text and NAME_hexadecimal, which call NAME_character; that must clobber only EFLAGS
%macro text_printers 1
; NAME_text: in ESI a text, EBP base; out ESI after its end; clobbers only EFLAGS
%1_text:
	push eax
.next:
	lodsb
	test al, al
	jz .done
	call %1_character
	jmp .next
.done:
	pop eax
	ret

; NAME_hexadecimal: in EAX a number, EBP base; clobbers EAX ECX. Called at .digit, it prints the topmost ECX digits.
%1_hexadecimal:
	mov ecx, 8
.digit:
	rol eax, 4
	push eax
	and al, 15
	cmp al, 10
	sbb al, 0x69			; 0 to 9, A to F: the classic pair, SBB then DAS
	das
	call %1_character
	pop eax
	loop .digit
	ret
%endmacro

; port_printer LABEL, ADDRESS: a routine that prints to the port whose number is the word at ADDRESS; 0: none
;   in AL; clobbers only EFLAGS. The wait for the port to be ready is limited.
%macro port_printer 2
%1:
	pushad
	movzx edx, word [%2]
	put_character ebx
	popad
	ret
%endmacro
