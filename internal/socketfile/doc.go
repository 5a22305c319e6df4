// Package socketfile makes and removes the files that Unix sockets are bound to.
//
// A server that crashes leaves its file behind, which bind(2) refuses to replace
// though nobody answers there any more. So the next server looks first. Between
// the look and the bind another may do the same, and the slower one would remove
// the file of the faster one: whoever makes or removes a file here holds a lock
// on its directory, flock(2), which ends with the process that holds it.
//
// Users who may write to the directory can put other things there, and those who
// may read it can hold the lock: it is to be a directory of the server's own, as
// one under /run.
package socketfile
