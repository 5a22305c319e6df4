package scenario

import (
	_ "example.com/iomux/internal/kqueuesim" // which installs itself
	"example.com/iomux/internal/sys"
)

// simulated: there is no other kqueue here.
const simulated = true

// simulation is taken out again at once, so that no server of this program is ever
// offered it: only a study puts it in, while it runs.
var simulation = sys.SetKqueue(sys.KqueueCalls{})

// Prepare makes a backend work, until restore: for kqueue it puts the simulation in. Not
// while another goroutine opens or uses pollers.
func (b Backend) Prepare() (restore func()) {
	if b != Kqueue {
		return func() {}
	}
	old := sys.SetKqueue(simulation)
	return func() { sys.SetKqueue(old) }
}
