module example.com/iomux/bench

go 1.26.0

require (
	example.com/iomux v0.0.0
	github.com/HdrHistogram/hdrhistogram-go v1.4.0
	golang.org/x/sys v0.49.0
)

replace example.com/iomux => ../
