// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

func TestInvitationIsShownOnceAndWithdrawn(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Free)
	w := h.submit(h.page(free+"/staff"), free+"/staff/invite", url.Values{"email": {"new@example.com"}, "role": {"support"}})
	link := regexp.MustCompile(`https://id\.example\.com/admin/invite\?token=[\w-]+`).FindString(w.Body.String())
	if w.Code != 200 || link == "" {
		t.Fatalf("status %d: %s", w.Code, told(w))
	}
	page := h.page(free + "/staff")
	contains(t, page, "new@example.com")
	lacks(t, page, link)
	lacks(t, h.done(page, free+"/staff/withdraw", nil), "new@example.com")
	w = h.submit(page, free+"/staff/invite", url.Values{"email": {"nobody"}, "name": {"Typed"}, "role": {"owner"}})
	if again := h.form(w.Body.String(), free+"/staff/invite", nil); w.Code != 422 || again.values.Get("name") != "Typed" || again.values.Get("role") != "owner" {
		t.Errorf("status %d, %v", w.Code, again.values)
	}
}

func TestMembersAreManaged(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Free)
	other := p.hand(t, authstore.RoleSupport, admintest.Free)
	page := h.page(free + "/staff")
	contains(t, page, "This is the only owner")
	var id string
	for _, f := range formsOf(t, page) {
		if m := regexp.MustCompile(`/staff/([^/]+)/role$`).FindStringSubmatch(f.action); m != nil {
			if id != "" {
				t.Fatal("the role of the only owner can be changed")
			}
			id = m[1]
		}
	}
	at := free + "/staff/" + id + "/"
	page = h.done(page, at+"role", url.Values{"role": {"editor"}})
	contains(t, page, "Editor")
	page = h.done(page, at+"sign-out", nil)
	if w := other.get(free + "/staff"); w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), "/admin/sign-in") {
		t.Errorf("signed out, and gets status %d", w.Code)
	}
	page = h.done(page, at+"disable", nil)
	contains(t, page, "Disabled")
	page = h.done(page, at+"enable", nil)
	lacks(t, h.done(page, at+"remove", nil), admintest.Address(authstore.RoleSupport))
}

func TestSandboxIsCopiedToProductionAsSeen(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Sandbox, admintest.Free)
	h.done(h.page(sandbox+"/settings"), sandbox+"/settings", url.Values{"tokenLife": {"3m"}})
	page := h.page(sandbox + "/sandbox")
	contains(t, page, `href="?to=100000004#changes"`, `class="sandbox-bar"`, `aria-current="page"`)
	page = h.page(sandbox + "/sandbox?to=100000004")
	contains(t, page, "What changes at", "Life of access tokens", "3m")
	h.done(page, sandbox+"/sandbox/copy", nil)
	if d, _ := p.Directory.ByID(admintest.Free); d.TokenLife.Minutes() != 3 {
		t.Errorf("%+v", d)
	}
	if w := h.submit(page, sandbox+"/sandbox/copy", nil); w.Code != 409 {
		t.Errorf("what was seen is no more: status %d, want 409", w.Code)
	}
	for path, want := range map[string]int{
		sandbox + "/sandbox?to=100000002": 403, sandbox + "/sandbox?to=100000003": 400, sandbox + "/sandbox?from=1": 400, free + "/sandbox": 404,
	} {
		if w := h.get(path); w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
	lacks(t, h.page(free+"/settings"), free+"/sandbox")
}

func TestSandboxIsResetAfterItsIdIsTyped(t *testing.T) {
	p := newPlace(t)
	h := p.hand(t, authstore.RoleOwner, admintest.Sandbox)
	p.Customer(t, admintest.Sandbox, "ann@example.com")
	left := func() int64 {
		totals, err := p.Store.Totals(t.Context(), admintest.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		return totals.Customers
	}
	page := h.page(sandbox + "/sandbox")
	w := h.submit(page, sandbox+"/sandbox/reset", url.Values{"confirm": {"100000001"}})
	if w.Code != 422 || left() != 1 {
		t.Errorf("status %d, %d customers", w.Code, left())
	}
	contains(t, w.Body.String(), `href="#reset-form-confirm"`)
	h.done(page, sandbox+"/sandbox/reset", url.Values{"confirm": {"100000003"}})
	if left() != 0 {
		t.Errorf("%d customers are left", left())
	}
}
