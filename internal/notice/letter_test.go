// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package notice

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/mail"
)

const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"

// proving are the kinds whose link proves something.
var proving = map[authstore.MailKind]bool{Verify: true, Reset: true, EmailChanged: true, Join: true}

// linkless are the kinds that bring a code alone.
var linkless = map[authstore.MailKind]bool{Join: true}

func mustCatalog(t *testing.T) *i18n.Catalog {
	t.Helper()
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mustWrite writes a mail whose every part is known.
func mustWrite(t *testing.T, l *i18n.Language, publisherName string, kind authstore.MailKind) (w letter, page string) {
	t.Helper()
	link := Link{URL: "https://id.example.com/reset?publisher=1&token=abc"}
	if proving[kind] {
		link.Code = "ABCD-2345"
	}
	if linkless[kind] {
		link.URL = ""
	}
	m := authstore.Mail{Kind: kind}
	switch kind {
	case NewDevice:
		m.Data = map[string]string{device: firefox, country: "PL", at: "2026-03-01T12:00:00Z"}
	case Join, WayAdded, WayRemoved:
		m.Data = map[string]string{Provider: "Orbit ID"}
	}
	w = write(l, publisherName, m, link)
	page, err := w.html()
	if err != nil {
		t.Fatal(err)
	}
	return w, page
}

func TestEveryMailIsWholeInEveryLanguage(t *testing.T) {
	outbox := mail.NewOutbox(t.TempDir())
	leftover := regexp.MustCompile(`\{\{|\}\}|<no value>|\bmail\.[a-z]`)
	for _, l := range mustCatalog(t).All() {
		for _, kind := range Kinds {
			w, page := mustWrite(t, l, "Nova TV", kind)
			text := w.plain()
			for part, content := range map[string]string{"subject": w.Subject, "text": text, "html": page} {
				if leftover.MatchString(content) || strings.TrimSpace(content) == "" || strings.Contains(content, "\n\n\n") && part == "text" {
					t.Errorf("%s in %s, %s:\n%s", kind, l.Tag, part, content)
				}
			}
			wants := []string{"Nova TV", w.Text.Plain}
			if linkless[kind] == (w.Button != "") {
				t.Errorf("%s in %s has the button %q", kind, l.Tag, w.Button)
			}
			links := 0
			if !linkless[kind] {
				wants, links = append(wants, w.Link.URL, w.Button), 1
			}
			if m := w.Text.Plain; slices.Contains([]authstore.MailKind{Join, WayAdded, WayRemoved}, kind) && !strings.Contains(m, "Orbit ID") {
				t.Errorf("%s in %s does not name the provider: %s", kind, l.Tag, m)
			}
			if proving[kind] {
				wants = append(wants, w.Link.Code)
			}
			if kind == NewDevice {
				wants = append(wants, "Firefox, Windows", l.Country("PL"), "2026")
			}
			seen := html.UnescapeString(regexp.MustCompile(`</?bdi>`).ReplaceAllString(page, ""))
			for _, want := range wants {
				if want == "" || !strings.Contains(text, want) || !strings.Contains(seen, want) {
					t.Errorf("%s in %s lacks %q:\n%s\n%s", kind, l.Tag, want, text, page)
				}
			}
			if got := strings.Count(page, `href="https://id.example.com/reset?publisher=1&amp;token=abc"`); got != 2*links {
				t.Errorf("%s in %s leads there %d times:\n%s", kind, l.Tag, got, page)
			}
			for _, want := range []string{`lang="` + l.Tag.String() + `"`, `dir="` + l.Dir + `"`} {
				if !strings.Contains(page, want) {
					t.Errorf("%s in %s lacks %s:\n%s", kind, l.Tag, want, page)
				}
			}
			if strings.Count(text, "https://") != links {
				t.Errorf("%s in %s has other links than one:\n%s", kind, l.Tag, text)
			}
			m := mail.Message{From: "a@example.com", FromName: "Nova TV", To: "b@example.com", Subject: w.Subject, Text: text, HTML: page}
			if err := outbox.Send(t.Context(), m); err != nil {
				t.Errorf("%s in %s: %v", kind, l.Tag, err)
			}
		}
	}
}

func TestNamesInMailsAreEscaped(t *testing.T) {
	const name = `<img src=x onerror=alert(1)> & "Sons"`
	for _, kind := range Kinds {
		w, page := mustWrite(t, mustCatalog(t).All()[0], name, kind)
		if strings.Contains(page, "<img") || !strings.Contains(page, html.EscapeString(name)) {
			t.Errorf("%s:\n%s", kind, page)
		}
		if !strings.Contains(w.plain(), name) {
			t.Errorf("%s:\n%s", kind, w.plain())
		}
	}
}

func TestDeviceNamesAreOursAlone(t *testing.T) {
	for userAgent, want := range map[string]string{
		firefox: "Firefox, Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari, iPhone",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":           "Edge, Windows",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                   "Chrome, Android",
		"Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) AppleWebKit/537.36 (KHTML, like Gecko) 120.0.6099.5/8.0 TV Safari/537.36":                       "Safari, Samsung TV",
		"curl/8.5.0": "", "": "", "You won, visit https://evil.example": "",
	} {
		if got := DeviceName(userAgent); got != want {
			t.Errorf("%s: %q, want %q", userAgent, got, want)
		}
	}
	if got := printable("a\x00b\nc\u00e9" + strings.Repeat("x", 999)); strings.ContainsAny(got, "\x00\n\u00e9") || len(got) > maxUserAgent {
		t.Errorf("kept %q", got)
	}
}
