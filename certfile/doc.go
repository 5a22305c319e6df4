// Package certfile has the certificates of a server with TLS: a [Pair] of PEM files
// that can be loaded anew while the server runs, or one that [SelfSigned] makes up.
//
//	pair, err := certfile.Open("server.crt", "server.key", nil)
//	…
//	listener, err := group.Listen("tcp://127.0.0.1:7000", handler, reactor.ListenOptions{
//		TLS: &tls.Config{GetCertificate: pair.GetCertificate},
//	})
//	…
//	err = pair.Reload() // connections that come from now on get the new one
package certfile
