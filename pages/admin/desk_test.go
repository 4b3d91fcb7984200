// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

func TestNobodyGetsInWithoutASession(t *testing.T) {
	o := newOffice(t)
	stranger := o.somebody()
	stranger.jar["__Host-usher-staff"] = "made.up"
	for _, p := range pages() {
		path := filled(p.path)
		stranger.get(path).to("/admin/sign-in?next=" + url.QueryEscape(path))
	}
	for _, a := range acts.Acts() {
		if !a.Reads() {
			stranger.post(filled(a.Path), nil).is(401, "send the form again")
		}
	}
	stranger.get("/admin").to("/admin/sign-in")
	stranger.get("/admin/account").to("/admin/sign-in?next=%2Fadmin%2Faccount")
	stranger.get("/admin/nothing/here").to("/admin/sign-in?next=%2Fadmin%2Fnothing%2Fhere")
	if got := stranger.get("/admin/api/100000001/customers").is(200).Body.String(); got != "the API" {
		t.Errorf("the API's address is answered with %q", got)
	}
	server := httptest.NewRequest("GET", admintest.Hub+ours, nil)
	server.Header.Set(acts.PublisherToken, admintest.OursToken)
	o.somebody().send(server).to("/admin/sign-in?next=%2Fadmin%2F100000001")
}

func TestStaffOfOthersLearnNothing(t *testing.T) {
	o := newOffice(t)
	other := o.somebody()
	other.jar["__Host-usher-staff"] = o.Joins(t, "boss@other.example", authstore.RoleOwner, admintest.Other)
	for _, publisher := range []string{"100000001", "100000009", "0100000002", "x"} {
		for _, p := range pages() {
			path := strings.Replace(filled(p.path), "100000001", publisher, 1)
			other.get(path).is(404, "no such publisher").without("Ours")
		}
		for _, a := range acts.Acts() {
			if !a.Reads() {
				other.post(strings.Replace(filled(a.Path), "100000001", publisher, 1), nil).is(404, "no such publisher").without("Ours")
			}
		}
	}
	if got := o.log(admintest.Ours); len(got) != 0 {
		t.Errorf("our log tells of %v", got)
	}
	c := o.Customer(t, admintest.Ours, "ann@example.com")
	other.get("/admin/100000002/customers/" + admintest.ID(c.ID)).is(404).without("ann@example.com")
	other.post("/admin/100000002/customers/"+admintest.ID(c.ID)+"/disable", nil).is(404)
}

func TestFormsFromElsewhereAreRefused(t *testing.T) {
	o := newOffice(t)
	owner := o.employs(authstore.RoleOwner)
	before := len(o.log(admintest.Ours))
	paths := []string{"/admin/sign-in", "/admin/second-factor", "/admin/second-factor/new", "/admin/confirm", "/admin/invite",
		"/admin/account/password", "/admin/account/sessions/end", "/admin/account/sessions/others", "/admin/sign-out"}
	for _, a := range acts.Acts() {
		if !a.Reads() {
			paths = append(paths, filled(a.Path))
		}
	}
	for _, path := range paths {
		for name, header := range map[string]map[string]string{
			"says nothing": {}, "cross-site": {"Sec-Fetch-Site": "cross-site"}, "same-site": {"Sec-Fetch-Site": "same-site"},
			"typed": {"Sec-Fetch-Site": "none"}, "other origin": {"Origin": "https://evil.example"}, "null": {"Origin": "null"},
		} {
			if a := owner.send(request(path, nil, header)); a.Code != 403 || !strings.Contains(a.Body.String(), "came from elsewhere") {
				t.Errorf("%s, %s: status %d", path, name, a.Code)
			}
		}
	}
	if got := o.log(admintest.Ours); len(got) != before {
		t.Errorf("the log tells of %v", got)
	}
	owner.get(ours).is(200)
}

func TestRolesAreOfferedWhatTheyMayDoAndRefusedTheRest(t *testing.T) {
	for _, role := range []authstore.Role{authstore.RoleOwner, authstore.RoleEditor, authstore.RoleSupport, authstore.RoleReadOnly} {
		o := newOffice(t)
		c := o.Customer(t, admintest.Ours, "ann@example.com")
		o.Session(t, c)
		p := o.employs(role)
		path := ours + "/customers/" + admintest.ID(c.ID)
		shown := p.get(path).is(200, "ann@example.com").Body.String()
		for _, a := range acts.Acts() {
			rest, is := strings.CutPrefix(a.Path, customerPath+"/")
			if !is {
				continue
			}
			allowed, offered := acts.Allows(role, a.Needs), strings.Contains(shown, `action="`+path+"/"+rest+`"`)
			if rest != "enable" && allowed != offered {
				t.Errorf("%s as %s: allowed %t, offered %t", a.Name, role, allowed, offered)
			}
			if !allowed {
				p.post(path+"/"+rest, nil).is(403, "You may not do this", "Support or Owner", roleName(string(role)))
			}
		}
		p.get(ours).is(200)
		p.get(ours + "/customers").is(200)
		p.get(ours + "/audit").is(200)
	}
}

func TestNextNeverLeadsElsewhere(t *testing.T) {
	for _, good := range []string{"/admin", "/admin/100000001", "/admin/100000001/customers?search=a%40b&sort=name", "/admin?x=1"} {
		if nextPath(good) != good {
			t.Errorf("%s is refused", good)
		}
	}
	bad := []string{
		"", "https://evil.example/admin", "//evil.example/admin", "/\\evil.example", "/admin\\..\\x", "/admin//evil.example", "/administrator", "/", "/login",
		"javascript:alert(1)", "/admin/../login", "/admin/./x", "/admin/%2e%2e/login", "/admin/%2F%2Fevil", "/admin\n/x", "/admin/\tx", " /admin", "admin",
		"/admin#x", "https:/admin", "https:admin", "/admin/api/100000001/customers", "///admin", "/admin/%5cevil", "http://user@id.example.com/admin", "/admin/ü", "?x", "/%61dmin/..",
	}
	for _, given := range bad {
		if got := nextPath(given); got != "" {
			t.Errorf("%q leads to %q", given, got)
		}
	}
	o := newOffice(t)
	o.employs(authstore.RoleEditor)
	for _, given := range bad {
		p := o.somebody()
		p.get("/admin/sign-in?next=" + url.QueryEscape(given)).is(200).without("evil")
		p.post("/admin/sign-in", url.Values{"email": {"editor@example.com"}, "password": {admintest.Password}, "next": {given}}).to("/admin")
	}
}

func TestActsLeadBackToTheirPageAndSayWhatWasDone(t *testing.T) {
	o := newOffice(t)
	p := o.employs(authstore.RoleSupport)
	c := o.Customer(t, admintest.Ours, "ann@example.com")
	s := o.Session(t, c)
	o.Session(t, c)
	path := ours + "/customers/" + admintest.ID(c.ID)
	for _, step := range []struct{ act, name, says string }{
		{"send-reset", "customer.sendReset", "new password"}, {"send-verification", "customer.sendVerification", "verify the address"},
		{"verify", "customer.verify", "counts as verified"}, {"sign-out", "customer.signOut", "signed out"},
		{"disable", "customer.disable", "Disabled"}, {"enable", "customer.enable", "can sign in again"},
	} {
		form := url.Values{}
		if step.act == "sign-out" {
			form.Set("session", s.ID)
		}
		p.post(path+"/"+step.act, form).to(path + "?done=" + step.name)
		p.get(path+"?done="+step.name).is(200, step.says)
		if got := o.log(admintest.Ours)[0]; got != step.name {
			t.Errorf("the log has %s, want %s", got, step.name)
		}
	}
	p.post(path+"/change-email", url.Values{"email": {"eve@example.com"}}).to(path + "?done=customer.changeEmail")
	file := p.post(path+"/export", nil).is(200, "eve@example.com")
	if got := file.Header().Get("Content-Disposition"); got != "attachment; filename=customer-"+admintest.ID(c.ID)+".json" {
		t.Errorf("exported as %s", got)
	}
	p.post(path+"/erase", url.Values{"confirm": {admintest.ID(c.ID)}}).to(path + "?done=customer.erase")
	p.get(path).is(200, "This customer is erased").without("eve@example.com", "Erase for good")
	p.get(ours + "?done=customer.erase").is(200).without("is erased")
	p.get(path+"?done=<script>").is(200).without("script>", `role="status"`)
	p.get(path + "/erase").to(path) // the address bar, after a form was refused
}

func TestFormThatIsNotTakenComesBackAsItWasSent(t *testing.T) {
	o := newOffice(t)
	p := o.employs(authstore.RoleSupport)
	c := o.Customer(t, admintest.Ours, "ann@example.com")
	path := ours + "/customers/" + admintest.ID(c.ID)
	p.post(path+"/change-email", url.Values{"email": {`"><script>x`}}).is(422, "New address is not an e-mail address.", "&#34;&gt;&lt;script&gt;x").without("<script")
	p.post(path+"/erase", url.Values{"confirm": {"ann"}}).is(422, "Write "+admintest.ID(c.ID)+" to confirm; nothing was done.")
	for _, form := range []url.Values{
		{"email": {"eve@example.com"}, "emailVerified": {"true"}}, {"email": {"eve@example.com"}, "publisherId": {"100000002"}},
		{"email": {"eve@example.com", "eva@example.com"}}, {"Email": {"eve@example.com"}}, {"email.0": {"eve@example.com"}},
	} {
		p.post(path+"/change-email", form).is(422)
	}
	if got, err := o.Store.Customer(context.Background(), c.ID); err != nil || got.Email != "ann@example.com" {
		t.Errorf("%+v, %v", got, err)
	}
	p.post(path+"/change-email", url.Values{"email": {strings.Repeat("x", maxForm)}}).is(413)
	p.send(request(path+"/change-email", nil, map[string]string{"Sec-Fetch-Site": "same-origin", "Content-Type": "multipart/form-data"})).is(400)
}

func TestStepUpLosesNothingOfWhatWasTyped(t *testing.T) {
	o := newOffice(t)
	owner := o.employs(authstore.RoleOwner)
	c := o.Customer(t, admintest.Ours, "ann@example.com")
	path := ours + "/customers/" + admintest.ID(c.ID) + "/change-email"
	o.Clock.Add(20 * time.Minute)
	asked := owner.post(path, url.Values{"email": {"eve@example.com"}}).is(403, "Show that it is you", "give a customer another address", `action="`+path+`"`)
	if got := asked.hidden("email"); !slices.Equal(got, []string{"eve@example.com"}) {
		t.Errorf("sent on: %q", got)
	}
	before := owner.jar["__Host-usher-staff"]
	form := url.Values{"email": {"eve@example.com"}, confirmPassword: {"wrong"}, confirmCode: {o.Code(t, "owner@example.com")}}
	again := owner.post(path, form).is(403, "The password or the code is wrong.")
	if got := again.hidden("email"); !slices.Equal(got, []string{"eve@example.com"}) || len(again.hidden(confirmPassword)) > 0 {
		t.Errorf("sent on: %q", got)
	}
	o.Clock.Add(time.Minute)
	form = url.Values{"email": {"not one"}, confirmPassword: {admintest.Password}, confirmCode: {o.Code(t, "owner@example.com")}}
	owner.post(path, form).is(422, "not one").without(admintest.Password)
	if owner.jar["__Host-usher-staff"] == before {
		t.Error("the session was not renewed")
	}
	owner.post(path, url.Values{"email": {"eve@example.com"}}).to(ours + "/customers/" + admintest.ID(c.ID) + "?done=customer.changeEmail")
}

func TestListsArePagedAndFilteredInTheirOwnGrammar(t *testing.T) {
	o := newOffice(t)
	p := o.employs(authstore.RoleReadOnly)
	for _, name := range []string{"ann", "bob", "cid"} {
		o.Customer(t, admintest.Ours, name+"@example.com")
		o.Clock.Add(time.Second)
	}
	first := p.get(ours+"/customers?limit=2&sort=email&search=").is(200, "ann@example.com", "bob@example.com").without("cid@example.com")
	next := ""
	for _, e := range elements(t, first.Body.Bytes()) {
		if e.attrs["rel"] == "next" {
			next = e.attrs["href"]
		}
	}
	p.get(ours+"/customers"+next).is(200, "cid@example.com", "First page").without("ann@example.com", "Next page")
	p.get(ours+"/customers?search=bo&unverified=true&registeredFrom=").is(200, "bob@example.com", "1 in use").without("ann@example.com")
	for query, says := range map[string]string{
		"registeredFrom=31.1.2026": "31.1.2026&#34; is not a day; write one such as 2026-01-31.", "consentState=accepted": "Consent says no consent", "sort=password": "", "role=owner": "", "after=!": "",
		"unverified=perhaps": "Only unverified is neither", "limit=1000": "", "search=a&search=b": "given more than once",
	} {
		p.get(ours+"/customers?"+query).is(422, says, `role="alert"`)
	}
	p.get(ours+"/audit?from=x").is(422, "From")
	p.get(ours+"/audit?act=staff.&actor=somebody").is(200, "somebody")
	p.get(ours + "?days=1000").is(400)
	p.get(ours + "/customers?%zz").is(400)
}

func TestNothingStoredBecomesActive(t *testing.T) {
	o := newOffice(t)
	ctx := context.Background()
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	c := o.Customer(t, admintest.Ours, "ann@example.com")
	s := o.Session(t, c)
	if _, err := o.Store.ChangeCustomer(ctx, c.ID, func(c *authstore.Customer) error {
		c.FirstName, c.LastName, c.ExternalID, c.Country, c.Locale, c.LastIP = evil, evil, evil, evil, evil, evil
		c.ExternalData = `{"x":"` + "</code><script>alert(1)</script>" + `"}`
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if s.ID == "" {
		t.Fatal("no session")
	}
	p := o.employs(authstore.RoleOwner)
	if _, err := o.Store.Audit(ctx, authstore.AuditEntry{
		PublisherID: admintest.Ours, Actor: evil, ActorName: evil, Act: "customer." + evil, Target: "javascript:" + evil, Detail: map[string]string{evil: evil}, IP: evil, Error: evil,
	}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/customers", "/customers/" + admintest.ID(c.ID), "/audit", "/audit?actor=" + url.QueryEscape(evil), "/customers?search=" + url.QueryEscape(evil)} {
		for _, e := range elements(t, p.get(ours+path).is(200).Body.Bytes()) {
			for name, value := range e.attrs {
				if e.name == "script" || e.name == "img" || strings.HasPrefix(name, "on") || strings.HasPrefix(value, "javascript:") && name == "href" {
					t.Errorf("%s: <%s %s=%q>", path, e.name, name, value)
				}
			}
		}
	}
}

func TestEveryOutcomeLeadsToAPage(t *testing.T) {
	d := NewDesk(Config{})
	for _, name := range slices.Sorted(maps.Keys(d.outcomes)) {
		o := d.outcomes[name]
		if a := acts.ActNamed(name); a == nil || a.Reads() {
			t.Errorf("%s is no act", name)
		}
		for _, path := range []string{o.page, o.then} {
			if _, is := d.pages[path]; !is && path != "" {
				t.Errorf("%s leads to %s, which is no page", name, path)
			}
		}
	}
	for _, a := range acts.Acts() {
		if _, is := d.outcomes[a.Name]; !is && !a.Reads() && strings.HasPrefix(a.Name, "customer.") {
			t.Errorf("nothing follows %s", a.Name)
		}
	}
}

func TestFileInAFormIsReadAsBase64(t *testing.T) {
	for _, tt := range []struct {
		content string
		want    string
		fault   string
	}{
		{"picture", "cGljdHVyZQ==", ""}, {"", "", "is missing"}, {strings.Repeat("x", maxFile+1), "", "is larger than 64 KiB"},
	} {
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		part, err := m.CreateFormFile("picture", "logo.png")
		if err == nil {
			_, err = io.WriteString(part, tt.content)
		}
		if err := errors.Join(err, m.WriteField("kind", "logo"), m.Close()); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", ours+"/brand/picture", &body)
		r.Header.Set("Content-Type", m.FormDataContentType())
		form, err := readForm(httptest.NewRecorder(), r)
		var invalid *acts.InvalidError
		if tt.fault == "" && (err != nil || form.Get("picture") != tt.want) || tt.fault != "" && (!errors.As(err, &invalid) || !strings.Contains(invalid.Sentence, tt.fault)) {
			t.Errorf("%d bytes: %v, %v", len(tt.content), form, err)
		}
		if form.Get("kind") != "logo" {
			t.Errorf("the other field is lost: %v", form)
		}
	}
}

func TestNothingIsDoneThatCannotBeLogged(t *testing.T) {
	o := newOffice(t)
	p := o.employs(authstore.RoleEditor)
	other := o.somebody()
	other.post("/admin/sign-in", signIn("editor@example.com", admintest.Password)).to(ours + "/customers")
	o.breaks = true
	for _, try := range []func(){
		func() { p.post("/admin/account/sessions/others", nil).is(500, "Something broke") },
		func() { o.somebody().post("/admin/sign-in", signIn("editor@example.com", "wrong")).is(500) },
		func() { o.somebody().post("/admin/sign-in", signIn("nobody@example.com", "wrong")).is(500) },
		func() { p.post("/admin/sign-out", nil).is(500) },
	} {
		before := len(o.reports)
		o.Faulty.FailUpdate(errors.New("the disk is full"))
		if try(); len(o.reports) != before+1 || !strings.Contains(o.reports[before].Error(), "the disk is full") {
			t.Errorf("reported: %v", o.reports)
		}
	}
	o.breaks = false
	other.get(ours).is(200)
	p.get(ours).is(200)
}
