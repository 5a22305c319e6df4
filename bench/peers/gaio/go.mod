module example.com/iomux/bench/peers/gaio

go 1.26.0

require github.com/xtaci/gaio v1.2.34

require golang.org/x/sys v0.28.0 // indirect
