package page

import "golang.org/x/sys/cpu"

// classifyAVX2 is classify for whole blocks, 32 bytes at a step.
//
//go:noescape
func classifyAVX2(dst *masks, src *byte, blocks int)

// classify fills dst with the masks of the len(dst) blocks at the head of src.
func classify(dst []masks, src []byte) {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasPCLMULQDQ {
		classifyWords(dst, src)
		return
	}
	if len(dst) == 0 {
		return
	}
	_ = src[len(dst)*blockSize-1]
	classifyAVX2(&dst[0], &src[0], len(dst))
}
