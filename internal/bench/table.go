// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// summary is what is told of many measurements of one thing.
type summary struct{ q1, median, q3 float64 }

// summarize returns the median and the quartiles, which lie between measurements
// where their number does not divide.
func summarize(values []float64) summary {
	if len(values) == 0 {
		return summary{math.NaN(), math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		place := q * float64(len(sorted)-1)
		below := int(place)
		above := min(below+1, len(sorted)-1)
		return sorted[below] + (place-float64(below))*(sorted[above]-sorted[below])
	}
	return summary{at(0.25), at(0.5), at(0.75)}
}

// write returns a summary with so many decimals.
func (s summary) write(decimals int) string {
	if math.IsNaN(s.median) {
		return "–"
	}
	return fmt.Sprintf("%.*f [%.*f..%.*f]", decimals, s.median, decimals, s.q1, decimals, s.q3)
}

// column is one figure of a sample.
type column struct {
	title    string // %s stands for the unit
	decimals int
	of       func(sample) float64
	ratio    bool // it is compared with the bases
}

var columns = []column{
	{"%s/s", 0, func(s sample) float64 { return s.rate }, true},
	{"p50 µs", 0, func(s sample) float64 { return s.p50 }, true},
	{"p99 µs", 0, func(s sample) float64 { return s.p99 }, true},
	{"CPU µs/%s", 1, func(s sample) float64 { return s.cpu }, true},
	{"VmRSS MiB", 0, func(s sample) float64 { return s.rss }, false},
	{"VmHWM MiB", 0, func(s sample) float64 { return s.peak }, false},
	{"noise %%", 1, func(s sample) float64 { return s.noise }, false},
}

// report writes the tables of a scenario: its figures, and the ratios of figures
// that were measured in the same round.
func report(w io.Writer, s *scenario) {
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n", s.name, s.about)
	shown := slices.DeleteFunc(slices.Clone(columns), func(c column) bool {
		return s.unit == "MiB" && strings.HasPrefix(c.title, "p") // streams have no latency
	})
	titles := []string{"variant"}
	for _, c := range shown {
		titles = append(titles, strings.ReplaceAll(strings.ReplaceAll(c.title, "%s", s.unit), "%%", "%"))
	}
	var rows [][]string
	for _, v := range s.variants {
		row := []string{v.name}
		for _, c := range shown {
			row = append(row, summarize(each(v.samples, c.of)).write(c.decimals))
		}
		rows = append(rows, row)
	}
	writeTable(w, titles, rows)
	reportRatios(w, s, shown)
}

func reportRatios(w io.Writer, s *scenario, shown []column) {
	shown = slices.DeleteFunc(shown, func(c column) bool { return !c.ratio })
	titles := []string{"ratio"}
	for _, c := range shown {
		titles = append(titles, strings.ReplaceAll(c.title, "%s", s.unit))
	}
	var rows [][]string
	for i, base := range s.variants {
		if !base.base {
			continue
		}
		for _, v := range s.variants[i+1:] {
			row := []string{v.name + " ÷ " + base.name}
			for _, c := range shown {
				row = append(row, summarize(ratios(each(v.samples, c.of), each(base.samples, c.of))).write(3))
			}
			rows = append(rows, row)
		}
	}
	fmt.Fprintln(w)
	writeTable(w, titles, rows)
	if s.tellRounds {
		list := ratios(each(s.variants[1].samples, columns[2].of), each(s.variants[0].samples, columns[2].of))
		fmt.Fprintf(w, "\np99, %s ÷ %s, round by round: %.2f\n", s.variants[1].name, s.variants[0].name, list)
	}
}

func each(samples []sample, of func(sample) float64) []float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	return values
}

// ratios divides what was measured in the same round.
func ratios(values, bases []float64) []float64 {
	var list []float64
	for i := range min(len(values), len(bases)) {
		if bases[i] > 0 {
			list = append(list, values[i]/bases[i])
		}
	}
	return list
}

func writeTable(w io.Writer, titles []string, rows [][]string) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(titles, " | "), strings.Repeat(" --- |", len(titles)))
	for _, row := range rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
}
