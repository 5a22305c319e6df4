// Package echo serves the echo protocol (RFC 862): a client gets back what it
// sends, byte for byte and in order, until it sends its end of file.
//
//	err := reactor.ListenAndServe(ctx, "tcp://127.0.0.1:7000", echo.Handler{})
//
// It is the smallest complete server on a reactor, and the one the benchmarks
// measure. [Packets] does the same for datagrams.
package echo
