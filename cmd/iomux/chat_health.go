//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// healthExample is where a chat with the default --web tells that it is there.
const healthExample = "http://127.0.0.1:8080/healthz"

// healthTime is how long the answer may take.
const healthTime = 5 * time.Second

func newChatHealth() *cobra.Command {
	var config fileName
	cmd := &cobra.Command{
		Use:   "health [URL]",
		Short: "Ask a chat whether it is there",
		Long: `Ask a chat whether it is there, for containers that have no other program to ask
with: at a URL, such as that of /readyz, or else at /healthz where variables, the file
or the default have its --web be; see "iomux chat config". The exit status is 0 if the
answer is 200 and comes within 5s, else 1. Of https the certificate is not looked at:
nothing secret is said.`,
		Example: `  iomux chat health
  iomux chat health http://127.0.0.1:8080/readyz`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("surplus argument %q: it takes one URL", args[1])
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
			at := ""
			if len(args) > 0 {
				at = args[0]
			} else {
				s := chatServer{}
				server := &cobra.Command{}
				s.addFlags(server)
				s.config = config
				_, err := s.fill(server)
				if err == nil {
					at, err = s.health(transport)
				}
				if err != nil {
					return err
				}
			}
			word, err := askHealth(at, transport)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), word)
			return err
		},
	}
	cmd.Flags().Var(&config, "config", "settings of the chat, a file of TOML")
	return cmd
}

// health is where a chat with these settings, on this machine, tells that it is there;
// a Unix socket is for the transport to know.
func (s *chatServer) health(transport *http.Transport) (string, error) {
	web := string(s.doors.web)
	if web == "" {
		return "", usagef("--web is off: want the URL to ask, such as that of --admin")
	}
	e, err := endpointOf(web)
	switch {
	case err != nil:
		return "", err
	case e.anyPort():
		return "", usagef("--web %s: the port is known to the server alone, want the URL to ask", web)
	case e.name != "":
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, e.kind, e.name)
		}
		return "http://localhost/healthz", nil
	}
	host := e.inet.Addr()
	switch host {
	case netip.IPv4Unspecified():
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case netip.IPv6Unspecified():
		host = netip.IPv6Loopback()
	}
	scheme := "http"
	if s.tls.selfSigned || s.tls.cert != "" {
		scheme = "https"
	}
	return scheme + "://" + netip.AddrPortFrom(host, e.inet.Port()).String() + "/healthz", nil
}

// askHealth returns the answer's status, if that is 200.
func askHealth(at string, transport *http.Transport) (word string, err error) {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", usagef("bad address %q: want a URL such as %s", at, healthExample)
	}
	client := http.Client{
		Timeout:       healthTime,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Get(at)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, textLimit))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", at, answer.Status)
	}
	return answer.Status, nil
}
