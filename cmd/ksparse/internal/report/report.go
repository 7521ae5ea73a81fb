// Package report makes the page that says how a training went: one HTML file with its pictures inside, without
// scripts.
package report

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/ksparse/ksparse/cmd/ksparse/internal/figures"
	"github.com/ksparse/ksparse/cmd/ksparse/internal/job"
	"github.com/ksparse/ksparse/train"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

// A Pair is a name and a value of a table.
type Pair struct{ Name, Value string }

// Report is what the page says.
type Report struct {
	Title      string
	MeasuredOn string
	Figures    *figures.Figures
	Advice     []string
	Points     []job.Point // the steps since the training began, or was resumed
	Epochs     []train.EpochStats
	Steps      int
	About      []Pair // the data, the time, the versions
	Settings   []Pair
}

// view is a Report as the template takes it.
type view struct {
	Report
	Lines    []figures.Line
	Pictures []picture
}

// picture is an SVG picture with its caption.
type picture struct {
	Caption string
	SVG     template.HTML
}

// Write writes the page.
func (r Report) Write(w io.Writer) error {
	v := view{Report: r, Lines: r.Figures.Lines()}
	for _, draw := range []func() (picture, error){r.fvu, r.loss, r.dead, r.density} {
		p, err := draw()
		if err != nil {
			return err
		}
		if p.SVG != "" {
			v.Pictures = append(v.Pictures, p)
		}
	}
	return pageTemplate.Execute(w, v)
}
