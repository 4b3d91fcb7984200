// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"strconv"
	"strings"
	"time"
)

// Span is a length of time, written as operators write it: 90s, 15m, 12h or 100d;
// "" is none.
type Span struct{ time.Duration }

const day = 24 * time.Hour

// maxDays bounds a span, far below what a duration holds.
const maxDays = 10_000

// UnmarshalText reads a span.
func (s *Span) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	if text == "" {
		s.Duration = 0
		return nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > maxDays {
			return errSpan(text)
		}
		s.Duration = time.Duration(n) * day
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxDays*day {
		return errSpan(text)
	}
	s.Duration = d
	return nil
}

func errSpan(text string) error {
	return invalid("", "%q is not a length of time; write one such as 15m, 12h or 100d", text)
}

// MarshalText writes a span.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns a span as operators write it.
func (s Span) String() string {
	switch d := s.Duration; {
	case d == 0:
		return "0s"
	case d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	default:
		return d.String()
	}
}
