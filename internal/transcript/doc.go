// Package transcript plays golden wire files: what a client says to a server, and
// what the server must answer, byte for byte. It is for tests only.
//
//	transcript.Play(t, "tcp", address, transcript.Load(t, "testdata/upper.wire"))
//
// A file has the extension .wire and one event a line, in the order in which the
// client takes part in them:
//
//	# why                     a comment, on a line of its own
//	> "bytes"                 the client sends this, with one write
//	< "bytes"                 the client must receive exactly this
//	> EOF                     the client ends its direction and goes on receiving
//	< EOF                     the server ends; anything else is a difference
//	A> "bytes"                as above, on the connection named A
//	A> CONNECT                opens A now; otherwise its first line opens it
//	> TAKEN                   waits until the server has read all that was sent
//	< NOTHING                 what was sent is not answered
//	> EMPTY, < EMPTY          a datagram without a byte
//	> hex:0100ff, < hex:…     bytes in hexadecimal
//
// Bytes stand in Go's quotes and with Go's escapes. Either all lines name a
// connection or none does. All connections of a file are closed when it ends.
//
// On a stream only the bytes count, not how they are cut into pieces: an answer
// may be written as two lines, and two answers may arrive as one piece. A transcript is
// of whole connections: each ends with < EOF, behind which nothing can be missed.
// Connecting is over before the server has accepted; a client that others are to
// know of must say something first, and be answered. Where the server's answer
// depends on the pieces and one of them is not answered, TAKEN keeps the next one
// apart from it (Linux; elsewhere Play skips the test).
//
// Of datagrams each line is one, whole. NOTHING is proved without waiting: the
// next thing to arrive on the connection must be the answer to something that was
// sent later, so there must be such an answer.
//
// What differs each time has a placeholder in what is received:
//
//	<CTIME>                        24 characters of C's ctime: Fri Nov  6 16:16:56 2026
//	<PID>                          decimal digits, not 0
//	<N>                            decimal digits
//	<HOST>, <PORT>                 the client's own address, as the server sees it
//	<SERVER-HOST>, <SERVER-PORT>   the address that the client has connected to
//
// <PID:child> keeps the number as child: where it stands again, in any connection,
// the number must be the same, and where <N:child+1> stands, greater by 1. A
// number has no zeros in front, and something that is no digit behind it. Text that looks like a
// placeholder but is none has its < written \x3c.
//
// [Script.String] writes a script in the one form that files have.
package transcript
