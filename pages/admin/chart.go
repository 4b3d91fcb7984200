// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// ChartKind is how a chart is drawn.
type ChartKind string

// The kinds of charts.
const (
	ChartLines ChartKind = "lines" // one line for each series
	ChartBars  ChartKind = "bars"  // one bar for each day; series stand on each other
)

// Series is a row of numbers, none of them negative.
type Series struct {
	Name   string
	Values []int64 // one for each day of the chart; what is missing is 0

	// Level says that the numbers tell how many there were on a day, such as
	// sessions, which is not added up: the most is told, not the sum.
	Level bool
}

// maxSeries is how many series the stylesheet has colours for; what is beyond
// is in the chart's table alone.
const maxSeries = 4

// Chart draws numbers over days. The same numbers are in a table below it.
type Chart struct {
	Kind   ChartKind // "" is ChartLines
	Title  string    // what is counted: "Registrations"
	Days   []time.Time
	Series []Series
}

// value returns a number of a series.
func (s Series) value(i int) int64 {
	if i < len(s.Values) && s.Values[i] > 0 {
		return s.Values[i]
	}
	return 0
}

// Sum returns all numbers of a series together.
func (s Series) Sum(days int) (sum int64) {
	for i := range days {
		sum += s.value(i)
	}
	return sum
}

// best returns the first of the days with the highest number.
func (s Series) best(days int) (best int) {
	for i := range days {
		if s.value(i) > s.value(best) {
			best = i
		}
	}
	return best
}

// Says sums the series up in a few words.
func (s Series) Says(days []time.Time) string {
	if len(days) == 0 {
		return "0"
	}
	best := s.best(len(days))
	most := "at most " + number(s.value(best)) + " on " + days[best].UTC().Format("2 January 2006")
	if s.Level {
		return most
	}
	return number(s.Sum(len(days))) + " in all, " + most
}

// Drawn returns the series that are drawn.
func (c *Chart) Drawn() []Series { return c.Series[:min(len(c.Series), maxSeries)] }

// Class returns which of the stylesheet's colours the series at i has.
func (c *Chart) Class(i int) int { return i + 1 }

// Number returns the numbers of a day as its table has them.
func (c *Chart) Number(day int) (values []int64) {
	for _, s := range c.Series {
		values = append(values, s.value(day))
	}
	return values
}

// Blank tells whether there is nothing to draw.
func (c *Chart) Blank() bool {
	for _, s := range c.Series {
		if s.Sum(len(c.Days)) > 0 {
			return false
		}
	}
	return true
}

// highest returns what the highest point of the chart stands for.
func (c *Chart) highest() (most int64) {
	for i := range c.Days {
		var stack int64
		for _, s := range c.Drawn() {
			v := s.value(i)
			stack += v
			most = max(most, v)
		}
		if c.Kind == ChartBars {
			most = max(most, stack)
		}
	}
	return most
}

// Top returns the number at the chart's upper edge: a round one, even, at or above
// all that is drawn.
func (c *Chart) Top() int64 {
	most := c.highest()
	for unit := int64(1); unit < 1<<59; unit *= 10 {
		for _, step := range []int64{2, 3, 4, 5, 6, 8, 10} {
			if top := step * unit; top >= most && top%2 == 0 {
				return top
			}
		}
	}
	return most
}

// Ticks returns the numbers beside the chart, from its upper edge down.
func (c *Chart) Ticks() []int64 { return []int64{c.Top(), c.Top() / 2, 0} }

// Marks returns the days that are named below the chart: the first, one in the
// middle, the last.
func (c *Chart) Marks() []time.Time {
	switch n := len(c.Days); {
	case n < 3:
		return c.Days
	default:
		return []time.Time{c.Days[0], c.Days[(n-1)/2], c.Days[n-1]}
	}
}

// Summary says in words what the chart shows.
func (c *Chart) Summary() string {
	if len(c.Days) == 0 {
		return c.Title + ": no days."
	}
	const form = "2 January 2006"
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %s to %s.", c.Title, c.Days[0].UTC().Format(form), c.Days[len(c.Days)-1].UTC().Format(form))
	for _, s := range c.Series {
		b.WriteString(" " + s.Name + ": " + s.Says(c.Days) + ".")
	}
	return b.String()
}

// The drawing's own units: each day is dayWidth wide. The stylesheet stretches
// the drawing to the room there is.
const (
	dayWidth   = 10
	plotHeight = 100
)

// Drawing returns the chart as SVG. Words and numbers stand beside it in HTML, so
// that they keep their size when it is stretched.
func (c *Chart) Drawing() template.HTML {
	var b strings.Builder
	width := max(1, len(c.Days)) * dayWidth
	fmt.Fprintf(&b, `<svg class="plot" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="`, width, plotHeight)
	template.HTMLEscape(&b, []byte(c.Summary()))
	b.WriteString(`">`)
	for _, y := range []int{0, plotHeight / 2, plotHeight} {
		fmt.Fprintf(&b, `<line class="gridline" x1="0" y1="%d" x2="%d" y2="%d"/>`, y, width, y)
	}
	if c.Kind == ChartBars {
		c.bars(&b)
	} else {
		c.lines(&b)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// height returns how high a number is drawn.
func (c *Chart) height(v int64) float64 { return float64(v) / float64(c.Top()) * plotHeight }

// lines draws each series as a line; the first has the ground below it shaded.
func (c *Chart) lines(b *strings.Builder) {
	for n, s := range c.Drawn() {
		var points strings.Builder
		for i := range c.Days {
			if i > 0 {
				points.WriteByte(' ')
			}
			fmt.Fprintf(&points, "%d,%.2f", i*dayWidth+dayWidth/2, plotHeight-c.height(s.value(i)))
		}
		last := len(c.Days)*dayWidth - dayWidth/2
		if n == 0 && len(c.Days) > 1 {
			fmt.Fprintf(b, `<polygon class="ground-1" points="%d,%d %s %d,%d"/>`, dayWidth/2, plotHeight, &points, last, plotHeight)
		}
		if len(c.Days) == 1 { // a line needs two points
			points.Reset()
			y := plotHeight - c.height(s.value(0))
			fmt.Fprintf(&points, "0,%.2f %d,%.2f", y, dayWidth, y)
		}
		fmt.Fprintf(b, `<polyline class="line-%d" points="%s"/>`, n+1, &points)
	}
}

// bars draws each day as a bar of its series, with its numbers where a pointer
// rests.
func (c *Chart) bars(b *strings.Builder) {
	for i, day := range c.Days {
		var stack int64
		for n, s := range c.Drawn() {
			v := s.value(i)
			if v == 0 {
				continue
			}
			stack += v
			fmt.Fprintf(b, `<rect class="bar-%d" x="%.1f" y="%.2f" width="%.1f" height="%.2f"><title>`,
				n+1, float64(i)*dayWidth+1.5, plotHeight-c.height(stack), float64(dayWidth)-3, c.height(v))
			template.HTMLEscape(b, []byte(day.UTC().Format("2 Jan 2006")+", "+s.Name+": "+number(v)))
			b.WriteString("</title></rect>")
		}
	}
}

// Shares draws how a whole is made up, one bar for each row. The numbers stand
// below each bar.
type Shares struct {
	Title string
	Rows  []ShareRow
}

// ShareRow is a whole and its parts.
type ShareRow struct {
	Label string
	Parts []Share
}

// Share is a part of a whole.
type Share struct {
	Name  string
	Count int64
	Rest  bool // what belongs to no other part; drawn in grey
}

// Sum returns the whole.
func (r ShareRow) Sum() (sum int64) {
	for _, p := range r.Parts {
		sum += max(0, p.Count)
	}
	return sum
}

// Percent returns a part in per cent of the whole, as people read it: what is not
// nothing is not 0, and what is not all is not 100.
func (r ShareRow) Percent(p Share) string {
	sum := r.Sum()
	if sum == 0 || p.Count <= 0 {
		return "0 %"
	}
	switch share := float64(p.Count) * 100 / float64(sum); {
	case share < 1:
		return "<1 %"
	case share > 99 && p.Count < sum:
		return ">99 %"
	default:
		return fmt.Sprintf("%.0f %%", share)
	}
}

// Class returns which of the stylesheet's colours the part at i has; the last is
// grey.
func (r ShareRow) Class(i int) int {
	if r.Parts[i].Rest {
		return maxSeries + 1
	}
	return min(i, maxSeries) + 1
}

// Drawing returns the row's bar as SVG. It is hidden from screen readers, which
// read the numbers below it.
func (r ShareRow) Drawing() template.HTML {
	var b strings.Builder
	b.WriteString(`<svg class="share" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="bar-none" width="1000" height="10"/>`)
	sum, at := float64(max(1, r.Sum())), 0.0
	for i, p := range r.Parts {
		if p.Count <= 0 {
			continue
		}
		width := float64(p.Count) / sum * 1000
		fmt.Fprintf(&b, `<rect class="bar-%d" x="%.2f" width="%.2f" height="10"/>`, r.Class(i), at, width)
		at += width
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}
