// Package chattext makes what people type safe to show to others: the text of a
// message, nicknames, and the names of rooms.
//
// Clean is for text: what acts on a terminal or on the lines around it goes, the
// rest stays. Nick and Room are for names, and refuse what they do not take rather
// than mend it, for a name is typed again by others. They give a name's fold too:
// two names with one fold look the same to people, or nearly, and only one of them
// may be had. The fold is that of UTS 39 (its skeleton), made blind to case.
//
// The tables are in unicode.txt, which maketables has made of Unicode's own data: the
// database of 15.0, as Go 1.26 has, and UTS 39 of 17.0; LICENSE-UNICODE goes with it.
//
// All of it is pure and may be called from any goroutine.
package chattext
