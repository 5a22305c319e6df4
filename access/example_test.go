package access_test

import (
	"fmt"
	"log"
	"net/netip"

	"example.com/iomux/access"
)

func ExampleParse() {
	// The text of a file, as here, or the values of a flag, or both.
	list, err := access.Parse(`
		deny  10.9.0.6      # one host
		allow 10.9.0.0/16   # of this network
		allow ::1
	`)
	if err != nil {
		log.Fatal(err)
	}
	for _, peer := range []string{"10.9.0.6", "10.9.0.7", "::ffff:10.9.0.7", "::1", "192.0.2.1"} {
		fmt.Println(peer, list.Allowed(netip.MustParseAddr(peer)))
	}
	// Output:
	// 10.9.0.6 false
	// 10.9.0.7 true
	// ::ffff:10.9.0.7 true
	// ::1 true
	// 192.0.2.1 false
}

func ExampleParse_error() {
	_, err := access.Parse("allow 10.9.0.6/16")
	fmt.Println(err)
	// Output:
	// access: line 1 is not a rule: "allow 10.9.0.6/16": want the address 10.9.0.6 or the network 10.9.0.0/16
}
