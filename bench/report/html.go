package report

import (
	_ "embed"
	"html/template"
	"io"

	"example.com/iomux/bench/result"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// HTML writes a page that needs nothing beside itself: no script, no font, no
// picture from elsewhere.
func HTML(w io.Writer, r *result.Report) error {
	return pageTemplate.Execute(w, r)
}
