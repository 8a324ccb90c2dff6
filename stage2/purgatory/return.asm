; SPDX-License-Identifier: MIT
;
; The return page (return/return_page.h): where a target comes back, and where purgatory leaves for the host. segue_load() puts
; it at a page of the workspace.

; The target comes back: segue_target.h has the contract.
;   mode      32-bit, flat segments, CPL 0, paging off; any flags
;   in        EAX   the target's word; ESP its stack, with its return address
;   out       purgatory is entered anew: it exchanges memory, and jumps to to_host
return_entry:
	cli
	mov [dword return_page.ebp], ebp
%if $ - 4 - $$ + RETURN_ENTRY_AT != RETURN_PATCH_1
	%error "RETURN_PATCH_1"
%endif
	mov ebp, strict dword 0
%if $ - 4 - $$ + RETURN_ENTRY_AT != RETURN_PATCH_2
	%error "RETURN_PATCH_2"
%endif
	cld
	mov [ebp + return_page.word], eax
	mov [ebp + return_page.esp], esp
	mov eax, [esp]
	mov [ebp + return_page.eip], eax
	mov eax, [ebp + return_page.purgatory]
	mov [eax + arguments + params.ebx], ebx
	mov [eax + arguments + params.esi], esi
	mov [eax + arguments + params.edi], edi
; Falls through.

; turn_back: enters purgatory for the way to the host
;   in        EAX   purgatory, EBP the return page
turn_back:
	mov ecx, [ebp + return_page.exchanges]
	mov [eax + arguments + params.list], ecx
	and word [eax + arguments + params.flags], PURGATORY_HIGH
	or byte [eax + arguments + params.flags + 1], PURGATORY_TO_HOST >> 8
	and dword [eax + arguments + params.quiet], 0
	jmp eax

; wrong_digest: the target was put in place, and is not entered
;   in        EAX   this address, EBP purgatory
wrong_digest:
	xchg eax, ebp
	sub ebp, wrong_digest
	mov dword [ebp + return_page.result], SEGUE_E_DIGEST
	jmp turn_back

; to_host: leaves for the host by the gate's copy (cross.inc)
;   mode      32-bit, purgatory's segments and IDT, paging off
;   in        EAX   this address, EBP purgatory
to_host:
	sub eax, to_host
	mov ebx, [eax + return_page.crossing]
	mov ecx, [ebx + crossing.ascend]
	lea esi, [eax + no_host_text]
	jecxz no_host
	mov ebp, [eax + return_page.leave]
	mov esp, ebp
	jmp ecx

; no_host: in ESI the text, EBP purgatory
no_host:
	lea ecx, [ebp + print_text]
	call ecx
	lea ecx, [ebp + stop]
	jmp ecx
no_host_text:
	db "segue: the target has come back, and was not entered by segue_call(); stopped", 13, 10, 0

%if $ - $$ + RETURN_ENTRY_AT > RETURN_STACK_TOP - 512
	%error "the return page leaves a target too little stack"
%endif
