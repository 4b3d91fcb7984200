// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	mainPart   = regexp.MustCompile(`(?s)<main.*</main>`)
	heading    = regexp.MustCompile(`(?s)<h1>(.*?)</h1>`)
	needed     = regexp.MustCompile(`(?s)<div class="notice needed">(.*?)</div>`)
	sentence   = regexp.MustCompile(`(?s)<p class="lead">(.*?)</p>`)
	alert      = regexp.MustCompile(`(?s)role="alert".*?<p>(.*?)</p>`)
	notices    = regexp.MustCompile(`(?s)role="status"><p>(.*?)</p>`)
	fieldError = regexp.MustCompile(`(?s)<p class="field-error".*?</span>(.*?)</p>`)
	formTag    = regexp.MustCompile(`<form[^>]* action="([^"]*)">`)
	checkbox   = regexp.MustCompile(`<input type="(?:checkbox|radio)"[^>]*name="([^"]*)" value="([^"]*)"([^>]*)>`)
	address    = regexp.MustCompile(`(?s)<a [^>]*?href="([^"#][^"]*)"[^>]*>(.*?)</a>`)
	filled     = regexp.MustCompile(`<input type="(?:text|date|tel)"[^>]*name="([^"]*)" value="([^"]+)"`)
	list       = regexp.MustCompile(`(?s)<select[^>]*name="([^"]*)".*?</select>`)
	chosen     = regexp.MustCompile(`<option value="([^"]+)"[^>]* selected>`)
	typed      = regexp.MustCompile(`<input type="email"[^>]*value="([^"]+)"`)
	menu       = regexp.MustCompile(`(?s)<nav class="menu".*?aria-current="page">(.*?)</a>.*?</nav>`)
	entries    = regexp.MustCompile(`(?s)<li class="entry">(.*?)</li>`)
	states     = regexp.MustCompile(`(?s)<p class="hint state"[^>]*>(.*?)</p>`)
	tag        = regexp.MustCompile(`(?s)<span class="(?:visually-hidden|newtab)".*?</span>|<[^>]*>`)
)

// text returns what a viewer reads of a piece of HTML.
func text(s string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(s, ""))), " ")
}

// seen describes an answer in a few lines: status, where it leads or what the
// page says, its form and its links.
func seen(t *testing.T, a *httptest.ResponseRecorder) []string {
	t.Helper()
	status := strconv.Itoa(a.Code)
	headersOfEveryAnswer(t, a)
	if location := a.Header().Get("Location"); location != "" {
		lines := []string{status + " to " + plain(location)}
		if a.Body.Len() > 0 {
			t.Errorf("a redirect with a body: %s", a.Body)
		}
		return lines
	}
	if _, file, ok := strings.Cut(a.Header().Get("Content-Disposition"), "attachment; filename="); ok {
		return []string{status + " file " + file}
	}
	page := mainPart.FindString(a.Body.String())
	if page == "" {
		return []string{strings.TrimSpace(status + " " + a.Body.String())}
	}
	lines := []string{status + " " + strconv.Quote(first(heading, page))}
	if current := first(menu, page); current != "" {
		lines = append(lines, "in the menu: "+current)
		page = menu.ReplaceAllString(page, "")
	}
	for _, part := range []struct {
		name string
		form *regexp.Regexp
	}{{"alert", alert}, {"notice", notices}, {"why", needed}, {"says", sentence}, {"wrong", fieldError}, {"typed", typed}, {"state", states}, {"entry", entries}} {
		for _, found := range part.form.FindAllStringSubmatch(page, -1) {
			lines = append(lines, part.name+": "+text(found[1]))
		}
	}
	for _, field := range filled.FindAllStringSubmatch(page, -1) {
		lines = append(lines, "typed "+field[1]+": "+text(field[2]))
	}
	for _, field := range list.FindAllStringSubmatch(page, -1) {
		if option := chosen.FindStringSubmatch(field[0]); option != nil {
			lines = append(lines, "chosen "+field[1]+": "+text(option[1]))
		}
	}
	for _, box := range checkbox.FindAllStringSubmatch(page, -1) {
		line := "box " + box[1] + "=" + box[2]
		for _, attribute := range []string{"checked", "required"} {
			if strings.Contains(box[3], " "+attribute) {
				line += " " + attribute
			}
		}
		lines = append(lines, line)
	}
	for _, form := range formTag.FindAllStringSubmatch(page, -1) {
		lines = append(lines, "form to "+plain(html.UnescapeString(form[1])))
	}
	for _, link := range address.FindAllStringSubmatch(page, -1) {
		lines = append(lines, "link "+strconv.Quote(text(link[2]))+" to "+plain(html.UnescapeString(link[1])))
	}
	if wait := a.Header().Get("Retry-After"); wait != "" {
		lines = append(lines, "wait "+wait+" seconds")
	}
	return lines
}

func first(form *regexp.Regexp, page string) string {
	found := form.FindStringSubmatch(page)
	if found == nil {
		return ""
	}
	return text(found[1])
}

// random are the parts of a query that differ each time.
var random = []string{"code", "state", "nonce", "code_challenge", "token", "page", "needs", "app"}

// plain writes an address so that it can be read and compared.
func plain(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.RawQuery == "" {
		return address
	}
	var parts []string
	for name, values := range u.Query() {
		if slices.Contains(random, name) {
			parts = append(parts, name)
		} else {
			parts = append(parts, name+"="+strings.Join(values, ","))
		}
	}
	slices.Sort(parts)
	path, _, _ := strings.Cut(address, "?")
	return path + "?" + strings.Join(parts, "&")
}

// headersOfEveryAnswer checks what keeps answers out of caches and frames, and
// cookies away from scripts and other hosts.
func headersOfEveryAnswer(t *testing.T, a *httptest.ResponseRecorder) {
	t.Helper()
	if got := a.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
	if a.Header().Get("Location") == "" && !strings.Contains(a.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("Content-Security-Policy %q allows frames", a.Header().Get("Content-Security-Policy"))
	}
	for _, c := range a.Result().Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %+v", c)
		}
	}
}
