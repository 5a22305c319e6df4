module example.com/iomux/bench/peers/nbio

go 1.26.0

require github.com/lesismal/nbio v1.6.12
