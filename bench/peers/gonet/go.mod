module example.com/iomux/bench/peers/gonet

go 1.26.0
