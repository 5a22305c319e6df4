module example.com/iomux/itest

go 1.26.0

require example.com/iomux v0.0.0

require (
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
)

// As in cmd.
replace example.com/iomux => ..
