package transcript

import (
	"fmt"
	"os"
	"runtime"
	"time"
)

// awaitTaken waits until the server has read what was sent.
func (l *link) awaitTaken() error {
	for end := time.Now().Add(l.patience); ; runtime.Gosched() {
		switch yes, err := isTaken(l.conn); {
		case err != nil:
			return err
		case yes:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("nobody on this machine has read everything for %v: %w", l.patience, os.ErrDeadlineExceeded)
		}
	}
}
