#include "textflag.h"

// A byte c is one that JSON has outside strings where low[c&15] & high[c>>4] is not
// zero; each half has a bit of its own for each row of the ASCII table, and the highest one
// is that of brackets. VPSHUFB gives zero for c >= 0x80.
DATA low<>+0(SB)/8, $0x04246C4444462406
DATA low<>+8(SB)/8, $0x0022D322D2050504
GLOBL low<>(SB), RODATA|NOPTR, $16

DATA high<>+0(SB)/8, $0xC020900804020001
DATA high<>+8(SB)/8, $0x0000000000000000
GLOBL high<>(SB), RODATA|NOPTR, $16

// '"', '\', the low half of a byte, '{', 'n'.
DATA single<>+0(SB)/8, $0x0000006E7B0F5C22
GLOBL single<>(SB), RODATA|NOPTR, $8

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
	VPCMPEQB  Y0, Y10, Y2       \
	VPMOVMSKB Y2, R12           \
	MOVL      R12, (half+16)(DI) \
	VPCMPEQB  Y0, Y11, Y2       \
	VPMOVMSKB Y2, R9            \
	MOVL      R9, (half+48)(DI) \
	VPMOVMSKB Y1, R12           \
	MOVL      R12, (half+40)(DI) \
	VPCMPEQB  Y1, Y7, Y1        \
	VPMOVMSKB Y1, R9            \
	MOVL      R9, (half+24)(DI)

// func classifyAVX2(dst *masks, src *byte, blocks int)
TEXT ·classifyAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ blocks+16(FP), CX

	VPBROADCASTB   single<>+0(SB), Y8
	VPBROADCASTB   single<>+1(SB), Y9
	VPBROADCASTB   single<>+2(SB), Y15
	VPBROADCASTB   single<>+3(SB), Y10
	VPBROADCASTB   single<>+4(SB), Y11
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
	ADDQ       $56, DI
	DECQ CX
	JNZ  block

done:
	VZEROUPPER
	RET
