// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package consent_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/consent"
)

func TestLabelHasAtMostOneLink(t *testing.T) {
	const url = "https://nova.example/terms"
	tests := []struct {
		text string
		want consent.Label
		html string
	}{
		{"", consent.Label{}, ""},
		{"I agree", consent.Label{Before: "I agree"}, "I agree"},
		{"I agree to the [terms](" + url + ").", consent.Label{"I agree to the ", "terms", url, "."},
			`I agree to the <a href="https://nova.example/terms" target="_blank" rel="noopener">terms</a>.`},
		{"[Terms](http://hub.localhost/terms?a=1&b=2)", consent.Label{"", "Terms", "http://hub.localhost/terms?a=1&b=2", ""},
			`<a href="http://hub.localhost/terms?a=1&amp;b=2" target="_blank" rel="noopener">Terms</a>`},
		{"[Téŕms 条款](HTTPS://nova.example/%20)", consent.Label{"", "Téŕms 条款", "HTTPS://nova.example/%20", ""},
			`<a href="HTTPS://nova.example/%20" target="_blank" rel="noopener">Téŕms 条款</a>`},
		{"no [link] here (really)", consent.Label{Before: "no [link] here (really)"}, "no [link] here (really)"},
	}
	for _, tt := range tests {
		got, err := consent.ParseLabel(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
		if got.HTML() != tt.html {
			t.Errorf("%q: %s, want %s", tt.text, got.HTML(), tt.html)
		}
	}
}

func TestLabelWithAnotherLinkThanOneToAWebPageIsRefused(t *testing.T) {
	for _, text := range []string{
		"[x](javascript:alert)", "[x](JavaScript:alert)", "[x](data:text/html,x)", "[x](vbscript:x)", "[x](file:///etc/passwd)", "[x](mailto:ann@example.com)",
		"[x](//evil.example)", "[x](/terms)", "[x](terms)", "[x](https:)", "[x](https:/evil)", "[x](https:///evil)", "[x](https:evil.example)", "[x](http://)",
		"[x](https://[::1)", "[x](https://a b)x [y](https://b.example)[z](https://c.example)",
		"[a](https://a.example) and [b](https://b.example)", "[a](https://a.example) and [b](javascript:alert)",
	} {
		if got, err := consent.ParseLabel(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

// What is not in the form of a link is shown as it was written.
func TestScriptInTheFormOfALinkStaysText(t *testing.T) {
	const text = "[x](javascript:alert(1))"
	got, err := consent.ParseLabel(text)
	if err == nil && (got.LinkURL != "" || got.HTML() != text) {
		t.Errorf("got %+v, shown as %s", got, got.HTML())
	}
}

// hostile is text that would do harm in a page if it were not escaped.
var hostile = []string{
	`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `' onmouseover='alert(1)`, `&lt;b&gt;`, `<a href="javascript:alert(1)">x</a>`,
	`[x](javascript:alert(1))`, `[<b>](https://nova.example)`, `[x](https://nova.example/"onclick="alert)`, `[x](https://nova.example/'onclick='alert)`,
	`[x](https://nova.example/><script>alert</script>)`, `[x]](https://nova.example)`, `[[x](https://nova.example)`, "[x](https://nova.example\x00)", "<\x00script>",
}

// anchor is the only markup that a label may come to.
var anchor = regexp.MustCompile(`^<a href="[^"<>' ]*" target="_blank" rel="noopener">[^<>"']*</a>$`)

// wantInert fails unless markup has no element but one anchor.
func wantInert(t *testing.T, text string, l consent.Label) {
	t.Helper()
	markup := l.HTML()
	if l.LinkURL != "" {
		from, to := strings.Index(markup, "<a "), strings.Index(markup, "</a>")+len("</a>")
		if from < 0 || to < from || !anchor.MatchString(markup[from:to]) {
			t.Errorf("%q became %s", text, markup)
			return
		}
		markup = markup[:from] + markup[to:]
		if !strings.HasPrefix(strings.ToLower(l.LinkURL), "http") {
			t.Errorf("%q links to %s", text, l.LinkURL)
		}
	}
	if strings.ContainsAny(markup, `<>"'`) || html.UnescapeString(markup) != l.Before+l.After {
		t.Errorf("%q became %s", text, l.HTML())
	}
}

func TestHostileLabelIsInert(t *testing.T) {
	for _, text := range hostile {
		if shown := consent.LabelHTML(text); strings.Contains(shown, "<") && strings.Count(shown, "<") != 2 {
			t.Errorf("%q is shown as %s", text, shown)
		}
		l, err := consent.ParseLabel(text)
		if err != nil {
			continue
		}
		wantInert(t, text, l)
	}
}

func TestLabelThatIsRefusedIsShownAsText(t *testing.T) {
	const text = "[<b>](javascript:alert)"
	if got, want := consent.LabelHTML(text), "[&lt;b&gt;](javascript:alert)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := consent.LabelHTML("[terms](https://nova.example)"); !anchor.MatchString(got) {
		t.Errorf("got %s, want the link", got)
	}
}

func FuzzParseLabel(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Add("I agree to the [terms](https://nova.example/terms).")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := consent.ParseLabel(text)
		if err != nil || strings.ContainsRune(text, '\r') || strings.ContainsRune(text, '&') {
			return // references in the text make UnescapeString a poor judge
		}
		wantInert(t, text, l)
	})
}
