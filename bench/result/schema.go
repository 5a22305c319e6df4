package result

import _ "embed"

// Schema is the JSON Schema of what [Report.WriteJSON] writes.
//
//go:embed schema.json
var Schema []byte
