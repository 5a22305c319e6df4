package trace

import "example.com/iomux/internal/sys"

// kernelNames are the calls that Linux has under a newer name than other systems.
var kernelNames = map[sys.Op]string{
	sys.OpPoll: "ppoll", sys.OpSelect: "pselect6", sys.OpAccept: "accept4", sys.OpOpen: "openat", sys.OpPipe: "pipe2",
}
