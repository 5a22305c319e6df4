package names

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// machine is what Python's socket module says of what is in the tables here. What
// this machine does not know is left out.
type machine struct {
	Services  map[string]int // by name and protocol, as in "http/tcp"
	Protocols map[string]int
	Constants map[string]int
	AddrInfo  map[string]int // rows, by the address as [::1]:53/tcp
}

const askMachine = `
import json, socket, sys
asked = json.load(sys.stdin)
answer = {"Services": {}, "Protocols": {}, "Constants": {}, "AddrInfo": {}}
for key in asked["Services"]:
    try:
        answer["Services"][key] = socket.getservbyname(*key.split("/"))
    except OSError:
        pass
for key in asked["Protocols"]:
    try:
        answer["Protocols"][key] = socket.getprotobyname(key)
    except OSError:
        pass
for key in asked["Constants"]:
    if hasattr(socket, key):
        answer["Constants"][key] = getattr(socket, key)
for host in asked["Hosts"]:
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        for row in socket.getaddrinfo(host, 53, type=kind):
            key = "%s %d %d" % (row[4][0], row[4][1], row[2])
            answer["AddrInfo"][key] = answer["AddrInfo"].get(key, 0) + 1
print(json.dumps(answer))
`

func python3(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("IOMUX_REQUIRE_TOOLS") == "1" {
			t.Fatalf("needs the tool python3: %v", err)
		}
		t.Skipf("needs the tool python3: %v", err)
	}
	return path
}

// The tables agree with those of this machine, as far as it has them.
func TestAsPythonSaysOfThisMachine(t *testing.T) {
	hosts := []string{"127.0.0.1", "10.9.0.6", "::1", "fdfd:87b5:b475:5e3e:b1bc:e121:a8eb:14aa"}
	asked := map[string][]string{"Hosts": hosts}
	ports := map[string]int{}
	for _, s := range services {
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			key := name + "/" + s.Proto
			ports[key] = int(s.Port)
			asked["Services"] = append(asked["Services"], key)
		}
	}
	for _, p := range protocols {
		asked["Protocols"] = append(asked["Protocols"], p.Name, p.alias)
		asked["Constants"] = append(asked["Constants"], p.Constant)
	}
	text, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python3(t), "-c", askMachine)
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var m machine
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	for key, port := range m.Services {
		if ports[key] != port {
			t.Errorf("%s is %d here, and %d in the table", key, port, ports[key])
		}
	}
	for _, p := range protocols {
		for _, name := range []string{p.Name, p.alias} {
			if n, ok := m.Protocols[name]; ok && n != p.Number {
				t.Errorf("%s is %d here, and %d in the table", name, n, p.Number)
			}
		}
		if n, ok := m.Constants[p.Constant]; ok && n != p.Number {
			t.Errorf("%s is %d here, and %d in the table", p.Constant, n, p.Number)
		}
	}
	t.Logf("compared %d services, %d protocols, %d constants", len(m.Services), len(m.Protocols), len(m.Constants))
	if len(m.Constants) == 0 {
		t.Error("compared nothing")
	}
	rows := 0
	for _, host := range hosts {
		list, err := (&Book{}).AddrInfo(t.Context(), Query{Host: host, Service: "53"})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range list {
			rows++
			if key := fmt.Sprintf("%v %d %d", i.Addr.Addr(), i.Addr.Port(), i.Proto.Number); m.AddrInfo[key] != 1 {
				t.Errorf("%s is not what getaddrinfo says: %v", key, m.AddrInfo)
			}
		}
	}
	if rows != len(m.AddrInfo) {
		t.Errorf("%d rows, want %d", rows, len(m.AddrInfo))
	}
}
