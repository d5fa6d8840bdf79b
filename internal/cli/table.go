package cli

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is aligned columns under a header, the first cell of a row in a colour.
// text/tabwriter would count colours as text and align each page for itself.
type table struct {
	out    io.Writer
	header []string
	widths []int // of all that was written
	rows   []tableRow
}

type tableRow struct {
	colour string
	cells  []string
}

func newTable(out io.Writer, header ...string) *table {
	return &table{out: out, header: header, widths: make([]int, len(header))}
}

// row adds a row of as many cells as there are columns; an empty one is shown as -.
func (t *table) row(colour string, cells ...string) {
	for i := range cells {
		if cells[i] = printable(cells[i]); cells[i] == "" {
			cells[i] = "-"
		}
	}
	t.rows = append(t.rows, tableRow{colour, cells})
}

// flush writes the rows that were added; the header goes before the first.
func (t *table) flush() error {
	if len(t.rows) == 0 {
		return nil
	}
	header := t.header
	if header != nil {
		t.rows = append([]tableRow{{"", header}}, t.rows...)
		t.header = nil
	}
	for _, r := range t.rows {
		for i, c := range r.cells {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	p := painter(t.out)
	for i, r := range t.rows {
		cells := slices.Clone(r.cells)
		cells[0] = p.in(r.colour, cells[0])
		for j := range len(cells) - 1 {
			cells[j] += strings.Repeat(" ", t.widths[j]-utf8.RuneCountInString(r.cells[j]))
		}
		line := strings.Join(cells, "  ")
		if header != nil && i == 0 {
			line = p.in(bold, line)
		}
		b.WriteString(line + "\n")
	}
	t.rows = nil
	_, err := io.WriteString(t.out, b.String())
	return err
}
