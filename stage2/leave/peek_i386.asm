; SPDX-License-Identifier: MIT
;
; segue_peek, i386 (peek.inc)
;   mode      32-bit, CPL 0; DS and SS with the same base
;   in        EAX   struct peek
%include "numbers/leave.inc"

%define HOST 32
%define PEEK eax
%include "leave/width.inc"
%include "leave/peek.inc"
