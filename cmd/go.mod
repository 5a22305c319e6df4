module example.com/iomux/cmd

go 1.26.0

require (
	example.com/iomux v0.0.0
	example.com/iomux/adapters/prometheus v0.0.0
	example.com/iomux/adapters/websocket v0.0.0
	github.com/gobwas/ws v1.5.0
	github.com/pelletier/go-toml/v2 v2.4.3
	github.com/prometheus/client_golang v1.25.0
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.10
	go.etcd.io/bbolt v1.5.0
	golang.org/x/crypto v0.58.0
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/gobwas/httphead v0.1.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

// The modules of this repository are built together. go.work alone would not
// do: "go mod tidy" does not look at it.
replace example.com/iomux => ../

replace example.com/iomux/adapters/prometheus => ../adapters/prometheus

replace example.com/iomux/adapters/websocket => ../adapters/websocket
