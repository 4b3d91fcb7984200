// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/socialtest"
)

// Attacks on what is open to everybody: addresses that somebody else has made, the API,
// deletion, and providers that fail.

func TestNoParameterOfSigningInElsewhereLeadsAway(t *testing.T) {
	t.Parallel()
	s := land(t)
	anna := s.somebody("google", "1", "anna@door.test")
	away := func(what string, a answer) {
		t.Helper()
		if led := s.leadsAway(a); len(led) > 0 || a.injected() || a.status >= 500 && a.status != 502 || strings.Contains(a.body, "<script>alert") {
			t.Errorf("%s: status %d, leads to %q, headers %v", what, a.status, led, a.header)
		}
	}
	client := &visitor{t: t, s: s.server, client: s.client()}
	values := append(s.trapped(), "%3Cscript%3Ealert(1)%3C/script%3E")
	for _, value := range s.server.elsewhere() {
		values = append(values, url.QueryEscape(value))
	}
	for _, value := range values {
		var all []string
		for _, name := range append(append([]string{"error", "error_description", "error_uri", "scope", "ways", "for", "intent", "app"}, ownParameters...), parameters...) {
			all = append(all, name+"="+value)
		}
		query := strings.Join(all, "&")
		for _, page := range []string{"/join", "/login/google/callback", "/login/nobody/callback", "/login/nobody", "/social/authorize", "/deletion/x"} {
			away(page, client.open(s.hub+page+"?"+query))
			away(page, client.open(s.hub+page+"?"+strings.Replace(query, "publisher="+value, "publisher="+ownPublisher, 1)))
		}
		away("a provider's answer by post", client.send("POST", s.hub+"/login/google/callback", query, "Content-Type: application/x-www-form-urlencoded", "Origin: https://accounts.google.com"))
		// Who is sent on is sent to the provider, which is told of our address alone.
		begun := client.open(s.hub + "/login/google?publisher=" + ownPublisher + "&" + strings.Replace(query, "publisher="+value, "", 1))
		if to := begun.to(); begun.status == 302 {
			if u, err := url.Parse(to); err != nil || u.Host != "accounts.google.com" || u.Query().Get("redirect_uri") != s.hub+"/login/google/callback" || len(u.Query()["redirect_uri"]) != 1 {
				t.Errorf("%s leads to %s", value, to)
			}
		} else {
			away("/login/google", begun)
		}
	}
	// What was on the way when the sign-in began is where it ends, and nowhere else.
	for _, value := range []string{"//evil.test", "https%3A%2F%2Fevil.test", `/%5Cevil.test`, "javascript:alert(1)"} {
		v := s.stranger(t)
		begun := v.open(s.hub+"/login/google?publisher="+ownPublisher+"&page="+value+"&then="+value+"&for="+value).says(t, 302)
		for _, hop := range v.follow(v.open(s.answers(t, begun.to(), anna))) {
			away("coming back with "+value, hop)
		}
		// A provider's error is shown to nobody.
		w := s.stranger(t)
		question := w.begins(s.newsURL+"/page", "google")
		a := w.open(s.hub + "/login/google/callback?state=" + member(t, question, "state") + "&error=" + value + "&error_description=%3Cscript%3Ealert(1)%3C/script%3E")
		if away("an error", a); strings.Contains(a.body, "evil.test") || a.status < 400 {
			t.Errorf("an error %s is shown: status %d\n%s", value, a.status, a.body)
		}
	}
}

// appQuestion is what an app asks the hub.
func (s *shore) appQuestion(redirect, verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return s.hub + "/social/authorize?" + url.Values{
		"publisherId": {ownPublisher}, "provider": {"google"}, "redirect_uri": {redirect}, "state": {"xyz"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode()
}

const (
	appAddress  = "com.example.media:/signed-in"
	appVerifier = "a-verifier-that-is-long-enough-for-the-rfc-7636"
)

// appCode signs a person in for an app and returns the code that it gets.
func (s *shore) appCode(t testing.TB, p person) string {
	t.Helper()
	v := s.stranger(t)
	a := v.open(s.appQuestion(appAddress, appVerifier))
	for range maxHops {
		switch to := a.to(); {
		case strings.HasPrefix(to, "https://accounts.google.com/"):
			a = v.open(s.answers(t, to, p))
		case strings.HasPrefix(to, appAddress+"?") && member(t, to, "state") == "xyz":
			return member(t, to, "code")
		case strings.HasPrefix(to, s.hub):
			a = v.open(to)
		default:
			t.Fatalf("the app's viewer ends with %d at %s, to %q\n%s", a.status, a.at, to, a.body)
		}
	}
	t.Fatal("the app's viewer goes on and on")
	return ""
}

func TestAppsAddressIsOneThatThePublisherAllows(t *testing.T) {
	t.Parallel()
	s := land(t)
	client := &visitor{t: t, s: s.server, client: s.client()}
	good := []string{appAddress, "https://app.example.test/in", "http://127.0.0.1:5555/in"}
	for _, redirect := range good {
		if a := client.open(s.appQuestion(redirect, appVerifier)); a.status != 302 || !strings.HasPrefix(a.to(), s.hub) {
			t.Errorf("%s: status %d, to %s", redirect, a.status, a.to())
		}
	}
	bad := append(s.server.elsewhere(),
		"com.example.media:/signed-in/more", "com.example.media:/signed-in?x=1", "com.example.media:/signed-in#x", "com.example.media:/Signed-In", "com.example.mediax:/signed-in",
		"com.example.media://evil.test/signed-in", "com.example.media:/signed-in/../x", "com.example.media:/signed-in%00", "COM.EXAMPLE.MEDIA:/signed-in",
		"https://app.example.test/in/", "https://app.example.test/in/../out", "https://app.example.test/in?next=//evil.test", "https://app.example.test/in#x", "https://app.example.test:8443/in",
		"https://user@app.example.test/in", "https://app.example.test@evil.test/in", "https://app.example.test.evil.test/in", `https://app.example.test\@evil.test/in`, "http://app.example.test/in",
		"https://APP.example.test/in", "//app.example.test/in", `\\app.example.test\in`, "https:/app.example.test/in",
		"http://127.0.0.1:5555/in/x", "http://127.0.0.1:5555/", "http://localhost:5555/in", "http://127.0.0.2:5555/in", "http://[::1]:5555/in", "http://127.0.0.1.evil.test/in", "http://127.0.0.1@evil.test/in", "https://127.0.0.1/in",
		"javascript:alert(1)//com.example.media:/signed-in", "data:text/html,<script>alert(1)</script>", "com.example.media:/signed-in\r\nX-Injected: 1", s.sportsURL+"/", s.newsURL+"@evil.test/",
	)
	for _, redirect := range bad {
		if strings.HasPrefix(redirect, s.newsURL+"/") || redirect == "http://NEWS.LOCALHOST:"+s.port || redirect == strings.ToUpper(s.newsURL) {
			continue // a page of the publisher's own
		}
		a := client.open(s.appQuestion(redirect, appVerifier))
		if a.status != 400 || a.to() != "" || a.injected() || strings.Contains(a.body, "<script>alert") {
			t.Errorf("%q: status %d, to %q", redirect, a.status, a.to())
		}
	}
	twice := client.open(s.appQuestion(appAddress, appVerifier) + "&redirect_uri=https://evil.test")
	if twice.status != 400 || twice.to() != "" {
		t.Errorf("two addresses: status %d, to %q", twice.status, twice.to())
	}
	// Without a challenge that hides its verifier, the app hears of an error, and of no code.
	for name, value := range map[string]string{"code_challenge_method": "plain", "code_challenge": ""} {
		a := client.open(changed(t, s.appQuestion(appAddress, appVerifier), name, value))
		if a.status != 302 || !strings.HasPrefix(a.to(), appAddress+"?") || !strings.Contains(a.to(), "error=invalid_request") || strings.Contains(a.to(), "code=") {
			t.Errorf("%s=%q: status %d, to %s", name, value, a.status, a.to())
		}
	}
}

func TestAppsCodeIsForOneAppAndOneUse(t *testing.T) {
	t.Parallel()
	s := land(t)
	code := s.appCode(t, s.somebody("google", "1", "anna@apps.test"))
	body := func(change map[string]string) map[string]string {
		all := map[string]string{"publisherId": ownPublisher, "code": code, "codeVerifier": appVerifier, "redirectUri": appAddress}
		maps.Copy(all, change)
		return all
	}
	for what, change := range map[string]map[string]string{
		"another publisher": {"publisherId": rivalPublisher}, "no verifier": {"codeVerifier": ""}, "another verifier": {"codeVerifier": appVerifier + "x"},
		"another address": {"redirectUri": "https://app.example.test/in"}, "no address": {"redirectUri": ""}, "another code": {"code": code + "x"}, "no code": {"code": ""},
	} {
		if a := s.post(t, "/social/tokens", body(change)); a.status < 400 || a.status > 499 || strings.Contains(a.body, "jwt") {
			t.Errorf("%s: status %d, %s", what, a.status, a.body)
		}
	}
	given := granted(t, s.post(t, "/social/tokens", body(nil)))
	s.visitor(t).fetch(s.newsURL+"/account", bearer(given.JWT)).says(t, 200)
	if a := s.post(t, "/social/tokens", body(nil)); a.status < 400 {
		t.Errorf("the code counts twice: %s", a.body)
	}
}

func TestTokensOfAppsAreJudged(t *testing.T) {
	t.Parallel()
	s := land(t)
	victim := s.register(t, "victim")
	anna := s.somebody("google", "1", "anna@native.test").Person
	thief := s.doubted("google", "2", victim.email).Person
	fb := s.somebody("facebook", "3", "").Person
	google := func(lies ...socialtest.Lie) string {
		return s.in.GoogleIDToken("google-app", "google-app", anna, "n", lies...)
	}
	for what, token := range map[string]string{
		"for another app": s.in.GoogleIDToken("other-app", "other-app", anna, "n"), "expired": google(socialtest.Expired), "not signed": google(socialtest.NotSigned),
		"signed with the secret": google(socialtest.SignedWithSecret), "signed with the public key": google(socialtest.SignedWithPublicKey),
		"signed by a stranger": google(socialtest.SignedByStranger), "of another issuer": google(socialtest.Says("iss", "https://evil.test")),
		"for two": google(socialtest.Says("aud", []string{"google-app", "other-app"})),
		"garbage": "a.b.c", "huge": strings.Repeat("A", 100_000), "of Facebook": s.in.FacebookIDToken("facebook-app", fb, "n"),
	} {
		if a := s.post(t, "/social/auths", map[string]string{"publisherId": ownPublisher, "provider": "google", "token": token, "nonce": "n"}); a.status < 400 || a.status > 499 || strings.Contains(a.body, "jwt") {
			t.Errorf("a token %s: status %d, %s", what, a.status, a.body)
		}
	}
	for what, body := range map[string]map[string]any{
		"of another nonce":          {"provider": "google", "token": google(), "nonce": "m"},
		"at another provider":       {"provider": "facebook", "token": google(), "nonce": "n"},
		"of Facebook's other app":   {"provider": "facebook", "token": s.in.FacebookToken("other-app", fb)},
		"at no provider":            {"provider": "nobody", "token": google(), "nonce": "n"},
		"without a verified e-mail": {"provider": "google", "token": s.in.GoogleIDToken("google-app", "google-app", thief, "n"), "nonce": "n"},
		// What a body says besides is nothing.
		"with an identity of its own": {"provider": "google", "token": s.in.GoogleIDToken("google-app", "google-app", thief, "n"), "nonce": "n",
			"email": victim.email, "verified": true, "Verified": true, "customerId": victim.CustomerID, "person": map[string]any{"Subject": "1"}, "issuer": "password"},
	} {
		body["publisherId"] = ownPublisher
		if a := s.post(t, "/social/auths", body); a.status < 400 || a.status > 499 || strings.Contains(a.body, "jwt") {
			t.Errorf("a token %s: status %d, %s", what, a.status, a.body)
		}
	}
	in := granted(t, s.post(t, "/social/auths", map[string]string{"publisherId": ownPublisher, "provider": "google", "token": google(), "nonce": "n"}))
	for _, path := range []string{"/identities", "/identities/x"} {
		method := map[string]string{"/identities": "GET", "/identities/x": "DELETE"}[path]
		if a := s.visitor(t).send(method, s.hub+"/customers/"+victim.id+path, "", bearer(in.JWT)); a.status < 400 || a.status > 499 {
			t.Errorf("%s of another customer: status %d, %s", path, a.status, a.body)
		}
	}
}

func TestOnlyFacebookHasPeopleDeleted(t *testing.T) {
	t.Parallel()
	s := land(t)
	p := s.somebody("facebook", "31337", "deleted@viewer.test")
	s.in.Register(socialtest.Facebook, socialtest.Client{ID: "other-app", Secret: "other-secret"})
	v := s.stranger(t)
	s.enters(v, s.newsURL+"/page", p)
	now := time.Now().Unix()
	says := func(algorithm string) map[string]any {
		return map[string]any{"user_id": p.Subject, "algorithm": algorithm, "issued_at": now}
	}
	genuine := s.in.SignedRequest("facebook-app", p.Person)
	signature, payload, _ := strings.Cut(genuine, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf(`{"user_id":"31337","algorithm":"none","issued_at":%d}`, now)))
	wish := func(signed string) answer {
		return s.visitor(t).send("POST", s.hub+"/login/facebook/deletion", url.Values{"signed_request": {signed}}.Encode(), "Content-Type: application/x-www-form-urlencoded")
	}
	for what, signed := range map[string]string{
		"forged": socialtest.SignedRequest("a guess", says("HMAC-SHA256")), "of another app": s.in.SignedRequest("other-app", p.Person),
		"without an algorithm": socialtest.SignedRequest("facebook-secret", says("")), "of the algorithm none": "." + unsigned, "signed for another": signature + "." + unsigned,
		"signed with nothing": socialtest.SignedRequest("", says("HMAC-SHA256")), "of algorithm none, signed": socialtest.SignedRequest("facebook-secret", says("none")),
		"cut short": genuine[:len(genuine)-3], "without a signature": payload, "empty": "", "dots": "...", "huge": signature + "." + strings.Repeat("A", 1<<20),
		"about everybody": socialtest.SignedRequest("facebook-secret", map[string]any{"user_id": []string{"31337"}, "algorithm": "HMAC-SHA256", "issued_at": now}),
	} {
		if a := wish(signed); a.status != 400 {
			t.Errorf("%s: status %d, %s", what, a.status, a.body)
		}
	}
	if !v.signedIn(s.newsURL) {
		t.Fatal("the customer is gone before Facebook has said so")
	}
	for _, code := range []string{"x", strings.Repeat("a", 32), "%2e%2e", "%00", strings.Repeat("a", 4000), "%3Cscript%3Ealert(1)"} {
		if a := s.visitor(t).open(s.hub + "/deletion/" + code); a.status < 400 || a.status > 499 || strings.Contains(a.body, "<script>alert") {
			t.Errorf("/deletion/%.20s: status %d", code, a.status)
		}
	}
	var told struct {
		URL  string
		Code string `json:"confirmation_code"`
	}
	wish(genuine).says(t, 200).json(t, &told)
	if v.signedIn(s.newsURL) || v.knowsAt(ownPublisher) {
		t.Error("a session of the erased customer is alive")
	}
	if a := s.visitor(t).open(told.URL).says(t, 200); strings.Contains(a.body, "deleted@viewer.test") || strings.Contains(a.body, "31337") || len(told.Code) < 20 {
		t.Errorf("the page tells who it was:\n%s", a.body)
	}
	// Whoever comes back is somebody new, whom the request of before does not concern.
	back := s.stranger(t)
	s.enters(back, s.newsURL+"/page", p)
	first := told.Code
	wish(genuine).says(t, 200).json(t, &told)
	if !back.signedIn(s.newsURL) || told.Code != first {
		t.Error("the request counts twice")
	}
}

func TestProviderThatFailsHarmsNobodyElse(t *testing.T) {
	t.Parallel()
	s := land(t)
	anna, bob := s.somebody("google", "1", "anna@faults.test"), s.somebody("facebook", "2", "bob@faults.test")
	in := s.stranger(t)
	s.enters(in, s.newsURL+"/page", anna)
	for what, fault := range map[string]socialtest.Fault{"failing": socialtest.Failing, "refusing": socialtest.Refusing, "garbled": socialtest.Garbled, "endless": socialtest.Endless} {
		v := s.stranger(t)
		question := v.begins(s.newsURL+"/page", "google")
		s.in.Break(socialtest.Google, fault, socialtest.Tokens, socialtest.Profile)
		back := s.answers(t, question, anna)
		a := v.open(back)
		s.in.Mend(socialtest.Google)
		if a.status != 502 || v.isIn() || !strings.Contains(a.body, "/login/facebook?") || !strings.Contains(a.body, "/login?") {
			t.Errorf("%s: status %d\n%s", what, a.status, a.body)
		}
		s.comes(v, s.newsURL+"/page", bob)
		if !v.signedIn(s.newsURL) {
			t.Errorf("%s: nobody gets in by another provider", what)
		}
	}

	// One that does not answer keeps those waiting who wait for it, for a while.
	s.in.Break(socialtest.Google, socialtest.Hanging)
	var stuck []*visitor
	for range 8 {
		stuck = append(stuck, s.stranger(t))
	}
	done := make(chan int, len(stuck))
	for _, v := range stuck {
		back := s.answers(t, v.begins(s.newsURL+"/page", "google"), anna)
		go func() { done <- v.open(back).status }()
	}
	waitUntil(t, "the sign-ins to hang", func() bool { return s.in.Asked(socialtest.Google, socialtest.Tokens) >= len(stuck) })
	if !in.signedIn(s.newsURL) {
		t.Error("a viewer is out")
	}
	s.enters(s.stranger(t), s.newsURL+"/page", bob)
	for range stuck {
		if status := <-done; status != http.StatusBadGateway {
			t.Errorf("who has waited gets status %d", status)
		}
	}
	s.in.Mend(socialtest.Google)
	s.enters(s.stranger(t), s.newsURL+"/page", anna)
}

func TestSignInElsewhereSurvivesReloadAndKill(t *testing.T) {
	t.Parallel()
	s := land(t)
	anna, nora := s.somebody("google", "1", "anna@kill.test"), s.somebody("facebook", "2", "")
	v, w := s.stranger(t), s.stranger(t)
	back := s.answers(t, v.begins(s.newsURL+"/page", "google"), anna)
	form := s.comes(w, s.newsURL+"/page", nora).says(t, 200)
	if out, err := s.reload(s.caddyfile, "2"); err != nil {
		t.Fatalf("reloading: %v\n%s", err, out)
	}
	v.arrive(v.open(back), s.newsURL+"/page")
	s.kill()
	s.restart()
	if w.isIn() {
		t.Error("who was about to join is in")
	}
	copied := w.twin()
	w.arrive(w.joins(form, "/join", url.Values{"email": {"nora@kill.test"}}), s.newsURL+"/page")
	s.kill()
	s.restart()
	if a := copied.joins(form, "/join", url.Values{"email": {"other@kill.test"}}); a.status != 410 || copied.isIn() {
		t.Errorf("the token counts again: status %d", a.status)
	}
	if again := s.enters(s.stranger(t), s.newsURL+"/page", nora); again != w.customerAt(s.newsURL) {
		t.Errorf("nora is %s, was %s", again, w.customerAt(s.newsURL))
	}
	if a := v.open(back); a.status != 400 {
		t.Errorf("the answer counts again: status %d", a.status)
	}
}

func TestNothingSecretOfSigningInElsewhereIsLogged(t *testing.T) {
	t.Parallel()
	s := land(t, "{{.Options}}", "{{.Options}}\n\tdebug")
	s.register(t, "known")
	secrets := map[string]string{}
	note := func(at, question, back string) {
		for _, name := range []string{"state", "nonce", "code_challenge"} {
			secrets[at+" "+name] = member(t, question, name)
		}
		secrets[at+" code"] = member(t, back, "code")
	}
	for i, at := range []string{"google", "facebook", "corporate"} {
		p := s.somebody(at, fmt.Sprint(i), "known@viewer.test")
		v := s.stranger(t)
		question := v.begins(s.newsURL+"/page", at)
		for name, value := range v.attempts() {
			secrets[at+" "+name] = value
		}
		back := s.answers(t, question, p)
		note(at, question, back)
		v.open(changed(t, back, "iss", "https://evil.test"))
		hops := v.follow(v.open(s.answers(t, v.begins(s.newsURL+"/page", at), p)))
		secrets[at+" join token"] = v.cookies(s.hub)["usher-join"]
		v.joins(hops[len(hops)-1], "/join/code", nil)
		secrets[at+" mailed code"] = s.joinCode(t, "known@viewer.test", i+1)
		v.joins(hops[len(hops)-1], "/join", url.Values{"code": {secrets[at+" mailed code"]}})
		// An outage, which is reported.
		x := s.stranger(t)
		question = x.begins(s.newsURL+"/page", at)
		back = s.answers(t, question, p)
		note(at+" outage", question, back)
		for _, broken := range []socialtest.Provider{socialtest.Google, socialtest.Facebook} {
			s.in.Break(broken, socialtest.Failing, socialtest.Profile, socialtest.Tokens)
		}
		x.open(back)
		s.in.Mend(socialtest.Google)
		s.in.Mend(socialtest.Facebook)
	}
	anna := s.somebody("google", "77", "anna@logged.test")
	native := s.in.GoogleIDToken("google-app", "google-app", anna.Person, "")
	s.post(t, "/social/auths", map[string]string{"publisherId": ownPublisher, "provider": "google", "token": native}).says(t, 200)
	fb := s.in.FacebookToken("facebook-app", s.somebody("facebook", "78", "fb@logged.test").Person)
	s.post(t, "/social/auths", map[string]string{"publisherId": ownPublisher, "provider": "facebook", "token": fb})
	bad := s.in.GoogleIDToken("google-app", "other-app", anna.Person, "")
	s.post(t, "/social/auths", map[string]string{"publisherId": ownPublisher, "provider": "google", "token": bad})
	signed := s.in.SignedRequest("facebook-app", anna.Person)
	s.visitor(t).send("POST", s.hub+"/login/facebook/deletion", url.Values{"signed_request": {signed}}.Encode(), "Content-Type: application/x-www-form-urlencoded")
	secrets["native token"], secrets["Facebook token"], secrets["refused token"], secrets["signed request"] = native, fb, bad, signed
	secrets["app code"], secrets["verifier"] = s.appCode(t, anna), appVerifier
	s.post(t, "/social/tokens", map[string]string{"publisherId": ownPublisher, "code": secrets["app code"], "codeVerifier": appVerifier + "x", "redirectUri": appAddress})
	log := s.logged()
	for _, secret := range []string{"google-secret", "facebook-secret", "mock-secret"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
	if !strings.Contains(log, `"debug"`) || !strings.Contains(log, "signing somebody in elsewhere") {
		t.Fatal("there is nothing to look at")
	}
	// What stands in an address that a browser opens is left to the access log; see
	// docs/caddyfile.md.
	for what, secret := range secrets {
		if secret != "" && strings.Contains(log, secret) {
			at := strings.Index(log, secret)
			t.Errorf("the log shows the %s: %s", what, log[max(0, at-300):at+20])
		}
	}
}
