module example.com/iomux/adapters/websocket

go 1.26.0

require (
	example.com/iomux v0.0.0
	github.com/gobwas/ws v1.5.0
)

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

// As in cmd.
replace example.com/iomux => ../..
