module example.com/iomux/cmd

go 1.26.0

require (
	example.com/iomux v0.0.0
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.9
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
)

require github.com/inconshreveable/mousetrap v1.1.0 // indirect

// The modules of this repository are built together. go.work alone would not
// do: "go mod tidy" does not look at it.
replace example.com/iomux => ../
