//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"example.com/iomux/cmd/internal/chatconfig"
	"example.com/iomux/cmd/internal/users"
	"example.com/iomux/servers/chat"
)

// fill gives the flags what the file and the environment say.
func (s *chatServer) fill(cmd *cobra.Command) (*chatconfig.Settings, error) {
	settings, err := chatconfig.Fill(cmd.Flags(), s.file(), os.Environ())
	if err != nil {
		return nil, usageError{err}
	}
	return settings, nil
}

// file is that of --config, or of its variable.
func (s *chatServer) file() string {
	if s.config == "" {
		return os.Getenv(chatconfig.Variable("config"))
	}
	return string(s.config)
}

// reloads has what may change while the server runs be as the files say now, at each
// signal.
func (sv *chatService) reloads(ctx context.Context, signals <-chan os.Signal, settings *chatconfig.Settings) {
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-signals:
			fresh, err := sv.reload(settings)
			if err != nil {
				sv.log.Error("cannot load the settings anew; the old ones stay", "signal", sig, "err", oneLine(err))
				continue
			}
			sv.log.Info("the settings were loaded anew", "signal", sig)
			for _, name := range fresh {
				sv.log.Warn("this setting has changed, and holds when the server starts anew", "setting", name)
			}
		}
	}
}

// reload takes in what the files say now, all of it or nothing, and returns which
// settings have changed that cannot while the server runs.
func (sv *chatService) reload(settings *chatconfig.Settings) (later []string, err error) {
	s := new(chatServer)
	cmd := new(cobra.Command)
	s.addFlags(cmd)
	again, err := settings.Again(cmd.Flags(), sv.flags.file(), os.Environ())
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	o, err := s.options()
	if err != nil {
		return nil, err
	}
	if o.Auth, err = s.people.load(); err != nil {
		return nil, err
	}
	o.Logger = sv.log
	// Each of these two is all or nothing; a certificate is likelier to be half-written.
	if sv.tls != nil && sv.tls.pair != nil {
		if err := sv.tls.pair.Reload(); err != nil {
			return nil, err
		}
	}
	if err := sv.chat.Configure(o); err != nil {
		return nil, chatError(err)
	}
	sv.proxies.Store(s.guard.forwarders())
	return again.Changed(settings, changeable), nil
}

// changeable are the settings that may change while the server runs: those that
// chat.Server.Configure takes.
var changeable = []string{
	"motd", "require-login", "users", "token-file", "rate", "burst", "addr-rate", "addr-burst", "join-rate", "nick-rate",
	"conns-per-addr", "conn-rate", "exempt", "proxies", "web-proxies", "max-text", "max-rooms", "rooms-per-member", "history", "replay", "quiet", "idle-timeout",
}

// load makes who looks at logins. nil: nobody can log in.
func (f *peopleFlags) load() (chat.Authenticator, error) {
	var list []chat.Authenticator
	secret, err := f.secret()
	if err != nil {
		return nil, err
	}
	if secret != "" {
		list = append(list, users.Token([]byte(secret)))
	}
	if f.users != "" {
		file, err := users.Load(string(f.users))
		if err != nil {
			return nil, fmt.Errorf("--%w", err) // users: …
		}
		list = append(list, file)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return users.Join(list...), nil
}
