// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bytes"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin/admintest"
	"github.com/usher-sso/usher/internal/secret"
)

func TestQuestionsAreChosenOrderedAndTakenAway(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleEditor, admintest.Free)
	page := h.done(h.page(free+"/capture"), free+"/capture", url.Values{
		"enabled": {"true"}, "fields.0.key": {"birthDate"}, "fields.0.position": {"2"},
		"fields.2.key": {"custom_1"}, "fields.2.position": {"1"}, "fields.2.question": {"Team?"}, "fields.2.choices": {"Ajax\r\nPSV"}, "fields.2.required": {"true"},
	})
	contains(t, page, "Question 1: Team?", "Question 2: Birth date", "One of: Ajax, PSV", free+"/preview/questions")
	d, _ := p.Directory.ByID(admintest.Free)
	if f := d.Capture.Fields; len(f) != 2 || f[0].Key != "custom_1" || !f[0].Required || len(f[0].Choices) != 2 || f[1].Key != "birthDate" {
		t.Fatalf("%+v", d.Capture)
	}
	w := h.submit(page, free+"/capture", url.Values{"fields.1.key": {""}, "fields.2.key": {"custom_2"}})
	if again := h.form(w.Body.String(), free+"/capture", nil); w.Code != 422 || again.values.Get("fields.2.key") != "custom_2" || again.values.Get("fields.0.question") != "Team?" {
		t.Errorf("status %d, %v", w.Code, again.values)
	}
	contains(t, w.Body.String(), `href="#capture-fields.2.key"`, `<details class="fold" open>`)
	h.done(page, free+"/capture", url.Values{"fields.1.key": {""}})
	if d, _ = p.Directory.ByID(admintest.Free); len(d.Capture.Fields) != 1 {
		t.Errorf("%+v", d.Capture)
	}
}

func TestAnswersAreCountedAndExported(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleEditor, admintest.Ours)
	c := p.Customer(t, admintest.Ours, "ann@example.com")
	err := p.Store.ChangeCapture(t.Context(), c.ID, func(_ *authstore.Customer, a *authstore.CaptureAnswers) error {
		a.Submitted, a.Values, a.Buckets = p.Clock.Now(), map[string]string{"custom_1": "Ajax"}, map[string]string{"custom_1": "Ajax"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	page := h.page(ours + "/capture/answers")
	contains(t, page, "Team?", "<bdi>Ajax</bdi>", "<strong>100 %</strong>")
	w := h.submit(page, ours+"/capture/answers/export", nil)
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), "customerId,") || w.Header().Get("Content-Type") != "text/csv" {
		t.Errorf("status %d, %v: %q", w.Code, w.Header(), w.Body)
	}
	page = h.page(ours + "/capture")
	contains(t, page, "Set in the server&#39;s configuration file")
	lacks(t, page, `action="`+ours+`/capture"`)
}

func TestSettingsAreSavedFromThePage(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Free)
	old := h.page(free + "/settings")
	in := url.Values{"name": {"Freer"}, "languages": {"de", "en"}, "offers": {"S200000001_NL\r\nS300000001_NL"}, "tokenLife": {"5m"}, "verifyEmail": {"true"}, "verifyWithin": {"2d"}}
	page := h.done(old, free+"/settings", in)
	contains(t, page, "<bdi>Freer</bdi>", `value="5m"`)
	d, _ := p.Directory.ByID(admintest.Free)
	if d.Name != "Freer" || len(d.Languages) != 2 || len(d.Offers) != 2 || d.TokenLife != 5*time.Minute || !d.VerifyEmail || d.VerifyWithin != 48*time.Hour {
		t.Errorf("%+v", d)
	}
	if w := h.submit(old, free+"/settings", in); w.Code != 409 {
		t.Errorf("from a page that is out of date: status %d, want 409", w.Code)
	}
	in.Set("resetUrls", "https://app.example/path")
	w := h.submit(page, free+"/settings", in)
	if again := h.form(w.Body.String(), free+"/settings", nil); w.Code != 422 || again.values.Get("resetUrls") != "https://app.example/path" {
		t.Errorf("status %d, %v", w.Code, again.values)
	}
	contains(t, w.Body.String(), `href="#settings-resetUrls"`)
}

func TestDeclaredSettingsAreReadOnly(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Ours)
	page := h.page(ours + "/settings")
	contains(t, page, "S100000001_US", "https://app.example.com", "https://news.example.com")
	for name := range h.form(page, ours+"/settings", nil).values {
		if name == "name" || strings.HasPrefix(name, "session") {
			t.Errorf("the form has the declared field %s", name)
		}
	}
	lacks(t, page, ours+"/token/rotate")
	h.done(page, ours+"/settings", url.Values{"tokenLife": {"2m"}})
	if d, _ := p.Directory.ByID(admintest.Ours); d.Session.Idle != 48*time.Hour || d.TokenLife != 2*time.Minute || d.Name != "Ours" {
		t.Errorf("%+v", d)
	}
}

func TestAPITokenIsShownOnce(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Free)
	w := h.submit(h.page(free+"/settings"), free+"/token/rotate", nil)
	m := regexp.MustCompile(`(?s)id="new-token-value"[^>]*>(.*?)</textarea>`).FindStringSubmatch(w.Body.String())
	d, _ := p.Directory.ByID(admintest.Free)
	if w.Code != 200 || m == nil || !secret.Matches(d.TokenDigest, m[1]) {
		t.Fatalf("status %d, %q: %s", w.Code, m, told(w))
	}
	page := h.page(free + "/settings")
	lacks(t, page, m[1], "new-token-value")
	h.done(page, free+"/token/revoke", nil)
	if d, _ := p.Directory.ByID(admintest.Free); d.TokenDigest != "" {
		t.Error("the token lives on")
	}
}

// upload sends a file with the values of a form.
func (h *hand) upload(f shown, content string) *httptest.ResponseRecorder {
	h.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for name, values := range f.values {
		for _, v := range values {
			if err := m.WriteField(name, v); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	part, err := m.CreateFormFile("picture", "logo.svg")
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := part.Write([]byte(content)); err != nil {
		h.t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		h.t.Fatal(err)
	}
	r := post(f.action, nil)
	r.Body, r.ContentLength = nopCloser{&b}, int64(b.Len())
	r.Header.Set("Content-Type", m.FormDataContentType())
	return h.send(r)
}

type nopCloser struct{ *bytes.Buffer }

func (nopCloser) Close() error { return nil }

func TestPictureIsUploadedAndServedAsNothingButAPicture(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleEditor, admintest.Free)
	kind := url.Values{"kind": {"favicon"}}
	f := h.form(h.page(free+"/settings"), free+"/brand/picture", kind)
	if w := h.upload(f, "picture"); w.Code != 303 {
		t.Fatalf("status %d: %s", w.Code, told(w))
	}
	page := h.page(free + "/settings")
	m := regexp.MustCompile(`<img src="(` + free + `/brand/pictures/[0-9a-f]+)" alt="Icon`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("the page does not show the picture")
	}
	w := h.get(m[1])
	for name, want := range map[string]string{
		"Content-Type": "image/svg+xml", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if w.Code != 200 || w.Body.String() != "picture" {
		t.Errorf("status %d, %q", w.Code, w.Body)
	}
	for content, says := range map[string]string{"<script>": "browsers show", strings.Repeat("x", 50_000): "larger"} {
		w := h.upload(h.form(page, free+"/brand/picture", kind), content)
		if w.Code != 422 {
			t.Errorf("%.20s: status %d, want 422", content, w.Code)
		}
		contains(t, w.Body.String(), says)
	}
	other := p.hand(t, authstore.RoleSupport, admintest.Other)
	if w := other.get(m[1]); w.Code != 404 {
		t.Errorf("a stranger gets the picture with status %d", w.Code)
	}
	if w := other.get(strings.Replace(m[1], "100000004", "100000002", 1)); w.Code != 404 {
		t.Errorf("the picture is at another publisher with status %d", w.Code)
	}
}

func TestBrandIsSavedFromThePage(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleEditor, admintest.Free)
	page := h.done(h.page(free+"/settings"), free+"/brand", url.Values{"color": {"0a5bd3"}, "links.1.name": {"privacy"}, "links.1.url": {"https://free.example/privacy"}})
	contains(t, page, "Link 1: privacy", `value="0a5bd3"`)
	w := h.submit(page, free+"/brand", url.Values{"links.0.url": {"javascript:alert(1)"}})
	if w.Code != 422 {
		t.Errorf("status %d", w.Code)
	}
	contains(t, w.Body.String(), `href="#brand-form-links.0.url"`)
}
