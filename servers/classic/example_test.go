//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"

	"example.com/iomux/servers/classic"
)

func Example() {
	entry, _ := classic.Find("upper")
	flags := flag.NewFlagSet(entry.Name, flag.ExitOnError)
	start := entry.Setup(flags)
	if err := flags.Parse([]string{"-exact"}); err != nil {
		log.Fatal(err)
	}
	server, err := start(classic.Options{Listen: []string{"tcp://127.0.0.1:0"}, Transcript: os.Stdout})
	if err != nil {
		log.Fatal(err)
	}

	client, err := net.Dial("tcp", strings.TrimPrefix(server.URLs()[0], "tcp://"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(client, "  hello \r\n")
	answer, err := io.ReadAll(client)
	fmt.Printf("%s %v\n", answer, err)
	client.Close()

	fmt.Println(server.Shutdown(context.Background()))
	// Output:
	// 127.0.0.1 wrote:
	// hello
	// HELLO <nil>
	// <nil>
}
