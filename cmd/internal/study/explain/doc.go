// Package explain says in plain English why a loop made a system call and what the
// kernel's answer means: two short sentences that are true of the situation, not of the
// call in general.
package explain
