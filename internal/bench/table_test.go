// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestQuartiles(t *testing.T) {
	tests := []struct {
		given []float64
		want  summary
	}{
		{[]float64{7}, summary{7, 7, 7}},
		{[]float64{2, 1}, summary{1.25, 1.5, 1.75}},
		{[]float64{5, 1, 4, 2, 3}, summary{2, 3, 4}},
		{[]float64{4, 3, 2, 1}, summary{1.75, 2.5, 3.25}},
	}
	for _, tt := range tests {
		given := slices.Clone(tt.given)
		if got := summarize(tt.given); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.given, got, tt.want)
		}
		if !slices.Equal(given, tt.given) {
			t.Errorf("%v was sorted in place, which mixes the rounds", given)
		}
	}
	if got := summarize(nil); !math.IsNaN(got.median) || got.write(1) != "–" {
		t.Errorf("nothing is told as %s", got.write(1))
	}
}

func TestRatiosAreThoseOfTheSameRound(t *testing.T) {
	got := ratios([]float64{10, 40, 90}, []float64{20, 20, 0})
	if !slices.Equal(got, []float64{0.5, 2}) {
		t.Errorf("got %v", got)
	}
}

func TestReportNamesEveryVariantAndRatio(t *testing.T) {
	bare := &variant{name: "bare", base: true, samples: []sample{{rate: 100, p50: 10, cpu: 50}, {rate: 200, p50: 10, cpu: 60}}}
	gated := &variant{name: "gated", samples: []sample{{rate: 50, p50: 20, cpu: 75}, {rate: 150, p50: 20, cpu: 60}}}
	var out strings.Builder
	report(&out, &scenario{name: "gate", unit: "request", variants: []*variant{bare, gated}})
	for _, want := range []string{
		"| variant | request/s | p50 µs | p99 µs | CPU µs/request | VmRSS MiB | VmHWM MiB | noise % |",
		"| bare | 150 [125..175] |", "| gated ÷ bare | 0.625 [0.562..0.688] | 2.000 [2.000..2.000] | – | 1.250 [1.125..1.375] |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}
