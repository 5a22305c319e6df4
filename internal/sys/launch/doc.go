// Package launch runs programs that are given little trust: without the right to
// gain any, within limits of the kernel's, in a session of their own, so that they and
// what they start can be ended together.
//
// Go has no way to set such limits between fork and exec. So a program is started by
// way of this process's own: Start runs it once more, [Main] in it sets the limits and
// then becomes the program. A process that is to Start anything calls Main first of
// all.
//
// The hooks of package sys do not see the calls made here: most are another
// process's.
package launch
