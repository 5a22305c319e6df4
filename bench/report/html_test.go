package report

import (
	"testing"

	"golang.org/x/net/html"
)

func TestStub(t *testing.T) { _ = html.ErrBufferExceeded }
