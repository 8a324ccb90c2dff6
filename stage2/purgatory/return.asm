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
; In ECX a list
.by_list:
	mov [eax + arguments + params.list], ecx
	and word [eax + arguments + params.flags], PURGATORY_HIGH
	or byte [eax + arguments + params.flags + 1], PURGATORY_TO_HOST >> 8
	and dword [eax + arguments + params.quiet], 0
	jmp eax

; restore_entry: all of the host's memory is in place again (segue_core.h)
;   mode      32-bit, flat segments, CPL 0, paging off; any flags
;   out       purgatory is entered anew: it moves nothing, and jumps to to_host
%if $ - $$ + RETURN_ENTRY_AT != RETURN_RESTORE_AT
	%error "RETURN_RESTORE_AT"
%endif
restore_entry:
	cli
	mov ebp, strict dword 0
%if $ - 4 - $$ + RETURN_ENTRY_AT != RETURN_PATCH_3
	%error "RETURN_PATCH_3"
%endif
	mov eax, [ebp + return_page.purgatory]
	mov dword [ebp + return_page.result], SEGUE_RESTORED
	lea ecx, [ebp + no_moves - move.op]
	jmp short turn_back.by_list
no_moves:
	dd 0

; wrong_digest: the target was put in place, and is not entered
;   in        EBX   the return page, EBP purgatory
wrong_digest:
	mov eax, ebp
	mov ebp, ebx
	mov dword [ebp + return_page.result], SEGUE_E_DIGEST
	jmp turn_back

; to_host: leaves for the host by the gate's copy (cross.inc)
;   mode      32-bit, purgatory's segments and IDT, paging off
;   in        EBX   the return page, EBP purgatory
to_host:
	mov eax, [ebx + return_page.crossing]
	lea esi, [ebx + no_host_text]
	mov ecx, [eax + crossing.ascend]
	jecxz no_host
	call put_back_msrs
	mov ebp, [ebx + return_page.leave]
	mov esp, ebp
	mov ebx, [ebx + return_page.crossing]
	jmp [ebx + crossing.ascend]

; keep_host: keeps what a target may change. Without MSRs their list stays empty.
;   in        EBX   the return page, EBP purgatory
;   clobbers  EAX ECX EDX ESI EDI EFLAGS
keep_host:
	push ebx
	lea eax, [ebp + highest_leaf]
	call eax
	test eax, eax
	jz .none
	mov eax, 1
	cpuid
	test edx, CPUID_MSR
.none:
	pop ebx
	jnz keep_msrs
	ret

; no_host: in ESI the text, EBP purgatory
no_host:
	lea ecx, [ebp + print_text]
	call ecx
	lea ecx, [ebp + stop]
	jmp ecx
no_host_text:
	db "segue: the target has come back, and was not entered by segue_call(); stopped", 13, 10, 0
