// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/usher-sso/usher/authstore"
	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

func signIn(email, password string) url.Values {
	return url.Values{"email": {email}, "password": {password}, "next": {ours + "/customers"}}
}

func TestSignInGoesByTheSecondFactor(t *testing.T) {
	o := newOffice(t)
	o.employs(authstore.RoleOwner)
	o.Clock.Add(time.Minute)
	p := o.somebody()
	p.post("/admin/sign-in", signIn("owner@example.com", "wrong")).is(401, "The address or the password is wrong.", "owner@example.com").without("wrong\"")
	p.post("/admin/sign-in", signIn("owner@example.com", admintest.Password)).to("/admin/second-factor?next=%2Fadmin%2F100000001%2Fcustomers")
	p.get(ours).to("/admin/second-factor?next=%2Fadmin%2F100000001")
	p.get("/admin/account").to("/admin/second-factor?next=%2Fadmin%2Faccount")
	p.get("/admin/second-factor/new").to("/admin/second-factor?next=%2Fadmin%2Fsecond-factor%2Fnew")
	p.post(ours+"/customers/1/disable", nil).to("/admin/second-factor")
	p.get("/admin/second-factor").is(200, "Enter a code")
	p.post("/admin/second-factor", url.Values{"code": {"000000"}}).is(401, wrongCode)
	o.Clock.Add(time.Second)
	half := p.jar["__Host-usher-staff"]
	p.post("/admin/second-factor", url.Values{"code": {o.Code(t, "owner@example.com")}, "next": {ours + "/customers"}}).to(ours + "/customers")
	if p.jar["__Host-usher-staff"] == half || p.jar["__Host-usher-staff-known"] == "" {
		t.Errorf("the browser holds %v", p.jar)
	}
	p.get(ours+"/customers").is(200, "owner@example.com")
	p.get("/admin/sign-in").to("/admin")
	p.get("/admin/second-factor").to("/admin")
	if got := o.log(admintest.Ours); !slices.Equal(got[:3], []string{"staff.signIn", "staff.signInFailed!", "staff.signInFailed!"}) {
		t.Errorf("the log has %v", got)
	}
	o.Clock.Add(time.Second)
	p.post("/admin/sign-out", nil).to("/admin/sign-in")
	p.get(ours).to("/admin/sign-in?next=%2Fadmin%2F100000001")
	p.post("/admin/sign-out", nil).to("/admin/sign-in")
	if got := o.log(admintest.Ours)[0]; got != acts.OwnSignOut || p.jar["__Host-usher-staff"] != "" {
		t.Errorf("the log has %v, the browser %v", got, p.jar)
	}
}

func TestUnknownAddressIsAnsweredAlikeAndLeavesNoTrace(t *testing.T) {
	o := newOffice(t)
	o.employs(authstore.RoleEditor)
	before := len(o.log(admintest.Ours))
	unknown := o.somebody().post("/admin/sign-in", signIn("nobody@example.com", "wrong")).is(401).Body.String()
	if got := len(o.log(admintest.Ours)); got != before {
		t.Errorf("%d entries more", got-before)
	}
	known := o.somebody().post("/admin/sign-in", signIn("editor@example.com", "wrong")).is(401).Body.String()
	if strings.ReplaceAll(known, "editor@", "nobody@") != unknown {
		t.Error("the answers differ")
	}
	if got := o.log(admintest.Ours); got[0] != "staff.signInFailed!" {
		t.Errorf("the log has %v", got)
	}
	o.somebody().post("/admin/sign-in", signIn("not an address", "wrong")).is(401)
	p := o.somebody()
	for range 10 {
		p.post("/admin/sign-in", signIn("nobody@example.com", "wrong"))
	}
	if wait := p.post("/admin/sign-in", signIn("nobody@example.com", "wrong")).is(429, "Please wait").Header().Get("Retry-After"); wait == "" {
		t.Error("it does not say how long to wait")
	}
}

func TestOwnerMustSetUpASecondFactorBeforeAnythingElse(t *testing.T) {
	o := newOffice(t)
	made, err := o.Staff.Invite(context.Background(), authstore.ByCommandLine, "new@example.com", "Nora", map[int64]authstore.Role{admintest.Ours: authstore.RoleOwner})
	if err != nil {
		t.Fatal(err)
	}
	p := o.somebody()
	p.get("/admin/invite?token=wrong").is(404, "no longer good")
	p.get("/admin/invite?token="+made.Secret).is(200, "new@example.com", "Nora", "Ours", "Owner")
	p.post("/admin/invite", url.Values{"token": {made.Secret}, "password": {"short"}}).is(422, "too short")
	p.post("/admin/invite", url.Values{"token": {made.Secret}, "password": {admintest.Password}}).to("/admin/second-factor/new")
	p.post("/admin/invite", url.Values{"token": {made.Secret}, "password": {admintest.Password}}).is(404)
	for _, path := range []string{ours, ours + "/customers", "/admin", "/admin/account"} {
		if a := p.get(path); a.Code != 303 || !strings.HasPrefix(a.Header().Get("Location"), "/admin/second-factor/new") {
			t.Errorf("%s: %d, %s", path, a.Code, a.Header().Get("Location"))
		}
	}
	p.post("/admin/account/password", url.Values{"current": {admintest.Password}, "password": {"another good 7 sentence"}}).to("/admin/second-factor/new")
	page := p.get("/admin/second-factor/new?next="+url.QueryEscape(ours)).is(200, "Owners need a second factor")
	secret := func(a *answer) string {
		for _, e := range elements(t, a.Body.Bytes()) {
			if e.name == "code" {
				return strings.ReplaceAll(e.text, " ", "")
			}
		}
		return ""
	}
	sealed := page.hidden("sealed")[0]
	again := p.post("/admin/second-factor/new", url.Values{"sealed": {sealed}, "code": {"000000"}, "next": {ours}}).is(422, wrongCode)
	if secret(again) != secret(page) || secret(page) == "" {
		t.Errorf("after a wrong code, the key is %q, not %q", secret(again), secret(page))
	}
	code, err := totp.GenerateCode(secret(page), o.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	codes := p.post("/admin/second-factor/new", url.Values{"sealed": again.hidden("sealed"), "code": {code}, "next": {ours}}).is(200, "recovery codes", `href="`+ours+`"`)
	if n := strings.Count(codes.Body.String(), "<li><code>"); n != 10 {
		t.Errorf("%d recovery codes", n)
	}
	p.get(ours).is(200, "Nora")
	want := []string{acts.OwnSecondFactor, acts.OwnSecondFactor + "!"}
	if got := o.log(admintest.Ours); !slices.Equal(slices.Sorted(slices.Values(got))[:2], want) || !slices.Contains(got, acts.OwnJoin) {
		t.Errorf("the log has %v", got)
	}
}

func TestStaffLookAfterTheirOwnAccount(t *testing.T) {
	o := newOffice(t)
	p := o.employs(authstore.RoleEditor)
	second, third := o.somebody(), o.somebody()
	second.post("/admin/sign-in", signIn("editor@example.com", admintest.Password)).to(ours + "/customers")
	third.post("/admin/sign-in", signIn("editor@example.com", admintest.Password)).to(ours + "/customers")
	page := p.get("/admin/account").is(200, "Your account", "This one", "Firefox", "Set it up")
	p.get("/admin/account?done=<x>").is(200).without(`role="status"`)
	if n := len(page.hidden("session")); n != 2 {
		t.Fatalf("%d sessions can be ended", n)
	}
	id, _, _ := strings.Cut(second.jar["__Host-usher-staff"], ".")
	p.post("/admin/account/sessions/end", url.Values{"session": {id}}).to("/admin/account?done=account.endSession")
	second.get(ours).to("/admin/sign-in?next=%2Fadmin%2F100000001")
	third.get(ours).is(200)
	p.post("/admin/account/sessions/others", nil).to("/admin/account?done=account.endOthers")
	third.get(ours).to("/admin/sign-in?next=%2Fadmin%2F100000001")
	p.get("/admin/account?done=account.endOthers").is(200, "Your other sessions have ended.")

	p.post("/admin/account/password", url.Values{"current": {"wrong"}, "password": {"another good 7 sentence"}}).is(422, "This is not your password.")
	p.post("/admin/account/password", url.Values{"current": {admintest.Password}, "password": {"12345678"}}).is(422, "This password")
	before := p.jar["__Host-usher-staff"]
	p.post("/admin/account/password", url.Values{"current": {admintest.Password}, "password": {"another good 7 sentence"}}).to("/admin/account?done=account.changePassword")
	if p.jar["__Host-usher-staff"] == before {
		t.Error("the session was not renewed")
	}
	o.somebody().post("/admin/sign-in", signIn("editor@example.com", admintest.Password)).is(401)
	o.somebody().post("/admin/sign-in", signIn("editor@example.com", "another good 7 sentence")).to(ours + "/customers")

	o.Clock.Add(20 * time.Minute)
	p.get("/admin/second-factor/new").is(403, "Show that it is you", "set up a second factor")
	p.post("/admin/confirm", url.Values{confirmPassword: {"wrong"}, "next": {"/admin/second-factor/new"}}).is(403, "is wrong", "/admin/second-factor/new")
	p.post("/admin/confirm", url.Values{confirmPassword: {"another good 7 sentence"}, "next": {"/admin/second-factor/new"}}).to("/admin/second-factor/new")
	p.get("/admin/second-factor/new").is(200, "Set up a second factor")
}

func TestMemberOfSeveralPublishersChooses(t *testing.T) {
	o := newOffice(t)
	o.employs(authstore.RoleSupport).get("/admin").is(200, "Choose a publisher", "Ours", "Sandbox", "Free").without("Other")
	one := o.somebody()
	one.jar["__Host-usher-staff"] = o.Joins(t, "one@example.com", authstore.RoleSupport, admintest.Free)
	one.get("/admin").to("/admin/100000004")
	one.get("/admin/").to("/admin/100000004")
	one.get("/admin/100000004").is(200).without("Switch publisher", "sandbox-bar")
	o.employs(authstore.RoleEditor).get("/admin/100000003").is(200, "sandbox-bar", "Switch publisher")
}
