// Package chatstore keeps a chat's rooms and bans in one file, so that they outlive the
// program: a chat.Store on bbolt.
//
// What Append has returned for is on the disk, whatever happens to the program or the
// machine then. The file is private to its owner, and to one program at a time. Only
// the last messages of a room are kept, and only the rooms that were used last: see
// Options. Its size does not shrink; what was deleted makes room for what comes.
//
// # The file
//
// It has these buckets:
//
//	about     "format": which version of this all it is; "totals": see totals
//	rooms     by a room's fold: its name, epoch, last number and topic, see roomRecord
//	messages  by a room's fold a bucket; in it by number, 8 bytes big-endian, see event
//	ages      by when a room was used last, 8 bytes big-endian that count uses: its fold
//	bans      by their order, 8 bytes big-endian: see ban
//
// Each record begins with a byte that is its version and ends with a checksum; between
// them numbers are varints, and texts are behind their lengths.
//
// bbolt maps its file into memory and trusts it: a file that was cut short would end the
// program by a signal, at some later time, and a damaged page by a panic. So Open reads
// every page and follows every reference before bbolt does.
package chatstore
