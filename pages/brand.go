// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Brand is how a publisher's pages look different from the plain ones.
type Brand struct {
	Logo    *Image // nil: the publisher's name in letters
	Favicon *Image // nil: the plain icon
	Color   string // of buttons and links, as rrggbb or #rrggbb; "": the plain one
	Links   []Link // in the footer, in this order
}

// Image is a picture of a kind that browsers show.
type Image struct {
	ext, contentType string
	content          []byte
}

// Link leads to a page of the publisher's own. Kind, one of LinkKinds, names it
// in the viewer's language; otherwise Text does.
type Link struct{ Kind, Text, URL string }

// LinkKinds are the pages that have a name in every language.
var LinkKinds = []string{"terms", "privacy", "imprint", "help", "contact", "accessibility"}

// maxImage bounds a logo or icon, which every viewer downloads.
const maxImage = 256 << 10

// NewImage reads a picture. Errors say what is wrong with it.
func NewImage(content []byte) (*Image, error) {
	if len(content) > maxImage {
		return nil, fmt.Errorf("picture is larger than %d KiB; use a smaller one", maxImage>>10)
	}
	kinds := map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif"}
	kind := http.DetectContentType(content)
	if ext, ok := kinds[kind]; ok {
		return &Image{ext, kind, content}, nil
	}
	if isSVG(content) {
		return &Image{".svg", "image/svg+xml", content}, nil
	}
	return nil, errors.New("picture is none that browsers show; use SVG, PNG, WebP, JPEG or GIF")
}

func isSVG(content []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(content))
	for {
		t, err := d.Token()
		if err != nil {
			return false
		}
		if root, ok := t.(xml.StartElement); ok {
			return root.Name.Local == "svg"
		}
	}
}

// face is a Brand as templates use it: addresses of assets, "" for none.
type face struct {
	Logo, Favicon, Style string
	Links                []Link
}

// looks holds how the pages of publishers look. It is replaced as a whole when one
// of them changes, so that who shows a page waits for nobody.
type looks struct {
	changing sync.Mutex // held while current is made anew
	current  atomic.Pointer[lookSet]
}

// lookSet is the looks at one time. It does not change.
type lookSet struct {
	faces map[int64]face // by publisher
	files map[int64]map[string]asset
	all   map[string]asset // of all publishers, by address
}

func newLooks() *looks {
	l := new(looks)
	l.current.Store(&lookSet{})
	return l
}

// set gives a publisher a look. The files of the one before are served on, because
// pages that were shown a moment ago refer to them.
func (l *looks) set(publisher int64, f face, files map[string]asset) {
	l.changing.Lock()
	defer l.changing.Unlock()
	have := l.current.Load()
	next := &lookSet{faces: maps.Clone(have.faces), files: maps.Clone(have.files), all: map[string]asset{}}
	if next.faces == nil {
		next.faces, next.files = map[int64]face{}, map[int64]map[string]asset{}
	}
	before := have.faces[publisher]
	for _, address := range []string{before.Logo, before.Favicon, before.Style} {
		if old, ok := have.all[address]; ok {
			files[address] = old
		}
	}
	next.faces[publisher], next.files[publisher] = f, files
	for _, own := range next.files {
		maps.Copy(next.all, own)
	}
	l.current.Store(next)
}

// SetBrand gives the pages of a publisher their look, from then on. Errors say what
// is wrong with the brand, and leave the look as it was.
func (r *Renderer) SetBrand(publisher int64, b Brand) error {
	f, files := face{Links: b.Links}, assetSet{files: map[string]asset{}}
	if b.Logo != nil {
		f.Logo = files.add("logo"+b.Logo.ext, b.Logo.contentType, b.Logo.content)
	}
	if b.Favicon != nil {
		f.Favicon = files.add("icon"+b.Favicon.ext, b.Favicon.contentType, b.Favicon.content)
	}
	if b.Color != "" {
		sheet, err := brandSheet(b.Color)
		if err != nil {
			return err
		}
		f.Style = files.add("brand.css", "text/css; charset=utf-8", sheet)
	}
	r.looks.set(publisher, f, files.files)
	return nil
}

// brandSheet returns the style sheet that sets the accent to a colour, in shades
// of it that can be read on every ground of our style sheet (WCAG 2.2, 1.4.3).
func brandSheet(color string) ([]byte, error) {
	c, err := parseColor(color)
	if err != nil {
		return nil, err
	}
	light := shades(c, black, []rgb{white, {0xf3, 0xf5, 0xf8}})
	dark := shades(c, white, []rgb{{0x15, 0x1b, 0x26}, {0x1c, 0x24, 0x31}, {0x0c, 0x10, 0x18}})
	return fmt.Appendf(nil, ":root{%s--glow:%s}\n@media (prefers-color-scheme:dark){:root{%s--glow:%s}}\n",
		light, mix(white, c, 0.14), dark, mix(rgb{0x0c, 0x10, 0x18}, c, 0.22)), nil
}

// shades returns the tokens of an accent, moved towards an end until it can be
// read on all grounds.
func shades(c, end rgb, grounds []rgb) string {
	accent := c
	for share := 0.0; share <= 1; share += 0.04 {
		if accent = mix(c, end, share); readable(accent, grounds) {
			break
		}
	}
	on := white
	if contrast(accent, black) > contrast(accent, white) {
		on = black
	}
	return fmt.Sprintf("--accent:%s;--accent-strong:%s;--on-accent:%s;", accent, mix(accent, end, 0.2), on)
}

// readableContrast is what WCAG 2.2 asks for text (1.4.3), and a little more,
// because browsers round colours.
const readableContrast = 4.6

func readable(c rgb, grounds []rgb) bool {
	for _, g := range grounds {
		if contrast(c, g) < readableContrast {
			return false
		}
	}
	return true
}

type rgb [3]uint8

var black, white = rgb{}, rgb{0xff, 0xff, 0xff}

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

func parseColor(s string) (c rgb, err error) {
	digits := strings.TrimPrefix(s, "#")
	n, err := strconv.ParseUint(digits, 16, 24)
	if err != nil || len(digits) != 6 {
		return c, fmt.Errorf("%q is not a colour; write six hexadecimal digits, such as 0a5bd3", s)
	}
	return rgb{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
}

// mix returns a with a share of b.
func mix(a, b rgb, share float64) (c rgb) {
	for i := range c {
		c[i] = uint8(math.Round(float64(a[i])*(1-share) + float64(b[i])*share))
	}
	return c
}

// contrast returns the contrast ratio of two colours (WCAG 2.2).
func contrast(a, b rgb) float64 {
	x, y := luminanceOf(a), luminanceOf(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminanceOf(c rgb) float64 {
	var part [3]float64
	for i, v := range c {
		if s := float64(v) / 255; s <= 0.04045 {
			part[i] = s / 12.92
		} else {
			part[i] = math.Pow((s+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*part[0] + 0.7152*part[1] + 0.0722*part[2]
}

// CheckColor tells whether s is a colour that a Brand may have.
func CheckColor(s string) error {
	_, err := parseColor(s)
	return err
}
