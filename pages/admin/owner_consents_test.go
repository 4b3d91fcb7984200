// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bufio"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

func draft(name, version, label string) url.Values {
	return url.Values{"name": {name}, "kind": {"terms"}, "version": {version}, "label": {label}}
}

func TestConsentGoesFromDraftToRetirement(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleEditor, admintest.Free)
	one, first := free+"/consents/terms", free+"/consents/terms/versions/1/"
	in := draft("terms", "1", "I agree to the [terms](https://free.example/terms).")
	in.Set("texts.0.label", "Ich stimme zu.")
	page := h.done(h.page(free+"/consents"), free+"/consents", in)
	contains(t, page, "Nobody is asked for it before", `<a href="https://free.example/terms"><bdi>terms</bdi></a>`, "Ich stimme zu.", "Draft")

	page = h.done(page, first+"publish", url.Values{"begins": {p.Clock.Now().Add(48 * time.Hour).Format("2006-01-02T15:04")}})
	contains(t, page, "Scheduled", "The version is published.")
	page = h.done(page, first+"unpublish", nil)
	page = h.done(page, first+"publish", nil)
	contains(t, page, "In force")
	if d, _ := p.Directory.ByID(admintest.Free); len(d.Consents) != 1 || d.Consents[0].Texts["de"].Label != "Ich stimme zu." {
		t.Fatalf("in force are %+v", d.Consents)
	}

	page = h.done(page, free+"/consents", url.Values{"label": {"I agree to the new terms."}})
	contains(t, page, `<h2 id="v-0">Version 2`, "Changes since version 1", "<ins>", "<del>")
	page = h.done(page, free+"/consents/terms/versions/2/drop", nil)
	contains(t, page, "The draft is gone.")
	page = h.done(h.page(one), one+"/retire", nil)
	contains(t, page, "Not asked")
	if d, _ := p.Directory.ByID(admintest.Free); len(d.Consents) != 0 {
		t.Errorf("in force are %+v", d.Consents)
	}
}

func TestPublishingAsksWhoItIsAndKeepsWhatWasTyped(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleEditor, admintest.Free)
	page := h.done(h.page(free+"/consents"), free+"/consents", draft("terms", "1", "I agree."))
	p.Clock.Add(30 * time.Minute)
	action, begins := free+"/consents/terms/versions/1/publish", "2035-01-02T03:04"
	w := h.submit(page, action, url.Values{"begins": {begins}})
	if w.Code != 403 {
		t.Fatalf("status %d: %s", w.Code, told(w))
	}
	page = h.done(w.Body.String(), action, url.Values{"confirm.password": {admintest.Password}})
	contains(t, page, "Scheduled", "2\u00a0Jan\u00a02035, 03:04")
}

func TestRefusedDraftComesBackAsItWasTyped(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleEditor, admintest.Free)
	in := draft("terms", "1", "[a](https://a.example) and [b](https://b.example)")
	in.Set("value", "typed by hand")
	in.Set("texts.0.label", "Ich stimme zu.")
	in.Set("required", "true")
	w := h.submit(h.page(free+"/consents"), free+"/consents", in)
	if w.Code != 422 {
		t.Fatalf("status %d", w.Code)
	}
	again := h.form(w.Body.String(), free+"/consents", nil)
	for name, want := range in {
		if again.values.Get(name) != want[0] {
			t.Errorf("%s comes back as %q, was %q", name, again.values.Get(name), want[0])
		}
	}
	contains(t, w.Body.String(), `href="#new-form-label"`, "at most one link")

	h.done(h.page(free+"/consents"), free+"/consents", draft("terms", "1", "I agree."))
	w = h.submit(h.page(free+"/consents/terms"), free+"/consents", url.Values{"version": {"no version!"}, "label": {"Mine."}})
	if again := h.form(w.Body.String(), free+"/consents", nil); w.Code != 422 || again.values.Get("label") != "Mine." {
		t.Errorf("status %d, %v", w.Code, again.values)
	}
	contains(t, w.Body.String(), `href="#write-form-version"`)
}

func TestOrderOfConsentsIsChangedOneByOne(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleEditor, admintest.Free)
	for _, name := range []string{"terms", "news", "partners"} {
		page := h.done(h.page(free+"/consents"), free+"/consents", draft(name, "1", "I agree to "+name+"."))
		h.done(page, free+"/consents/"+name+"/versions/1/publish", nil)
	}
	f := h.form(h.page(free+"/consents"), free+"/consents-order", url.Values{"names": {"terms", "partners", "news"}})
	if w := h.send(post(f.action, f.values)); w.Code != 303 {
		t.Fatalf("status %d: %s", w.Code, told(w))
	}
	d, _ := p.Directory.ByID(admintest.Free)
	if d.Consents[0].Name != "terms" || d.Consents[1].Name != "partners" || d.Consents[2].Name != "news" {
		t.Errorf("%+v", d.Consents)
	}
	if w := h.send(post(f.action, f.values)); w.Code != 409 {
		t.Errorf("the same change once more: status %d, want 409", w.Code)
	}
}

func TestDeclaredConsentIsShownAndNotChanged(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Ours)
	page := h.page(ours + "/consents/declared")
	contains(t, page, "Set in the server&#39;s configuration file", `<a href="https://example.com/terms"><bdi>terms</bdi></a>`)
	for _, f := range formsOf(t, page) {
		if strings.Contains(f.action, "consents") {
			t.Errorf("a form for %s", f.action)
		}
	}
	for _, path := range []string{"/consents/declared/retire", "/consents"} {
		if w := h.send(post(ours+path, draft("declared", "2", "Mine."))); path == "/consents" && w.Code != 409 {
			t.Errorf("%s: status %d, want 409", path, w.Code)
		}
	}
	if w := h.send(post(ours+"/consents/declared/retire", nil)); w.Code != 409 {
		t.Errorf("status %d, want 409", w.Code)
	}
}

func TestEvidenceIsExportedAsAFile(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleEditor, admintest.Ours)
	page := h.page(ours + "/consents")
	contains(t, page, "usher evidence verify")
	w := h.submit(page, ours+"/evidence/export", nil)
	line, err := bufio.NewReader(w.Body).ReadString('\n')
	if err != nil || !strings.Contains(line, `"usher":"consent evidence 1"`) || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("%v, %q, %v", err, line, w.Header())
	}
}

func TestPreviewShowsViewersPagesAndNothingElse(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleReadOnly, admintest.Ours)
	contains(t, h.page(ours+"/consents/declared"), ours+"/preview/register")
	contains(t, h.page(ours+"/preview/register"), "preview of register at 100000001")
	for path, want := range map[string]int{ours + "/preview/secret": 404, "/admin/100000002/preview/register": 404} {
		if w := h.get(path); w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
}
