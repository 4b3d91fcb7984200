// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
)

// chunk is how many tokens are made and used at a time.
const chunk = 25_000

// memory tells what distinct tokens that are all alive make a proxy keep. Both
// proxies get the same requests, each token once, as fast as they answer.
func (s *stage) memory() error {
	v, err := s.gated("gated", 0)
	if err != nil {
		return err
	}
	v.load.Once = true
	variants, err := s.bare(v.load)
	if err != nil {
		return err
	}
	variants = append(variants[1:], v) // stock Caddy's is in all other tables
	titles, rows := []string{"variant"}, make([][]string, len(variants))
	for i, v := range variants {
		rows[i] = []string{v.name}
	}
	used := 0
	for _, until := range []int{0, s.tokens, s.live} {
		for used < until {
			n := min(chunk, until-used)
			if err := v.proxy.mint.cookies(v.load.Lines, used, n); err != nil {
				return err
			}
			if err := s.useUp(variants); err != nil {
				return err
			}
			used += n
			fmt.Fprintf(os.Stderr, "memory, %d of %d tokens used\n", used, s.live)
		}
		titles = append(titles, fmt.Sprint(until))
		for i, v := range variants {
			now, peak, err := memoryOf(v.proxy.pid)
			if err != nil {
				return err
			}
			rows[i] = append(rows[i], fmt.Sprintf("%.0f / %.0f", now, peak))
		}
	}
	fmt.Fprintf(s.out, "\n## memory\n\nVmRSS / VmHWM in MiB after so many distinct tokens, all of them alive, have been used by cookie, once each.\n\n")
	writeTable(s.out, titles, rows)
	return nil
}

// useUp sends each line once to each proxy.
func (s *stage) useUp(variants []*variant) error {
	for _, v := range variants {
		o, _, err := s.generate(s.ctx, v.proxy, v.load, maxSeconds)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		if o.Seconds >= maxSeconds {
			return fmt.Errorf("%s: %d tokens took longer than %d s", v.name, o.N, maxSeconds)
		}
	}
	return nil
}
