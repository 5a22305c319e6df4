package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"

	"example.com/iomux/bench/result"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	styleText string
)

// The template escapes whatever it is given by where it stands; the pictures are
// part of it for that reason.
var pageTemplate = template.Must(template.New("page").Parse(pageText))

// HTML writes a page that needs nothing beside itself: no script, no font, no
// picture from elsewhere.
func HTML(w io.Writer, r *result.Report) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, newDocument(r)); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}
