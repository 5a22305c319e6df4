module example.com/iomux/bench/peers/naive

go 1.26.0
