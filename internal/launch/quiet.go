package launch

import "syscall"

// WithoutSIGPIPE runs f, which writes: where nobody reads that any more, no signal comes of it.
func WithoutSIGPIPE(f func()) { without(syscall.SIGPIPE, f) }
