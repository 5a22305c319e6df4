//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

// Package chat is a chat server: rooms, nicknames, history, operators.
package chat
