#include "textflag.h"

// A byte c is one that JSON has outside strings where low[c&15] & high[c>>4] is not
// zero; each half has a bit of its own for each row of the ASCII table. VPSHUFB gives zero
// for c >= 0x80.
DATA low<>+0(SB)/8, $0x04246C4444462406
DATA low<>+8(SB)/8, $0x0022532252050504
GLOBL low<>(SB), RODATA|NOPTR, $16

DATA high<>+0(SB)/8, $0x4020100804020001
DATA high<>+8(SB)/8, $0x0000000000000000
GLOBL high<>(SB), RODATA|NOPTR, $16

// '"', '\', and the low half of a byte.
DATA single<>+0(SB)/4, $0x000F5C22
GLOBL single<>(SB), RODATA|NOPTR, $4

// HALF classifies 32 bytes into the masks' halves that begin at offset half, and
// leaves the quotes in a register.
#define HALF(from, half, quotes) \
	VMOVDQU   from(SI), Y0      \
	VPCMPEQB  Y0, Y8, Y1        \
	VPMOVMSKB Y1, quotes        \
	VPCMPEQB  Y0, Y9, Y2        \
	VPMOVMSKB Y2, R9            \
	MOVL      R9, (half+8)(DI)  \
	VPSRLW    $4, Y0, Y1        \
	VPAND     Y15, Y1, Y1       \
	VPSHUFB   Y1, Y14, Y1       \
	VPSHUFB   Y0, Y13, Y2       \
	VPAND     Y1, Y2, Y1        \
	VPOR      Y0, Y12, Y6       \
	VPCMPEQB  Y6, Y10, Y2       \
	VPCMPEQB  Y6, Y11, Y3       \
	VPOR      Y2, Y3, Y2        \
	VPMOVMSKB Y2, R12           \
	MOVL      R12, (half+16)(DI) \
	VPCMPEQB  Y1, Y7, Y1        \
	VPMOVMSKB Y1, R9            \
	MOVL      R9, (half+24)(DI)

// func classifyAVX2(dst *masks, src *byte, blocks int, fold, a, b byte)
TEXT ·classifyAVX2(SB), NOSPLIT, $0-27
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX

	VPBROADCASTB   single<>+0(SB), Y8
	VPBROADCASTB   single<>+1(SB), Y9
	VPBROADCASTB   a+25(FP), Y10
	VPBROADCASTB   b+26(FP), Y11
	VPBROADCASTB   fold+24(FP), Y12
	VPBROADCASTB   single<>+2(SB), Y15
	VBROADCASTI128 low<>(SB), Y13
	VBROADCASTI128 high<>(SB), Y14
	VPXOR          Y7, Y7, Y7
	VPCMPEQB       X5, X5, X5

	TESTQ CX, CX
	JLE   done

block:
	HALF(0, 0, R8)
	HALF(32, 4, R13)
	SHLQ $32, R13
	ORQ  R8, R13
	MOVQ R13, 0(DI)

	// A carry-less product with all ones is the exclusive or of all lower bits.
	VMOVQ      R13, X4
	VPCLMULQDQ $0, X5, X4, X4
	VMOVQ      X4, 32(DI)
	ADDQ       $64, SI
	ADDQ       $40, DI
	DECQ CX
	JNZ  block

done:
	VZEROUPPER
	RET
