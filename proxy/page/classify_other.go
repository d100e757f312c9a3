//go:build !amd64

package page

// classify fills dst with the masks of the len(dst) blocks at the head of src; also is
// sought in them.
func classify(dst []masks, src []byte, also byte) { classifyWords(dst, src, also) }
