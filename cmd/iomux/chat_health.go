//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// healthURL is where a chat with the default --web tells that it is there.
const healthURL = "http://127.0.0.1:8080/healthz"

// healthTime is how long the answer may take.
const healthTime = 5 * time.Second

func newChatHealth() *cobra.Command {
	return &cobra.Command{
		Use:   "health [URL]",
		Short: "Ask a chat whether it is there",
		Long: `Ask a chat whether it is there, at ` + healthURL + ` or another URL,
such as that of /readyz, for containers that have no other program to ask with. The
exit status is 0 if the answer is 200 and comes within 5s, else 1. Of https the
certificate is not looked at: nothing secret is said.`,
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
			at := healthURL
			if len(args) > 0 {
				at = args[0]
			}
			word, err := askHealth(at)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), word)
			return err
		},
	}
}

// askHealth returns the answer's status, if that is 200.
func askHealth(at string) (word string, err error) {
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", usagef("bad address %q: want a URL such as %s", at, healthURL)
	}
	client := http.Client{
		Timeout:       healthTime,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
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
