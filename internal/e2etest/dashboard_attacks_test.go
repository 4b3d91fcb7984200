// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Attacks on the dashboard that only a running server can be tested by. What a role
// may do, what acts take and what time does are tested in internal/admin,
// internal/adminapi, internal/staff and pages/admin.

// deskForms are forms of the dashboard, by path below /admin. Each would do something
// if it came from a page of ours.
var deskForms = map[string]url.Values{
	"/sign-in":                              {"email": {"boss@forged.test"}, "password": {clerkPassword}},
	"/second-factor":                        {"code": {"000000"}},
	"/second-factor/new":                    {"code": {"000000"}, "sealed": {"x"}},
	"/confirm":                              {"confirm.password": {clerkPassword}, "confirm.code": {"000000"}},
	"/invite":                               {"token": {"x"}, "password": {clerkPassword}},
	"/account/password":                     {"current": {clerkPassword}, "password": {"seven herons hold 4 keys"}},
	"/account/sessions/others":              {},
	"/sign-out":                             {},
	"/100000001/staff/invite":               {"email": {"eve@forged.test"}, "role": {"owner"}},
	"/100000001/settings":                   {"revision": {"0"}, "name": {"Forged"}},
	"/100000001/token/rotate":               {"revision": {"0"}},
	"/100000001/consents":                   {"name": {"forged"}, "kind": {"custom"}, "version": {"1"}, "label": {"Forged"}},
	"/100000001/capture/answers/export":     {},
	"/100000001/evidence/export":            {},
	"/100000001/customers/123456789/erase":  {"confirm": {"123456789"}},
	"/100000001/customers/123456789/export": {},
}

// abroad is foreign for an origin: the headers of requests that its pages did not
// send.
func abroad(origin string) map[string][]string {
	all := map[string][]string{}
	for from, lines := range foreign {
		own := slices.Contains(lines, "Origin: http://news.localhost:1") // another port of another host
		if own {
			lines = []string{"Origin: http://hub.localhost:1"}
		}
		var here []string
		for _, line := range lines {
			here = append(here, strings.NewReplacer("{site}", origin, "news.localhost", "hub.localhost").Replace(line))
		}
		all[from] = here
	}
	all["a page of the site"] = []string{"Origin: " + strings.Replace(origin, "hub.", "news.", 1), "Sec-Fetch-Site: same-site"}
	all["a host that a header names"] = []string{"Origin: http://evil.test", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: http", "Forwarded: host=evil.test"}
	return all
}

func TestFormsOfOtherSitesChangeNothingInTheDashboard(t *testing.T) {
	t.Parallel()
	s := borrow(t, twoDesks)
	boss := s.hires(t, "boss@forged.test", "owner", "100000001")
	before, proof := boss.logs(t), boss.cookies(s.hub)
	refused := func(what string, a answer) {
		t.Helper()
		if a.status != 403 || len(a.header.Values("Set-Cookie")) > 0 || a.header.Get("Location") != "" || a.header.Get("Content-Disposition") != "" {
			t.Errorf("%s: status %d, cookies %q, Location %q; want 403 and nothing else", what, a.status, a.header.Values("Set-Cookie"), a.header.Get("Location"))
		}
	}
	for from, lines := range abroad(s.hub) {
		for path, form := range deskForms {
			headers := append([]string{"Content-Type: application/x-www-form-urlencoded", "Accept: text/html"}, lines...)
			refused(path+", from "+from, boss.send("POST", s.hub+"/admin"+path, form.Encode(), headers...))
		}
		for path, body := range map[string]string{
			"staff/invite": `{"email": "eve@forged.test", "role": "owner"}`, "token/rotate": `{"revision": 0}`, "evidence/export": "", "customers/123456789/export": "",
		} {
			for _, kind := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded"} {
				headers := append([]string{"Content-Type: " + kind}, lines...)
				refused("the API's "+path+", from "+from+" as "+kind, boss.send("POST", s.hub+deskAPI+path, body, headers...))
			}
		}
	}
	for from, lines := range abroad(s.hub) {
		for path, body := range map[string]string{
			"sign-in": `{"email": "boss@forged.test", "password": "` + clerkPassword + `"}`, "account/password": `{"current": "` + clerkPassword + `", "password": "seven herons hold 4 keys"}`,
			"account/sessions/others": "", "sign-out": "",
		} {
			headers := append([]string{"Content-Type: application/json"}, lines...)
			refused("the API's "+path+", from "+from, boss.send("POST", s.hub+"/admin/api/"+path, body, headers...))
		}
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH"} {
		for _, override := range []string{"X-HTTP-Method-Override: POST", "X-A: b"} {
			for _, at := range []string{s.hub + deskPages, s.hub + deskAPI} {
				if a := boss.send(method, at+"token/rotate?revision=0&_method=POST", "", override, "Sec-Fetch-Site: same-origin"); a.status == 200 {
					t.Errorf("%s %s with %s: status %d", method, at, override, a.status)
				}
			}
		}
	}
	if after := boss.logs(t); after != before {
		t.Errorf("the audit log has %d entries, had %d", after, before)
	}
	if !maps.Equal(proof, boss.cookies(s.hub)) || !boss.works() {
		t.Error("the session is not what it was")
	}
}

func TestStaffCookieOverHTTPSBelongsToTheHubAndNoScript(t *testing.T) {
	t.Parallel()
	s := borrowAt(t, real, secured())
	boss := s.hires(t, "boss@cookies.test", "owner", "100000001")
	first := boss.cookies(s.hub)["__Host-usher-staff"]
	signIn := url.Values{"email": {boss.email}, "password": {clerkPassword}}
	half := boss.submit(s.hub+"/admin/sign-in", signIn).says(t, 303)
	checkCookies(t, half, "__Host-usher-staff")
	second := boss.cookies(s.hub)["__Host-usher-staff"]
	whole := boss.submit(s.hub+"/admin/second-factor", url.Values{"code": {boss.spare()}}).says(t, 303)
	checkCookies(t, whole, "__Host-usher-staff", "__Host-usher-staff-known")
	third := boss.cookies(s.hub)["__Host-usher-staff"]
	up := boss.submit(s.hub+"/admin/confirm", url.Values{"confirm.password": {clerkPassword}, "confirm.code": {boss.spare()}}).says(t, 303)
	checkCookies(t, up, "__Host-usher-staff")
	fourth := boss.cookies(s.hub)["__Host-usher-staff"]

	// Each step has made the proof from before worthless, and only the last is good.
	for i, proof := range []string{first, second, third} {
		thief := &clerk{visitor: s.visitor(t), email: boss.email}
		if thief.keep(s.hub, map[string]string{"__Host-usher-staff": proof}); proof == fourth || thief.works() {
			t.Errorf("proof %d is still good", i+1)
		}
	}
	thief := &clerk{visitor: s.visitor(t), email: boss.email}
	if thief.keep(s.hub, map[string]string{"usher-staff": fourth}); thief.works() {
		t.Error("a cookie without the prefix, which any host of the domain could set, signs in")
	}
	if !boss.works() {
		t.Error("the last proof is worth nothing")
	}
	for _, path := range []string{"/admin/account", deskPages + "staff", deskAPI + "staff"} {
		if a := boss.open(s.hub+path).says(t, 200); a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, a.header)
		}
	}
	checkCookies(t, boss.submit(s.hub+"/admin/sign-out", nil).says(t, 303), "__Host-usher-staff")
}

func TestStaffCookieIsDeadAtOnce(t *testing.T) {
	t.Parallel()
	s := borrow(t, twoDesks)
	boss := s.hires(t, "boss@dead.test", "owner", "100000001")
	for what, end := range map[string]func(t *testing.T, c *clerk){
		"sign-out": func(t *testing.T, c *clerk) { c.submit(s.hub+"/admin/sign-out", nil).says(t, 303) },
		"disabled": func(t *testing.T, c *clerk) {
			boss.orders("staff/"+boss.idOf(t, c.email)+"/disable", "{}").says(t, 200)
		},
		"removed": func(t *testing.T, c *clerk) { boss.orders("staff/"+boss.idOf(t, c.email)+"/remove", "{}").says(t, 200) },
		"signed out by": func(t *testing.T, c *clerk) {
			boss.orders("staff/"+boss.idOf(t, c.email)+"/sign-out", "{}").says(t, 200)
		},
		"password changed": func(t *testing.T, c *clerk) {
			other := c.comesIn(t)
			other.submit(s.hub+"/admin/account/password", url.Values{"current": {clerkPassword}, "password": {"seven herons hold 4 keys"}}).says(t, 303)
			if !other.works() {
				t.Error("whoever changes the password is signed out")
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			c := s.hires(t, strings.ReplaceAll(what, " ", "-")+"@dead.test", "support", "100000001")
			thief := &clerk{visitor: c.twin(), email: c.email}
			if !thief.works() {
				t.Fatal("the cookie is worth nothing before")
			}
			end(t, c)
			if thief.works() {
				t.Error("a copy of the cookie is good afterwards")
			}
		})
	}
}

// idOf returns the id of a member of the staff.
func (c *clerk) idOf(t testing.TB, email string) string {
	t.Helper()
	var list struct {
		ResponseData struct{ Staff []struct{ ID, Email string } }
	}
	c.fetch(c.s.hub+deskAPI+"staff").says(t, 200).json(t, &list)
	for _, m := range list.ResponseData.Staff {
		if m.Email == email {
			return m.ID
		}
	}
	t.Fatalf("no %s in %+v", email, list)
	return ""
}

func TestStaffAndViewersAreNothingToEachOther(t *testing.T) {
	t.Parallel()
	s := borrow(t, twoDesks)
	boss := s.hires(t, "boss@apart.test", "owner", "100000001")
	v, viewer := s.visitor(t), s.register(t, "apart")
	v.signIn(s.newsURL+"/", viewer.email)
	v.open(s.hub+"/account?site="+url.QueryEscape(s.newsURL)).says(t, 200)
	proof := boss.cookies(s.hub)["usher-staff"]
	if proof == "" {
		t.Fatalf("cookies %v", boss.cookies(s.hub))
	}
	for _, name := range []string{"usher", "usher-hub", "usher-staff", "__Host-usher", "__Host-usher-hub"} {
		w := s.visitor(t)
		for _, origin := range []string{s.hub, s.newsURL, s.sportsURL} {
			w.keep(origin, map[string]string{name: proof})
		}
		if account := w.open(s.hub + "/account?site=" + url.QueryEscape(s.newsURL)); w.signedIn(s.newsURL) || account.status == 200 {
			t.Errorf("a proof of staff signs viewers in, as the cookie %s", name)
		}
	}
	for _, given := range []string{proof, boss.cookies(s.hub)["usher-staff-known"]} {
		s.visitor(t).fetch(s.newsURL+"/account", bearer(given)).says(t, 401)
		s.visitor(t).fetch(s.hub+"/customers/"+fmt.Sprint(viewer.CustomerID), bearer(given)).says(t, 401)
	}
	for _, given := range []string{v.cookies(s.hub)["usher-hub"], v.cookies(s.newsURL)["usher"], viewer.JWT, viewer.RefreshToken} {
		w := &clerk{visitor: s.visitor(t)}
		w.keep(s.hub, map[string]string{"usher-staff": given})
		if given == "" || w.works() {
			t.Errorf("a viewer's %.12q… opens the dashboard", given)
		}
		w.fetch(s.hub+deskAPI+"customers", bearer(given), "X-Publisher-Token: "+given).says(t, 401)
	}
	both := &clerk{visitor: v.twin()} // a viewer in the same browser
	both.keep(s.hub, map[string]string{"usher-staff": proof})
	if !both.works() || !both.signedIn(s.newsURL) {
		t.Error("a browser cannot be both")
	}
	boss.fetch(s.hub+"/admin/api/100000002/customers").says(t, 403)
	boss.open(s.hub+"/admin/100000002/customers").says(t, 404)
}

func TestStaffSignInIsThrottledAndTellsNothing(t *testing.T) {
	t.Parallel()
	s := borrow(t, twoDesks)
	c := s.hires(t, "kathe@throttled.test", "support", "100000001")
	try := func(email, word string) answer {
		return s.visitor(t).submit(s.hub+"/admin/sign-in", url.Values{"email": {email}, "password": {word}})
	}
	for i, spelling := range []string{"kathe@throttled.test", "KATHE@throttled.test", " kathe@throttled.test ", "Kathe@Throttled.Test", "kathe@THROTTLED.test"} {
		for range 2 {
			known, unknown := try(spelling, "wrong wombat 1"), try(strings.ReplaceAll(strings.ReplaceAll(spelling, "athe", "arla"), "ATHE", "ARLA"), "wrong wombat 1")
			hide := strings.NewReplacer("athe", "…", "ATHE", "…", "arla", "…", "ARLA", "…")
			if known.says(t, 401); unknown.status != 401 || hide.Replace(known.body) != hide.Replace(unknown.body) {
				t.Fatalf("try %d: an unknown address is told from a known one: %d and\n%s\nor %d and\n%s", 2*i+1, known.status, known.body, unknown.status, unknown.body)
			}
		}
	}
	for _, email := range []string{"kathe@throttled.test", "karla@throttled.test"} {
		checkWait(t, try(email, clerkPassword).says(t, 429))
	}
	if !c.works() {
		t.Error("the member is signed out by the tries of others")
	}
	c.submit(s.hub+"/admin/sign-out", nil).says(t, 303)
	c.submit(s.hub+"/admin/sign-in", url.Values{"email": {c.email}, "password": {clerkPassword}}).says(t, 303) // in a known browser
}

func TestHeadersDecideNothingInTheDashboard(t *testing.T) {
	t.Parallel()
	s := borrow(t, twoDesks)
	boss := s.hires(t, "boss@headers.test", "owner", "100000001")
	lies := []string{
		"X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.66", "X-Real-IP: 203.0.113.66", "Forwarded: for=203.0.113.66;host=evil.test;proto=https",
		"X-Original-URL: " + deskPages + "staff", "X-Rewrite-URL: " + deskPages + "staff", "X-Usher-Customer-Id: 123456789",
	}
	stranger := s.visitor(t).open(s.hub+deskPages+"staff", lies...).says(t, 303)
	if to := stranger.to(); !strings.HasPrefix(to, s.hub+"/admin/sign-in?next=") {
		t.Errorf("a stranger is led to %s", to)
	}
	asOurs := append([]string{"Content-Type: application/json", "Origin: " + s.hub}, append(lies, asScript...)...)
	made := boss.send("POST", s.hub+deskAPI+"staff/invite", `{"email": "new@headers.test", "role": "editor"}`, asOurs...).says(t, 200)
	if !strings.Contains(made.body, s.hub+"/admin/invite?token=") || strings.Contains(made.body, "evil") {
		t.Errorf("the link is %s", made.body)
	}
	if log := boss.fetch(s.hub+deskAPI+"audit").says(t, 200).body; strings.Contains(log, "203.0.113.66") || !strings.Contains(log, s.from) {
		t.Errorf("the log believes a header:\n%s", log)
	}
	for _, next := range []string{"//evil.test", "https://evil.test/admin", `/\evil.test`, "/admin/../evil", "/admin/%2e%2e//evil.test", "/admin\r\nX-Injected: 1", "javascript:alert(1)", "/administrator", "/admin/api/100000001/staff"} {
		a := boss.open(s.hub+"/admin/sign-in?next="+url.QueryEscape(next)).says(t, 303)
		if a.to() != s.hub+"/admin" || a.injected() {
			t.Errorf("next=%q leads to %q", next, a.to())
		}
	}
	for _, path := range []string{"/admin", "/admin/sign-in", deskPages + "staff", deskAPI + "staff"} {
		boss.send("GET", "http://evil.localhost:"+s.port+path, "", append(lies, asPage...)...).says(t, 421)
	}
}

func TestNothingSecretOfStaffIsLogged(t *testing.T) {
	t.Parallel()
	s := start(t, edit(t, twoDesks, "{{.Options}}", "{{.Options}}\n\tdebug"))
	boss := s.hires(t, "boss@discreet.test", "owner", "100000001")
	secrets := map[string]string{"password": clerkPassword, "second factor": boss.totp, "first cookie": boss.cookies(s.hub)["usher-staff"]}
	for i, code := range boss.recovery {
		secrets[fmt.Sprint("recovery code ", i)] = code
	}
	const mistyped = "mistyped wombat 9"
	secrets["mistyped password"] = mistyped
	s.visitor(t).submit(s.hub+"/admin/sign-in", url.Values{"email": {boss.email}, "password": {mistyped}}).says(t, 401)
	again := boss.comesIn(t)
	secrets["second cookie"] = again.cookies(s.hub)["usher-staff"]
	secrets["known browser"] = again.cookies(s.hub)["usher-staff-known"]
	again.submit(s.hub+deskPages+"token/rotate", url.Values{"revision": {"0"}, "confirm.password": {mistyped}, "confirm.code": {again.spare()}}).says(t, 403)
	var token struct{ ResponseData struct{ Token string } }
	boss.orders("token/rotate", `{"revision": 0}`).says(t, 200).json(t, &token)
	secrets["API token"] = token.ResponseData.Token
	invitation := boss.orders("staff/invite", `{"email": "new@discreet.test", "role": "editor"}`).says(t, 200).body
	secrets["invitation"] = invitationLink.FindStringSubmatch(invitation)[1]
	s.visitor(t).open(s.hub+"/admin/invite?token="+secrets["invitation"]).says(t, 200)
	for _, page := range []string{"", "customers", "consents", "capture", "capture/answers", "settings", "staff", "audit"} {
		boss.open(s.hub+strings.TrimSuffix(deskPages+page, "/")).says(t, 200)
	}
	s.visitor(t).fetch(s.hub+deskAPI+"customers", "X-Publisher-Token: "+token.ResponseData.Token).says(t, 200)
	s.visitor(t).fetch(s.hub+deskAPI+"customers", "X-Publisher-Token: "+token.ResponseData.Token+"x").says(t, 401)
	told := map[string]string{"log": s.logged(), "audit log": boss.fetch(s.hub+deskAPI+"audit?limit=200").says(t, 200).body}
	for _, path := range []string{"/config/", "/metrics"} {
		told["admin "+path] = s.adminGet(t, path)
	}
	if !strings.Contains(told["log"], "DEBUG") && !strings.Contains(told["log"], `"debug"`) {
		t.Fatal("there is nothing to look at")
	}
	for where, text := range told {
		for what, secret := range secrets {
			if secret == "" {
				t.Fatalf("no %s", what)
			}
			for part := range strings.SplitSeq(secret, ".") {
				if len(part) > 15 && strings.Contains(text, part) && !strings.HasSuffix(what, "cookie") || strings.Contains(text, secret) {
					t.Errorf("the %s shows the %s", where, what)
				}
			}
		}
	}
}

func TestOperatorsEndpointIsNoWebPages(t *testing.T) {
	t.Parallel()
	s := borrow(t, twoDesks)
	const body = `{"email": "eve@endpoint.test", "role": "owner", "publishers": [100000001]}`
	for what, change := range map[string]func(r *http.Request){
		"another origin":   func(r *http.Request) { r.Header.Set("Origin", "http://evil.test") },
		"a site of ours":   func(r *http.Request) { r.Header.Set("Origin", s.newsURL) },
		"the hub":          func(r *http.Request) { r.Header.Set("Origin", s.hub) },
		"an opaque origin": func(r *http.Request) { r.Header.Set("Origin", "null") },
		"a rebound name":   func(r *http.Request) { r.Host = "evil.test:" + s.admin[strings.LastIndex(s.admin, ":")+1:] },
		"GET":              func(r *http.Request) { r.Method = "GET" },
		"a page's empty form": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Mode", "no-cors")
			r.Header.Set("Origin", "http://evil.test")
		},
	} {
		r, err := http.NewRequest("POST", "http://"+s.admin+"/usher/staff/invitations", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a := read(t, res, r.URL)
		if a.status < 400 || strings.Contains(a.body, "token=") || a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: status %d, %s", what, a.status, a.body)
		}
	}
	s.visitor(t).send("POST", s.hub+"/usher/staff/invitations", body, "Content-Type: application/json", "Origin: "+s.hub).says(t, 404)
}
