; SPDX-License-Identifier: MIT
;
; The state of the host's devices while a target runs that comes back: saved on the way there, restored on the way back.
; The local APIC and the IO-APICs are in keep_apic.asm, the HPET in keep_hpet.asm; here are the RTC, port 61h, and the bus
; masters. C keeps the PICs and the PIT.
;
; What no register shows is lost: the masks of the DMA controllers (8237A data sheet; quiet_bus_masters sets them all), the
; RTC's index with the bit that masks NMIs, and what the sources below call unknown.

%define KEPT(name) edi + kept. %+ name

; keep_devices: changes nothing that the host could see, but that it reads register D of the RTC last
;   mode      32-bit, flat, CPL 0, paging off, interrupts off
;   in        EBP base; params.kept, params.keep
;   out       struct purgatory_kept; the addresses of IO-APICs and HPET in struct devices
;   clobbers  all but EBP and ESP
keep_devices:
	mov edi, [PARAM(kept)]
	mov dword [KEPT(lost)], 0
	call read_acpi
	; The HPET first: its wait for a match may leave an interrupt pending in the local APIC.
	call keep_hpet
	call keep_local_apic
	lea edi, [ebp + keep_io_apic]
	call over_io_apics
	mov edi, [PARAM(kept)]
	in al, PORT_SYSTEM_B
	mov [KEPT(system_b)], al
	mov al, RTC_A
	out RTC_INDEX, al
	in al, RTC_DATA
	mov [KEPT(rtc_a)], al
	mov al, RTC_B
	out RTC_INDEX, al
	in al, RTC_DATA
	mov [KEPT(rtc_b)], al
	call leave_rtc
	test byte [PARAM(keep)], PURGATORY_KEEP_BUS_MASTERS
	jz .done
	mov edx, PCI_ADDRESS
	in eax, dx
	mov [KEPT(pci_address)], eax
	add edi, kept.bus_masters
	xor eax, eax
	mov ecx, kept.bus_masters_size / 4
	rep stosd
	lea edi, [ebp + keep_bus_master]
; each_function, then the address register as the host left it, which may be about to write to the data register
.with_pci_address:
	call each_function
	mov edi, [PARAM(kept)]
	mov eax, [KEPT(pci_address)]
	mov edx, PCI_ADDRESS
	out dx, eax
.done:
	ret

; wake_devices: whatever the target did to them, the devices are as keep_devices found them. Their interrupts that arrived
; since, or that the target left pending or in service, are lost.
;   mode      32-bit, flat, CPL 0, paging off, interrupts off; purgatory's GDT, IDT and stack
;   in        EBP base; struct purgatory_kept, params.kept, params.keep
;   out       kept.lost is larger if the local APIC could not be restored
;   clobbers  all but EBP and ESP
wake_devices:
	; Nothing may send interrupts while the local APIC is emptied, and it must be ready before anything may again.
	call quiet_io_apics
	call quiet_hpet
	call quiet_rtc
	call wake_local_apic
	lea edi, [ebp + wake_io_apic]
	call over_io_apics
	call wake_hpet
	mov edi, [PARAM(kept)]
	mov al, [KEPT(system_b)]
	and al, SYSTEM_B_WRITABLE
	out PORT_SYSTEM_B, al
	mov al, RTC_A
	out RTC_INDEX, al
	mov al, [KEPT(rtc_a)]
	out RTC_DATA, al
	mov al, RTC_B
	out RTC_INDEX, al
	mov al, [KEPT(rtc_b)]
	out RTC_DATA, al
	call leave_rtc
	test byte [PARAM(keep)], PURGATORY_KEEP_BUS_MASTERS
	jz .done
	lea edi, [ebp + wake_bus_master]
	jmp keep_devices.with_pci_address
.done:
	ret

; IBM PC AT Technical Reference, port 61h: the upper bits are inputs
SYSTEM_B_WRITABLE	equ 0x0f
RTC_A			equ 0x0a

; each_function's routines. The target may have numbered the buses anew; then the wrong functions are found.
;   in        EBX the function's address, EAX its command register, EDX the port by which that can be written; EBP base
;   clobbers  EAX EDX ESI
keep_bus_master:
	test al, PCI_BUS_MASTER
	jz .off
	call function_bit
	bts [esi + kept.bus_masters], eax
.off:
	ret
wake_bus_master:
	push eax
	call function_bit
	bt [esi + kept.bus_masters], eax
	pop eax
	sbb esi, esi
	xor esi, eax
	and esi, PCI_BUS_MASTER		; differs
	jz .as_it_was
	xor eax, esi
	and eax, PCI_COMMAND_BITS
	out dx, eax
	in eax, dx
.as_it_was:
	ret

; function_bit: in EBX a function's address, EBP base; out EAX its bit in bus_masters, ESI struct kept
function_bit:
	mov esi, [PARAM(kept)]
	mov eax, ebx
	shr eax, 8
	movzx eax, ax
	ret
