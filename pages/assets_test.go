// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestAssetsAreServedUnderTheAddressesThatPagesName(t *testing.T) {
	r := mustRenderer(t)
	assets := http.StripPrefix("/.usher/assets", r.Assets())
	get := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		assets.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	page := renderAll(t, "", "")["problem"].Body.String()
	named := regexp.MustCompile(`/\.usher/assets/[a-z]+\.[0-9a-f]{16}\.[a-z]+`).FindAllString(page, -1)
	if len(named) != 3 {
		t.Fatalf("the page names %v", named)
	}
	for _, path := range named {
		w := get("GET", path)
		if w.Code != 200 || w.Body.Len() == 0 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if w := get("POST", path); w.Code != 405 {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"", "/", "/style.css", "/style.0000000000000000.css", "/../render.go"} {
		if w := get("GET", "/.usher/assets"+path); w.Code != 404 || w.Header().Get("Cache-Control") != "" {
			t.Errorf("%q: %d %v", path, w.Code, w.Header())
		}
	}
}

// palette returns the colours of a :root block of the stylesheet by name.
func palette(css string) map[string]string {
	colours := make(map[string]string)
	for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		colours[m[1]] = m[2]
	}
	return colours
}

func TestColoursContrastInLightAndDark(t *testing.T) {
	css, err := assetFiles.ReadFile("assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, _ := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	dark, rest, _ := strings.Cut(rest, "/* The page */")
	if literal := regexp.MustCompile(`#[0-9a-f]{3,8}\b|rgb|hsl`).FindString(rest); literal != "" {
		t.Errorf("the colour %s has no name, so nothing checks it", literal)
	}
	const text, shape = 4.5, 3 // WCAG 2 AA: 1.4.3 and 1.4.11
	pairs := []struct {
		front, backs string
		least        float64
	}{
		{"ink", "ground glow surface raised", text},
		{"ink-soft", "ground glow surface raised", text},
		{"accent", "surface raised", text},
		{"accent-strong", "surface raised", text},
		{"on-accent", "accent accent-strong", text},
		{"notice-ink", "notice-ground", text},
		{"danger", "surface raised", text},
		{"danger-ink", "danger-ground", text},
		{"edge", "surface", shape},
		{"accent", "ground glow", shape}, // the focus ring and the mark beside the name
		{"danger", "danger-ground", shape},
		{"google-ink", "google", text},
		{"google-edge", "surface", shape},
		{"facebook-ink", "facebook", text},
		{"apple-ink", "apple", text},
		{"apple", "surface", shape},
		{"twitch-ink", "twitch", text},
	}
	for scheme, colours := range map[string]map[string]string{"light": palette(light), "dark": palette(dark)} {
		for _, p := range pairs {
			for back := range strings.FieldsSeq(p.backs) {
				if colours[p.front] == "" || colours[back] == "" {
					t.Fatalf("%s: no colour %s or %s", scheme, p.front, back)
				}
				a, errA := parseColor(colours[p.front])
				b, errB := parseColor(colours[back])
				if errA != nil || errB != nil {
					t.Fatal(errA, errB)
				}
				if ratio := contrast(a, b); ratio < p.least {
					t.Errorf("%s: %s on %s is %.2f, less than %v", scheme, p.front, back, ratio, p.least)
				}
			}
		}
	}
}
