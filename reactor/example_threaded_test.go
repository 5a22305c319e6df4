//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"example.com/iomux/reactor"
)

// Code that blocks, on a goroutine for each connection; and a client that is none of
// the loop's either.
func ExampleThreaded() {
	g, err := reactor.Open(reactor.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := g.Listen("tcp://127.0.0.1:0", reactor.Threaded(func(c *reactor.NetConn) error {
		for lines := bufio.NewScanner(c); lines.Scan(); {
			time.Sleep(time.Millisecond) // holds up nobody else
			fmt.Fprintf(c, "hello, %s\n", lines.Text())
		}
		return nil
	}), reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	c, err := g.DialConn(context.Background(), ln.URL(), reactor.DialOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(c, "world")
	answer, err := bufio.NewReader(c).ReadString('\n')
	fmt.Print(answer, err, "\n")
	_ = c.Close()
	if err := g.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// hello, world
	// <nil>
}

// net/http on the loops of a group. Its own shutdown comes first, so that requests are
// answered.
func ExampleGroup_ListenConn() {
	g, err := reactor.Open(reactor.Options{})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := g.ListenConn("tcp://127.0.0.1:0", reactor.ListenOptions{})
	if err != nil {
		log.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "you want %s", r.URL.Path)
	})}
	go srv.Serve(ln)
	resp, err := http.Get("http://" + ln.Addr().String() + "/tea")
	if err != nil {
		log.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	fmt.Println(string(text), err)
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if err := srv.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	if err := g.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: you want /tea <nil>
}
