// Package sys is iomux's one door to the kernel: every system call of the
// project is made here and nowhere else (a test greps for strays).
//
// One place gives three things. Each call is made in the cheapest correct way:
// on Linux a call that cannot block goes through RawSyscall, because with the
// ordinary Syscall the runtime's monitor keeps taking the processor away from a
// busy loop, and that alone was measured at 14 to 17 % of an echo server's rate.
// A [Hooks.Trace] function sees every call with its decoded arguments. A
// [Hooks.Fault] function can make any call fail with an errno of its choice.
// With no hooks set, both cost one load and one predictable branch.
//
// Errors are plain [Errno] numbers, zero for success, so that the hot path
// neither allocates nor compares interfaces; the packages above wrap them once
// with the operation and the descriptor.
package sys
