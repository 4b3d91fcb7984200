// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

// changing are the acts of the sections that these tests are about, by name.
func changing() (list []*admin.Act) {
	for _, a := range admin.Acts() {
		section, _, _ := strings.Cut(a.Name, ".")
		if !a.Reads() && slices.Contains([]string{"consent", "capture", "settings", "brand", "token", "staff", "sandbox"}, section) {
			list = append(list, a)
		}
	}
	return list
}

// addressOf returns where a page sends a form for an act.
func addressOf(publisher string, a *admin.Act) string {
	return publisher + "/" + strings.NewReplacer("{name}", "terms", "{version}", "1", "{staffId}", "somebody").Replace(a.Path)
}

func TestOwnersFormsAreRefusedWhereTheRoleEnds(t *testing.T) {
	p := newPlace(t)
	for _, role := range []authstore.Role{authstore.RoleReadOnly, authstore.RoleSupport, authstore.RoleEditor} {
		h := p.hand(t, role, admintest.Free, admintest.Sandbox)
		for _, a := range changing() {
			w := h.send(post(addressOf(free, a), nil))
			if may := admin.Allows(role, a.Needs); (w.Code == http.StatusForbidden) == may && !a.StepUp {
				t.Errorf("%s by %s: status %d", a.Name, role, w.Code)
			} else if !may && (w.Code != 403 || !strings.Contains(w.Body.String(), "needs the role")) {
				t.Errorf("%s by %s: status %d: %s", a.Name, role, w.Code, told(w))
			}
		}
	}
}

func TestFormsFromElsewhereChangeNothing(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Free, admintest.Sandbox)
	before := p.log(t)
	for _, a := range changing() {
		for name, forge := range map[string]func(*http.Request){
			"cross-site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"a sister":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
			"no proof":   func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Del("Origin") },
			"foreign": func(r *http.Request) {
				r.Header.Del("Sec-Fetch-Site")
				r.Header.Set("Origin", "https://evil.example")
			},
		} {
			r := post(addressOf(free, a), nil)
			forge(r)
			if w := h.send(r); w.Code != http.StatusForbidden {
				t.Errorf("%s, %s: status %d", a.Name, name, w.Code)
			}
		}
		nobody := &hand{t, p, map[string]*http.Cookie{}}
		if w := nobody.send(post(addressOf(free, a), nil)); w.Code != http.StatusUnauthorized {
			t.Errorf("%s by nobody: status %d", a.Name, w.Code)
		}
		for _, publisher := range []string{"/admin/100000002", "/admin/999999999", "/admin/0100000004", "/admin/x"} {
			if w := h.send(post(addressOf(publisher, a), nil)); w.Code != http.StatusNotFound {
				t.Errorf("%s at %s: status %d", a.Name, publisher, w.Code)
			}
		}
		if w := h.send(post(addressOf(free, a), url.Values{"publisherId": {"100000002"}, "isOwner": {"true"}})); w.Code != 422 && w.Code != 404 {
			t.Errorf("%s with fields that it does not have: status %d", a.Name, w.Code)
		}
	}
	if after := p.log(t); after != before {
		t.Errorf("the audit log has grown by %d", after-before)
	}
}

// log returns how many entries the audit logs have.
func (p *place) log(t *testing.T) (n int) {
	t.Helper()
	for _, id := range []int64{admintest.Free, admintest.Sandbox, admintest.Other} {
		found, err := p.Store.AuditLog(t.Context(), authstore.AuditQuery{Publisher: id, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		n += len(found.Entries)
	}
	return n
}

func ownersPages(publisher string) []string {
	return []string{
		publisher + "/consents", publisher + "/consents/terms", publisher + "/capture", publisher + "/capture/answers", publisher + "/settings", publisher + "/staff",
	}
}

// Every act has a form on some page of those whose role allows it, and on none of
// the others'.
func TestPagesOfferExactlyWhatTheRoleAllows(t *testing.T) {
	p := newPlace(t)
	owner := p.hand(t, authstore.RoleOwner, admintest.Sandbox, admintest.Free)
	hands := map[authstore.Role]*hand{authstore.RoleOwner: owner}
	for _, role := range []authstore.Role{authstore.RoleReadOnly, authstore.RoleSupport, authstore.RoleEditor} {
		hands[role] = p.hand(t, role, admintest.Sandbox)
	}
	p.furnish(t, owner)
	for role, h := range hands {
		offered := map[string]bool{}
		paths := ownersPages(sandbox)
		if role == authstore.RoleOwner {
			paths = append(paths, sandbox+"/sandbox?to=100000004")
		} else if w := h.get(sandbox + "/sandbox"); w.Code != 403 {
			t.Errorf("the page of the sandbox by %s: status %d", role, w.Code)
		}
		for _, path := range paths {
			for _, f := range formsOf(t, h.page(path)) {
				for _, a := range changing() {
					if p.fits(a, f.action) {
						offered[a.Name] = true
					}
				}
			}
		}
		for _, a := range changing() {
			if a.Name != "staff.enable" && offered[a.Name] != admin.Allows(role, a.Needs) { // nobody is disabled here
				t.Errorf("%s is offered to %s: %t", a.Name, role, offered[a.Name])
			}
		}
	}
}

// furnish sees to it that there is something for every act.
func (p *place) furnish(t *testing.T, owner *hand) {
	t.Helper()
	for _, version := range []string{"1", "2", "3"} {
		in := draft("terms", version, "I agree.")
		owner.done(owner.page(sandbox+"/consents"), sandbox+"/consents", in)
	}
	page := owner.done(owner.page(sandbox+"/consents/terms"), sandbox+"/consents/terms/versions/1/publish", nil)
	owner.done(page, sandbox+"/consents/terms/versions/2/publish", url.Values{"begins": {"2099-01-01T00:00"}})
	owner.done(owner.page(sandbox+"/consents"), sandbox+"/consents", draft("news", "1", "Send me news."))
	owner.done(owner.page(sandbox+"/consents/news"), sandbox+"/consents/news/versions/1/publish", nil)
	owner.done(owner.page(sandbox+"/capture"), sandbox+"/capture", url.Values{"enabled": {"true"}, "fields.0.key": {"birthDate"}})
	for act, in := range map[string]url.Values{"/token/rotate": nil, "/staff/invite": {"email": {"new@example.com"}, "role": {"support"}}} {
		page := owner.page(sandbox + map[string]string{"/token/rotate": "/settings", "/staff/invite": "/staff"}[act])
		if w := owner.submit(page, sandbox+act, in); w.Code != 200 {
			t.Fatalf("%s: status %d: %s", act, w.Code, told(w))
		}
	}
	second := p.Joins(t, "second@example.com", authstore.RoleOwner, admintest.Sandbox)
	if second == "" {
		t.Fatal("nobody joined")
	}
}

// fits tells whether a form's address is that of an act.
func (p *place) fits(a *admin.Act, address string) bool {
	want, have := strings.Split(a.Path, "/"), strings.Split(strings.TrimPrefix(address, sandbox+"/"), "/")
	return slices.EqualFunc(want, have, func(w, h string) bool { return w == h || strings.HasPrefix(w, "{") })
}

func TestPagesTakeNothingButTheirOwnQuery(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Sandbox)
	p.furnish(t, h)
	for _, path := range append(ownersPages(sandbox), sandbox+"/sandbox") {
		for query, want := range map[string]int{"": 200, "?done=staff.remove": 200, "?done=%3Cscript%3E": 200, "?x=1": 400, "?limit=9": 400, "?%zz": 400} {
			if w := h.get(path + query); w.Code != want || strings.Contains(w.Body.String(), "<script") {
				t.Errorf("%s%s: status %d, want %d", path, query, w.Code, want)
			}
		}
	}
}

func TestWhatStaffHaveWrittenIsShownAsText(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Sandbox)
	const evil = `"><script>alert(1)</script>`
	in := draft("terms", "1", evil)
	in.Set("value", evil)
	in.Set("texts.0.label", evil)
	page := h.done(h.page(sandbox+"/consents"), sandbox+"/consents", in)
	h.done(page, sandbox+"/consents/terms/versions/1/publish", nil)
	h.done(h.page(sandbox+"/settings"), sandbox+"/settings", url.Values{"name": {evil}})
	h.done(h.page(sandbox+"/settings"), sandbox+"/brand", url.Values{"links.0.name": {evil}, "links.0.url": {"https://a.example/" + evil}})
	h.done(h.page(sandbox+"/capture"), sandbox+"/capture", url.Values{"enabled": {"true"}, "fields.0.key": {"custom_1"}, "fields.0.question": {evil}, "fields.0.choices": {evil}})
	for _, path := range append(ownersPages(sandbox), sandbox+"/sandbox") {
		page := h.page(path)
		contains(t, page, "&lt;script&gt;")
		lacks(t, page, "<script", evil)
	}
}
