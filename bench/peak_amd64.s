#include "textflag.h"

// Chains of multiply-adds on registers alone. A multiply-add takes about four
// cycles and a core starts two of them a cycle, so eight chains would keep it
// busy; more do no harm.

#define FMA4(op, x, a, b, c, d) \
	op x, x, a \
	op x, x, b \
	op x, x, c \
	op x, x, d

#define FMA512(op) \
	FMA4(op, Z31, Z0, Z1, Z2, Z3) \
	FMA4(op, Z31, Z4, Z5, Z6, Z7) \
	FMA4(op, Z31, Z8, Z9, Z10, Z11) \
	FMA4(op, Z31, Z12, Z13, Z14, Z15)

#define FMA256(op) \
	FMA4(op, Y15, Y0, Y1, Y2, Y3) \
	FMA4(op, Y15, Y4, Y5, Y6, Y7) \
	FMA4(op, Y15, Y8, Y9, Y10, Y11)

// func peak512(n int, x float64)
TEXT ·peak512(SB), NOSPLIT, $0-16
	MOVQ         n+0(FP), CX
	VBROADCASTSD x+8(FP), Z31

loop:
	FMA512(VFMADD231PD)
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func peak512x32(n int, x float32)
TEXT ·peak512x32(SB), NOSPLIT, $0-12
	MOVQ         n+0(FP), CX
	VBROADCASTSS x+8(FP), Z31

loop:
	FMA512(VFMADD231PS)
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func peak256(n int, x float64)
TEXT ·peak256(SB), NOSPLIT, $0-16
	MOVQ         n+0(FP), CX
	VBROADCASTSD x+8(FP), Y15

loop:
	FMA256(VFMADD231PD)
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET

// func peak256x32(n int, x float32)
TEXT ·peak256x32(SB), NOSPLIT, $0-12
	MOVQ         n+0(FP), CX
	VBROADCASTSS x+8(FP), Y15

loop:
	FMA256(VFMADD231PS)
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
