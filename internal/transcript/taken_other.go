//go:build !linux

package transcript

import "net"

func isTaken(net.Conn) (bool, error) { return false, errTaken }
