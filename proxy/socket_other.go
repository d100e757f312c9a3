//go:build !linux

package proxy

import "syscall"

// undelivered cannot be known here: -1.
func undelivered(syscall.RawConn) int { return -1 }
