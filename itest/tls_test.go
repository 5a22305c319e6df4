//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/iomux/certfile"
)

// tlsFiles makes a certificate for 127.0.0.1 and its key, and returns their files.
func tlsFiles(t *testing.T) (cert, key string) {
	t.Helper()
	c, _, err := certfile.SelfSigned([]string{"127.0.0.1"}, 90*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]},
		key:  {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// dialogue is a client that is talked to.
type dialogue struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	log sharedBuffer
}

func talkTo(t *testing.T, path string, args ...string) *dialogue {
	t.Helper()
	d := &dialogue{t: t, cmd: exec.Command(path, args...)}
	d.cmd.Stderr = &d.log
	stdin, err := d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.in, d.out = stdin, bufio.NewReader(stdout)
	late := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	t.Cleanup(func() {
		late.Stop()
		if d.cmd.ProcessState == nil {
			_ = d.cmd.Process.Kill() // it may have ended by itself
			_ = d.cmd.Wait()
		}
	})
	return d
}

// say writes, and until reads until a text has come.
func (d *dialogue) say(s string) {
	d.t.Helper()
	if _, err := io.WriteString(d.in, s); err != nil {
		d.t.Fatalf("%v\n%s", err, d.log.String())
	}
}

func (d *dialogue) until(s string) {
	d.t.Helper()
	var got []byte
	for !bytes.HasSuffix(got, []byte(s)) {
		b, err := d.out.ReadByte()
		if err != nil {
			d.t.Fatalf("%q never came, but %.2000q, %v\n%s", s, got, err, d.log.String())
		}
		got = append(got, b)
	}
}

// end ends the input, and wants a good end of the client.
func (d *dialogue) end() {
	d.t.Helper()
	d.in.Close()
	rest, _ := io.ReadAll(d.out)
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("%s: %v\n%s%s", d.cmd, err, rest, d.log.String())
	}
}

// logged waits until a client has said a text on standard error so many times.
func (d *dialogue) logged(text string, times int) {
	d.t.Helper()
	for end := time.Now().Add(patience); strings.Count(d.log.String(), text) < times; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("it never said %q %d times:\n%s", text, times, d.log.String())
		}
	}
}

// OpenSSL's client verifies the certificate, gets back what it sends, and ends with
// close_notify, which the server takes for the end; it may ask for new keys.
func TestOpenSSLClient(t *testing.T) {
	openssl := tool(t, "openssl")
	cert, key := tlsFiles(t)
	eachBackend(t, func(t *testing.T, backend string) {
		s := serve(t, "--backend", backend, "--tls-cert", cert, "--tls-key", key, "--log-level", "debug")
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			args := []string{"s_client", "-connect", s.address, version, "-CAfile", cert, "-verify_return_error", "-verify_ip", "127.0.0.1"}
			d := talkTo(t, openssl, append(args, "-quiet", "-no_ign_eof")...)
			d.say("hello\n")
			d.until("hello\n")
			large := make([]byte, 1<<19)
			_, _ = rand.NewChaCha8([32]byte{1}).Read(large) // never fails
			large = []byte(hex.EncodeToString(large))       // which has no letters that are commands
			go func() { _, _ = d.in.Write(large) }()
			got := make([]byte, len(large))
			if _, err := io.ReadFull(d.out, got); err != nil || !bytes.Equal(got, large) {
				t.Errorf("%s: a megabyte does not come back as it was, %v", version, err)
			}
			d.end()

			d = talkTo(t, openssl, args...)
			d.until("---\n")
			d.say("hello\n")
			d.until("hello\n")
			if version == "-tls1_3" {
				for i, command := range []string{"K", "k"} { // ask for new keys, and change one's own
					d.say(command + "\n")
					d.logged("KEYUPDATE", i+1)
					d.say("newer keys\n")
					d.until("newer keys\n")
				}
			}
			d.say("Q\n")
			d.end()
		}
		s.end()
		if log := s.log.String(); strings.Count(log, "err=EOF") != 4 || strings.Contains(log, "unexpected") || strings.Contains(log, "level=WARN") {
			t.Error("not every client ended in order")
		}
	})
}

// OpenSSL's client resumes its session, whichever loop it comes to.
func TestOpenSSLResumes(t *testing.T) {
	openssl := tool(t, "openssl")
	cert, key := tlsFiles(t)
	s := serve(t, "--loops", "2", "--balance", "round-robin", "--tls-cert", cert, "--tls-key", key)
	out := client(t, []byte("Q\n"), openssl, "s_client", "-connect", s.address, "-tls1_2", "-reconnect")
	if n := strings.Count(out, "Reused, TLSv1.2"); n != 5 {
		t.Errorf("%d connections were resumed, want 5", n)
	}
	session := filepath.Join(t.TempDir(), "session.pem")
	args := []string{"s_client", "-connect", s.address, "-tls1_3", "-sess_out", session}
	for i := range 3 {
		d := talkTo(t, openssl, args...)
		if i > 0 {
			d.until("Reused, TLSv1.3")
		}
		d.until("---\n")
		d.say("hello\n") // the ticket comes before that
		d.until("hello\n")
		d.say("Q\n")
		d.end()
		args = append(args[:6:6], "-sess_in", session)
	}
	s.end()
}

// Other programs speak TLS with the server, too.
func TestTLSClients(t *testing.T) {
	cert, key := tlsFiles(t)
	s := serve(t, "--tls-cert", cert, "--tls-key", key)
	for name, args := range map[string][]string{
		"socat": {"-t", "30", "-", "OPENSSL:" + s.address + ",cafile=" + cert},
		"ncat":  {"--ssl-verify", "--ssl-trustfile", cert, "127.0.0.1", s.port},
		"iomux": {"connect", "--ca", cert, "tls://" + s.address},
	} {
		t.Run(name, func(t *testing.T) {
			path := program
			if name != "iomux" {
				path = tool(t, name)
			}
			d := talkTo(t, path, args...)
			d.say(message + "\n")
			d.until(message + "\n")
			d.end()
		})
	}
	s.end()
}

// The client speaks TLS with OpenSSL's server, of either version.
func TestOpenSSLServer(t *testing.T) {
	openssl := tool(t, "openssl")
	cert, key := tlsFiles(t)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		d := talkTo(t, openssl, "s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key, version, "-rev")
		d.until("ACCEPT 127.0.0.1:")
		port, err := d.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		c := talkTo(t, program, "connect", "--ca", cert, "tls://127.0.0.1:"+strings.TrimSpace(port))
		c.say("abcdef\n")
		c.until("fedcba\n")
		c.end()
	}
}

// Nothing that testssl finds is worse than low, but for what any self-signed
// certificate has: nobody vouches for it, and nobody can revoke it. Its checks are
// protocols, kinds of ciphers, forward secrecy, the server's defaults and known
// holes; left out are those that make the same handshakes again, for some minutes:
// each cipher by itself, the order of preference, and simulated clients.
func TestTestSSL(t *testing.T) {
	ofPrograms(t)
	t.Parallel() // it mostly waits
	testssl := tool(t, "testssl")
	cert, key := tlsFiles(t)
	s := serve(t, "--tls-cert", cert, "--tls-key", key)
	report := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.Command(testssl, "-p", "-s", "-f", "-S", "-U", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--jsonfile", report, s.address)
	cmd.WaitDelay = patience
	late := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() }) // half a minute on an idle machine
	defer late.Stop()
	out, err := cmd.CombinedOutput() // the status is how many are worse than low, more or less
	text, err2 := os.ReadFile(report)
	var findings []struct{ ID, Severity, Finding string }
	if err2 == nil {
		err2 = json.Unmarshal(text, &findings)
	}
	if err2 != nil {
		t.Fatalf("%v, %v\n%s", err, err2, out)
	}
	offered := map[string]string{}
	for _, f := range findings {
		offered[f.ID] = f.Finding
		switch f.Severity {
		case "OK", "INFO", "LOW", "DEBUG":
			continue
		}
		if f.ID != "cert_chain_of_trust" && f.ID != "cert_revocation" && f.ID != "engine_problem" {
			t.Errorf("%s: %s: %s", f.Severity, f.ID, f.Finding)
		}
	}
	for id, want := range map[string]string{"SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered", "TLS1_2": "offered", "TLS1_3": "offered"} {
		if !strings.HasPrefix(offered[id], want) {
			t.Errorf("%s: %s, want %s", id, offered[id], want)
		}
	}
	s.end()
	if log := s.log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
		t.Error("there is more than information in the log")
	}
}
