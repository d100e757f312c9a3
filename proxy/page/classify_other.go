//go:build !amd64

package page

// classify fills dst with the masks of the len(dst) blocks at the head of src.
func classify(dst []masks, src []byte) { classifyWords(dst, src) }
