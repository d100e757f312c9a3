// Package spool keeps bodies for which one side is slower than the other: a client's
// upload until it is complete, and what an app has answered until its client takes it.
//
// A Store bounds all bodies together. A Body is a sequence of bytes with one writer
// and one reader, which may follow the writer while it writes. Its bytes are in memory
// first and in a file after that. Memory is shared out so that none is starved: a body
// gets more of it only while it holds less than a 64th of what is free. So hundreds of
// large ones that wait leave memory to small ones. The file has no name, so that it is
// gone with the process, however that ends. Where no file can be had, memory is used
// to its end.
//
// Invariants:
//   - What all bodies hold is within Config.Memory and Config.Disk, and what one holds
//     within Config.Max. A tenth of the file system stays free.
//   - The reader sees the bytes in the order of their writing, and io.EOF only after
//     End(nil).
//   - What cannot be taken is refused at once, with ErrTooLarge, ErrFull or ErrDisk;
//     only Push waits, until its bytes were read.
//   - A file's bytes never change once they were written: what was asked of a disk that
//     stands still is read when the reader has long gone.
package spool
