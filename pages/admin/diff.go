// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"strings"
	"unicode"
)

// PieceKind is what became of a piece of text.
type PieceKind string

// What becomes of text between two versions.
const (
	PieceSame    PieceKind = "same"
	PieceRemoved PieceKind = "removed"
	PieceAdded   PieceKind = "added"
)

// Piece is a run of text in a comparison.
type Piece struct {
	Kind PieceKind
	Text string
}

// maxCompared is how many pairs of words Diff compares: it takes as much time, and
// four bytes for each. Beyond it, all that is between the common beginning and the
// common end counts as replaced.
const maxCompared = 4 << 20

// Diff compares two texts by words. What is removed comes before what is added in
// its place.
func Diff(before, after string) []Piece {
	a, b := words(before), words(after)
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var d pieces
	d.add(PieceSame, a[:start]...)
	d.middle(a[start:len(a)-end], b[start:len(b)-end])
	d.add(PieceSame, a[len(a)-end:]...)
	return d.settled()
}

// words splits a text into words, blanks and single marks; together they are the
// text.
func words(s string) (list []string) {
	kind := func(r rune) int {
		switch {
		case r == '\n':
			return 0
		case unicode.IsSpace(r):
			return 1
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			return 2
		}
		return 0
	}
	start, last := 0, -1
	for i, r := range s {
		k := kind(r)
		if i > start && (k != last || k == 0) {
			list = append(list, s[start:i])
			start = i
		}
		last = k
	}
	if start < len(s) {
		list = append(list, s[start:])
	}
	return list
}

// pieces is a comparison that is being written.
type pieces []Piece

func (d *pieces) add(kind PieceKind, words ...string) {
	text := strings.Join(words, "")
	if text == "" {
		return
	}
	if n := len(*d); n > 0 && (*d)[n-1].Kind == kind {
		(*d)[n-1].Text += text
		return
	}
	*d = append(*d, Piece{kind, text})
}

// middle compares by the longest common subsequence of words.
func (d *pieces) middle(a, b []string) {
	if len(a) == 0 || len(b) == 0 || len(a) > maxCompared/len(b) {
		d.add(PieceRemoved, a...)
		d.add(PieceAdded, b...)
		return
	}
	// common at i, j is how many words a[i:] and b[j:] have in common.
	width := len(b) + 1
	common := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			d.add(PieceSame, a[i])
			i, j = i+1, j+1
		case common[(i+1)*width+j] >= common[i*width+j+1]:
			d.add(PieceRemoved, a[i])
			i++
		default:
			d.add(PieceAdded, b[j])
			j++
		}
	}
	d.add(PieceRemoved, a[i:]...)
	d.add(PieceAdded, b[j:]...)
}

// settled makes a comparison readable: a blank between two changes belongs to them,
// so that a changed phrase is one change, and what is removed stands first.
func (d pieces) settled() []Piece {
	var out pieces
	removed, added := "", ""
	flush := func() {
		out.add(PieceRemoved, removed)
		out.add(PieceAdded, added)
		removed, added = "", ""
	}
	for i, p := range d {
		between := i > 0 && i < len(d)-1 && strings.TrimSpace(p.Text) == "" && !strings.Contains(p.Text, "\n")
		switch {
		case p.Kind == PieceRemoved:
			removed += p.Text
		case p.Kind == PieceAdded:
			added += p.Text
		case between && removed != "" && added != "":
			removed, added = removed+p.Text, added+p.Text
		default:
			flush()
			out.add(PieceSame, p.Text)
		}
	}
	flush()
	return out
}
