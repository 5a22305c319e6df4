module example.com/iomux/bench/peers/iomux

go 1.26.0

require example.com/iomux v0.0.0

require golang.org/x/sys v0.49.0 // indirect

replace example.com/iomux => ../../..
