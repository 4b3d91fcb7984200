// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/socialtest"
)

func TestProvidersAreListedInTheirOrder(t *testing.T) {
	w := newAbroad(t)
	const all = `{"responseData":{"providers":[
		{"name":"google","label":"Google","brand":"google","native":true,"authorizeUrl":"https://id.example.com/social/authorize?provider=google&publisherId=100000001"},
		{"name":"facebook","label":"Facebook","brand":"facebook","native":true,"authorizeUrl":"https://id.example.com/social/authorize?provider=facebook&publisherId=100000001"},
		{"name":"apple","label":"Apple","brand":"apple","native":true,"authorizeUrl":"https://id.example.com/social/authorize?provider=apple&publisherId=100000001"},
		{"name":"corporate","label":"Our own","brand":"openid","native":true,"authorizeUrl":"https://id.example.com/social/authorize?provider=corporate&publisherId=100000001"},
		{"name":"twitch","label":"Twitch","brand":"twitch","native":false,"authorizeUrl":"https://id.example.com/social/authorize?provider=twitch&publisherId=100000001"}]},"errors":[]}`
	const none = `{"responseData":{"providers":[]},"errors":[]}`
	w.call(t, "GET", "/social/providers?publisherId=100000001", "").is(t, all, "")
	w.call(t, "GET", "/social/providers?offerId=S100000001_US", "").is(t, all, "")
	w.call(t, "GET", "/social/providers?publisherId=100000002", "").is(t, none, "")
	w.call(t, "GET", "/social/providers", "").refused(t, 400, "REQ0002", "Empty param offerId or publisherId")
	for _, query := range []string{"publisherId=x", "publisherId=100000009", "offerId=S100000009_US"} {
		w.call(t, "GET", "/social/providers?"+query, "").refused(t, 422, "REQ0100", "Offer or publisher not found")
	}
	newWorld(t).call(t, "GET", "/social/providers?publisherId=100000001", "").is(t, none, "")
}

func TestAServerWithoutProvidersSaysSo(t *testing.T) {
	w := newWorld(t)
	jwt, _, id := w.mustRegister(t, ours, "anna@example.com")
	for _, request := range socialRequests(id) {
		method, target, _ := strings.Cut(request, " ")
		w.call(t, method, target, `{}`, bearer(jwt)...).refused(t, 422, "SOC0003", "Provider not found")
	}
}

// socialRequests are those that the service answers.
func socialRequests(id string) []string {
	return []string{
		"POST /social/auths", "POST /social/join", "POST /social/join/code", "POST /social/join/proof", "POST /social/tokens",
		"GET /customers/" + id + "/identities", "POST /customers/" + id + "/identities", "DELETE /customers/" + id + "/identities/x",
	}
}

func TestTokensOfProvidersSignIn(t *testing.T) {
	w := newAbroad(t)
	for _, tt := range []struct {
		name, provider, token, nonce string
		missing                      []string
	}{
		{"Google's, for the web", "google", w.GoogleIDToken(web, web, anna, ""), "", []string{"consents"}},
		{"Google's, got by a phone", "google", w.GoogleIDToken(phone, phone, anna, "n-1"), "n-1", []string{"consents"}},
		{"Google's, got by a phone for the web", "google", w.GoogleIDToken(phone, web, anna, "n-1"), "", []string{"consents"}},
		{"Apple's", "apple", w.AppleIDToken(phone, anna, "n-2"), "n-2", []string{"consents"}},
		{"Facebook's", "facebook", w.FacebookToken(web, anna), "", []string{"consents"}},
		{"Facebook's without an address", "facebook", w.FacebookToken(web, cleo), "", []string{"email", "consents"}},
		{"Facebook's of Limited Login", "facebook", w.FacebookIDToken(web, anna, "n-3"), "n-3", []string{"consents"}},
		{"the publisher's own", "corporate", w.corporate(t, anna, "n-4"), "n-4", []string{"consents"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := w.call(t, "POST", "/social/auths", native(ours, tt.provider, tt.token, tt.nonce)).lacks(t, tt.missing...)
			if wants := !slices.Contains(tt.missing, "email"); wants != (j.Email == anna.Email) {
				t.Errorf("the address %q will be theirs", j.Email)
			}
			if len(j.Consents) != 2 || j.Consents[0]["name"] != "terms" || j.Consents[0]["required"] != true || j.CodeSent ||
				j.Consents[0]["label"] != `I accept the <a href="https://example.com/terms?a=1&amp;b=2" target="_blank" rel="noopener">terms &amp; &#34;conditions&#34;</a> &lt;now&gt;.` {
				t.Errorf("shown %+v", j)
			}
		})
	}
}

func TestNothingIsMissingWhereNothingIsAsked(t *testing.T) {
	w := newAbroad(t)
	_, first := w.enters(t, w.call(t, "POST", "/social/auths", native(bare, "google", w.google(webBare, anna)), "Accept-Language", "de-AT"))
	if first.PublisherID != bare || first.Email != anna.Email || first.EmailVerified.IsZero() || first.FirstName != "Anna" || first.Locale != "de_AT" {
		t.Errorf("made %+v", first)
	}
	w.clock.Add(time.Hour)
	_, second := w.enters(t, w.call(t, "POST", "/social/auths", native(bare, "google", w.google(webBare, anna))))
	if second.ID != first.ID || !second.LastLogin.Equal(w.clock.Now()) {
		t.Errorf("again: %+v, was %+v", second, first)
	}
	_, other := w.enters(t, w.call(t, "POST", "/social/auths", native(bare, "facebook", w.FacebookToken(webBare, bert))))
	if other.ID == first.ID || !other.EmailVerified.IsZero() {
		t.Errorf("another person is %+v", other)
	}
}

func TestTokensThatProveNothingAreRefused(t *testing.T) {
	w := newAbroad(t)
	says := socialtest.Says
	for name, body := range map[string]string{
		"Google's for another app":          native(ours, "google", w.google("4713.apps.example", anna)),
		"Google's for another publisher":    native(ours, "google", w.google(webBare, anna)),
		"Google's that another app got":     native(ours, "google", w.GoogleIDToken("4713.apps.example", web, anna, "")),
		"Google's of another issuer":        native(ours, "google", w.GoogleIDToken(web, web, anna, "", says("iss", "https://accounts.evil.test"))),
		"Google's, expired":                 native(ours, "google", w.GoogleIDToken(web, web, anna, "", socialtest.Expired)),
		"Google's with another nonce":       native(ours, "google", w.GoogleIDToken(web, web, anna, "theirs"), "ours"),
		"Google's without the nonce":        native(ours, "google", w.GoogleIDToken(web, web, anna, ""), "ours"),
		"Google's, not signed":              native(ours, "google", w.GoogleIDToken(web, web, anna, "", socialtest.NotSigned)),
		"Google's, signed by the secret":    native(ours, "google", w.GoogleIDToken(web, web, anna, "", socialtest.SignedWithSecret)),
		"Google's, signed by a public key":  native(ours, "google", w.GoogleIDToken(web, web, anna, "", socialtest.SignedWithPublicKey)),
		"Google's, signed by a stranger":    native(ours, "google", w.GoogleIDToken(web, web, anna, "", socialtest.SignedByStranger)),
		"Google's, of an unknown key":       native(ours, "google", w.GoogleIDToken(web, web, anna, "", socialtest.UnknownKey)),
		"Google's at Apple":                 native(ours, "apple", w.google(web, anna)),
		"Apple's for another app":           native(ours, "apple", w.AppleIDToken("4713.phone.example", anna, "")),
		"Apple's with another nonce":        native(ours, "apple", w.AppleIDToken(web, anna, "theirs"), "ours"),
		"Facebook's of another app":         native(ours, "facebook", w.FacebookToken(webBare, anna)),
		"Facebook's that is invented":       native(ours, "facebook", "EAAinvented"),
		"Facebook's Limited, of another":    native(ours, "facebook", w.FacebookIDToken(webBare, anna, "")),
		"Facebook's Limited, another nonce": native(ours, "facebook", w.FacebookIDToken(web, anna, "theirs"), "ours"),
		"Facebook's Limited, expired":       native(ours, "facebook", w.FacebookIDToken(web, anna, "", socialtest.Expired)),
		"the publisher's own, another's":    native(ours, "corporate", w.google(web, anna)),
		"the publisher's own, other nonce":  native(ours, "corporate", w.corporate(t, anna, "theirs"), "ours"),
		"no token at all":                   native(ours, "google", "x"),
		"a token that does not end":         native(ours, "google", strings.Repeat("a", 20<<10)+".b.c"),
		"a password":                        native(ours, "google", password),
	} {
		t.Run(name, func(t *testing.T) {
			w.call(t, "POST", "/social/auths", body).refused(t, 401, "SOC0002", "Invalid provider token")
		})
	}
	if len(w.reported) > 0 {
		t.Errorf("the operator is told %v", w.reported)
	}
}

func TestProvidersThatAreNotThere(t *testing.T) {
	w := newAbroad(t)
	for body, want := range map[string]*mediastoreError{
		native(ours, "myspace", "x"):                         {422, "SOC0003", "Provider not found"},
		native(ours, "", "x"):                                {422, "SOC0003", "Provider not found"},
		native(theirs, "google", w.google(web, anna)):        {422, "SOC0003", "Provider not found"},
		native(bare, "apple", w.AppleIDToken(web, anna, "")): {422, "SOC0003", "Provider not found"},
		native(ours, "twitch", "x"):                          {422, "SOC0003", "Provider takes no tokens of apps"},
		native(100000009, "google", w.google(web, anna)):     {422, "REQ0100", "Offer or publisher not found"},
		native(ours, "google", ""):                           {400, "REQ0001", "Invalid param token"},
		`{"provider":"google","token":"x"}`:                  {400, "REQ0001", "Empty param offerId or publisherId"},
	} {
		w.call(t, "POST", "/social/auths", body).refused(t, want.status, want.code, want.message)
	}
}

type mediastoreError struct {
	status        int
	code, message string
}

func TestOutageOfAProviderIsToldWithoutTheToken(t *testing.T) {
	w := newAbroad(t)
	token := w.FacebookToken(web, anna)
	for _, tt := range []struct {
		provider socialtest.Provider
		fault    socialtest.Fault
		token    string
	}{
		{socialtest.Google, socialtest.Failing, w.google(web, anna)}, {socialtest.Google, socialtest.Refusing, w.google(web, anna)},
		{socialtest.Facebook, socialtest.Garbled, token}, {socialtest.Facebook, socialtest.Failing, token},
	} {
		w.Break(tt.provider, tt.fault)
		w.reported = nil
		a := w.call(t, "POST", "/social/auths", native(ours, string(tt.provider), tt.token))
		a.refused(t, 503, "S0004", "Provider cannot be reached, try again in a moment")
		if got := a.header.Get("Retry-After"); got != "5" {
			t.Errorf("%s: Retry-After %q", tt.provider, got)
		}
		if len(w.reported) != 1 || !errors.Is(w.reported[0], social.ErrUnavailable) || strings.Contains(w.reported[0].Error(), tt.token) {
			t.Errorf("%s: the operator is told %v", tt.provider, w.reported)
		}
		w.Mend(tt.provider)
	}
	w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))).lacks(t, "consents")
}

func TestBadTokensAreThrottledAndGoodOnesAreNot(t *testing.T) {
	w := newAbroad(t)
	good, bad := native(bare, "google", w.google(webBare, anna)), native(bare, "google", "x.y.z")
	for range 299 {
		w.ask("POST", "/social/auths", bad)
	}
	for range 10 {
		w.enters(t, w.call(t, "POST", "/social/auths", good))
	}
	w.call(t, "POST", "/social/auths", bad).refused(t, 401, "SOC0002", "Invalid provider token")
	a := w.call(t, "POST", "/social/auths", good)
	a.refused(t, 429, "REQ0429", "Too many requests")
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 1 {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	w.clock.Add(15 * time.Minute)
	w.enters(t, w.call(t, "POST", "/social/auths", good))
}

func TestWhatIsMissingIsToldAndMakesACustomer(t *testing.T) {
	w := newAbroad(t)
	j := w.call(t, "POST", "/social/auths", native(ours, "facebook", w.FacebookToken(web, cleo))).lacks(t, "email", "consents")
	tell := func(more map[string]any) answer {
		return w.call(t, "POST", "/social/join", telling(j.JoinToken, more))
	}
	const badEmail = "Please enter a valid e-mail address."
	tell(map[string]any{"consents": agreed}).refused(t, 400, "REQ0001", badEmail)
	tell(map[string]any{"email": "cleo", "consents": agreed}).refused(t, 400, "REQ0001", badEmail)
	tell(map[string]any{"email": "cleo@example.com\r\nBcc: x@example.com"}).refused(t, 400, "REQ0001", badEmail)
	for _, wrong := range []map[string]string{
		{"name": "terms", "version": "1", "state": "accepted"}, {"name": "newsletter", "version": "1", "state": "accepted"},
		{"name": "terms", "version": "2", "state": "maybe"},
	} {
		a := tell(map[string]any{"email": "cleo@example.com", "consents": []any{wrong}})
		if a.status != 422 || a.code != "REQ0001" {
			t.Errorf("%v: %d %s", wrong, a.status, a.body)
		}
	}
	declined := []map[string]string{{"name": "terms", "version": "2", "state": "declined"}}
	j = tell(map[string]any{"email": "cleo@example.com", "consents": declined}).lacks(t, "consents")
	if j.Email != "cleo@example.com" {
		t.Errorf("the address %q is kept", j.Email)
	}
	jwt, c := w.enters(t, tell(map[string]any{"consents": agreed}))
	if c.Email != "cleo@example.com" || !c.EmailVerified.IsZero() || c.FirstName != "Cleo" || c.PublisherID != ours {
		t.Errorf("made %+v", c)
	}
	answered := w.call(t, "GET", "/customers/"+strconv.FormatInt(c.ID, 10)+"/consents", "", bearer(jwt)...)
	list, _ := answered.data["consents"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["state"] != "accepted" || list[1].(map[string]any)["state"] != "declined" || list[1].(map[string]any)["needsUpdate"] != false {
		t.Errorf("consents %s", answered.body)
	}
	_, again := w.enters(t, w.call(t, "POST", "/social/auths", native(ours, "facebook", w.FacebookToken(web, cleo))))
	if again.ID != c.ID {
		t.Errorf("the next time they are %d, not %d", again.ID, c.ID)
	}
}

func TestJoinTokensServeOnceForHalfAnHourAtOnePublisher(t *testing.T) {
	w := newAbroad(t)
	const dead = "joinToken is not valid or has expired"
	j := w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))).lacks(t, "consents")
	full := telling(j.JoinToken, map[string]any{"consents": agreed})
	elsewhere := strings.Replace(full, `"100000001"`, `"100000003"`, 1)
	refuseAll := func(body string) {
		t.Helper()
		w.call(t, "POST", "/social/join", body).refused(t, 422, "SOC0004", dead)
		w.call(t, "POST", "/social/join/code", body).refused(t, 422, "SOC0004", dead)
		w.call(t, "POST", "/social/join/proof", strings.Replace(body, "{", `{"code":"123456",`, 1)).refused(t, 422, "SOC0004", dead)
	}
	refuseAll(elsewhere)
	refuseAll(telling("", nil))
	refuseAll(telling("invented", nil))
	w.enters(t, w.call(t, "POST", "/social/join", full))
	refuseAll(full)

	j = w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, bert))).lacks(t, "consents")
	w.clock.Add(social.JoinLife)
	refuseAll(telling(j.JoinToken, map[string]any{"consents": agreed}))
}

func TestParallelJoinsMakeOneCustomer(t *testing.T) {
	w := newAbroad(t)
	j := w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))).lacks(t, "consents")
	body := telling(j.JoinToken, map[string]any{"consents": agreed})
	statuses := make([]int, 8)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() { statuses[i] = w.ask("POST", "/social/join", body).Code })
	}
	all.Wait()
	in := 0
	for _, status := range statuses {
		if status == http.StatusOK {
			in++
		} else if status != http.StatusUnprocessableEntity {
			t.Errorf("status %d", status)
		}
	}
	if in != 1 {
		t.Errorf("statuses %v, want one to be in", statuses)
	}
}

func TestAnAddressThatHasAnAccountNeedsItsPassword(t *testing.T) {
	for _, who := range []socialtest.Person{anna, bert} {
		w := newAbroad(t)
		_, _, id := w.mustRegister(t, ours, who.Email)
		sign := native(ours, "google", w.google(web, who))
		j := w.call(t, "POST", "/social/auths", sign).lacks(t, "proof")
		if j.Email != who.Email || len(j.Consents) != 0 {
			t.Errorf("shown %+v", j)
		}
		prove := func(more map[string]any) answer {
			return w.call(t, "POST", "/social/join/proof", telling(j.JoinToken, more))
		}
		w.call(t, "POST", "/social/join", telling(j.JoinToken, map[string]any{"consents": agreed})).lacks(t, "proof")
		prove(nil).refused(t, 400, "REQ0001", "Either param password or code is needed")
		prove(map[string]any{"password": password, "code": "123456"}).refused(t, 400, "REQ0001", "Either param password or code is needed")
		prove(map[string]any{"password": "wrong horse 9"}).refused(t, 422, "REQ0001", "Invalid password")
		prove(map[string]any{"code": "123456"}).refused(t, 422, "REQ0001", "Invalid code")
		prove(map[string]any{"code": ""}).refused(t, 400, "REQ0001", "Either param password or code is needed")
		w.call(t, "POST", "/social/auths", sign).lacks(t, "proof")
		if got := w.call(t, "POST", "/auths", login(who.Email, password)); got.status != 200 {
			t.Errorf("the account was changed: %s", got.body)
		}

		_, c := w.enters(t, prove(map[string]any{"password": password}))
		if strconv.FormatInt(c.ID, 10) != id {
			t.Errorf("they are %d, want %s", c.ID, id)
		}
		if _, c := w.enters(t, w.call(t, "POST", "/social/auths", sign)); strconv.FormatInt(c.ID, 10) != id {
			t.Errorf("the next time they are %d, want %s", c.ID, id)
		}
	}
}

// Whoever made an account with somebody else's address has nothing of it once the
// owner of the address comes.
func TestAMailedCodeTakesAnAccountBack(t *testing.T) {
	w := newAbroad(t)
	jwt, old, id := w.mustRegister(t, ours, anna.Email)
	j := w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))).lacks(t, "proof")
	w.mailed(t, "")
	w.call(t, "POST", "/social/join/code", telling(j.JoinToken, nil)).is(t, done, "")
	code := w.mailedCode(t, anna.Email)
	if j := w.call(t, "POST", "/social/join", telling(j.JoinToken, nil)).lacks(t, "proof"); !j.CodeSent {
		t.Error("it is not told that a code was sent")
	}
	prove := func(code string) answer {
		return w.call(t, "POST", "/social/join/proof", telling(j.JoinToken, map[string]any{"code": code}))
	}
	prove("000000").refused(t, 422, "REQ0001", "Invalid code")
	_, c := w.enters(t, prove(code))
	if strconv.FormatInt(c.ID, 10) != id || c.EmailVerified.IsZero() {
		t.Errorf("they are %+v, want %s, verified", c, id)
	}
	prove(code).refused(t, 422, "SOC0004", "joinToken is not valid or has expired")
	w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	w.call(t, "POST", "/auths/refresh_token", refresh(old)).refused(t, 401, "AUTH0003", "Refresh token is expired or does not exist")
	w.call(t, "POST", "/auths", login(anna.Email, password)).refused(t, 401, "USER0001", "Wrong email or password")
}

func TestCodesAreMailedForAMissingProofOnlyAndNotWithoutEnd(t *testing.T) {
	w := newAbroad(t)
	j := w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))).lacks(t, "consents")
	w.call(t, "POST", "/social/join/code", telling(j.JoinToken, nil)).refused(t, 422, "REQ0001", "No proof is missing")
	w.mustRegister(t, ours, "anna@example.com")
	j = w.call(t, "POST", "/social/join", telling(j.JoinToken, map[string]any{"email": "anna@example.com", "consents": agreed})).lacks(t, "proof")
	for range 5 {
		w.call(t, "POST", "/social/join/code", telling(j.JoinToken, nil)).is(t, done, "")
	}
	a := w.call(t, "POST", "/social/join/code", telling(j.JoinToken, nil))
	a.refused(t, 429, "REQ0429", "Too many requests")
	if a.header.Get("Retry-After") == "" {
		t.Error("it is not told how long to wait")
	}
}

func TestACodeCannotBeGuessed(t *testing.T) {
	w := newAbroad(t)
	w.mustRegister(t, ours, anna.Email)
	j := w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))).lacks(t, "proof")
	w.call(t, "POST", "/social/join/code", telling(j.JoinToken, nil)).is(t, done, "")
	code := w.mailedCode(t, anna.Email)
	for i := range 5 {
		w.call(t, "POST", "/social/join/proof", telling(j.JoinToken, map[string]any{"code": fmt.Sprintf("00000%d", i)})).refused(t, 422, "REQ0001", "Invalid code")
	}
	w.call(t, "POST", "/social/join/proof", telling(j.JoinToken, map[string]any{"code": code})).refused(t, 422, "REQ0001", "Invalid code")
}

func TestPasswordsOfAProofAreThrottled(t *testing.T) {
	w := newAbroad(t)
	w.mustRegister(t, ours, anna.Email)
	j := w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))).lacks(t, "proof")
	wrong := telling(j.JoinToken, map[string]any{"password": "wrong horse 9"})
	for range 10 {
		w.call(t, "POST", "/social/join/proof", wrong).refused(t, 422, "REQ0001", "Invalid password")
	}
	w.call(t, "POST", "/social/join/proof", telling(j.JoinToken, map[string]any{"password": password})).refused(t, 429, "REQ0429", "Too many requests")
	w.call(t, "POST", "/auths", login(anna.Email, password)).refused(t, 429, "REQ0429", "Too many requests")
}

func TestCustomersWhoAreDisabledStayOut(t *testing.T) {
	w := newAbroad(t)
	_, c := w.mustJoin(t, anna)
	w.mustDisable(t, strconv.FormatInt(c.ID, 10))
	w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))).refused(t, 403, "SOC0006", "Account may not sign in")
}

func TestFiftyDifferentPeopleGetTheirOwnAccountsAtOnce(t *testing.T) {
	w := newAbroad(t)
	const n = 50
	ids := make([]int64, n)
	var all sync.WaitGroup
	for i := range n {
		who := socialtest.Person{Subject: fmt.Sprint(5000 + i), Email: fmt.Sprintf("viewer%d@gmail.test", i), GivenName: fmt.Sprint("Viewer", i)}
		w.Add(socialtest.Facebook, who)
		provider, token := "google", w.google(webBare, who)
		if i%2 == 1 {
			provider, token = "facebook", w.FacebookToken(webBare, who)
		}
		all.Go(func() {
			for range 2 { // the second time as a customer
				claims, err := w.keys.VerifyForPublisher(jwtIn(w.ask("POST", "/social/auths", native(bare, provider, token)).Body.String()))
				if err != nil || ids[i] != 0 && ids[i] != claims.CustomerID {
					t.Errorf("%s: %+v, %v, was %d", who.Email, claims, err, ids[i])
					return
				}
				ids[i] = claims.CustomerID
				c, err := w.store.Customer(context.Background(), claims.CustomerID)
				if err != nil || c.Email != who.Email || c.FirstName != who.GivenName || claims.Email != who.Email {
					t.Errorf("%s: is %+v, the token says %s; %v", who.Email, c, claims.Email, err)
				}
			}
		})
	}
	all.Wait()
	slices.Sort(ids)
	if len(slices.Compact(ids)) != n {
		t.Errorf("%d accounts, want %d", len(slices.Compact(ids)), n)
	}
}

// jwtIn returns the token in an answer.
func jwtIn(body string) string {
	_, after, _ := strings.Cut(body, `"jwt":"`)
	jwt, _, _ := strings.Cut(after, `"`)
	return jwt
}

// What the publisher's own provider says and what its server says is about the same
// customer, in either order.
func TestOwnProviderAndOwnServerMeanTheSameCustomer(t *testing.T) {
	w := newAbroad(t)
	corporate := func(who socialtest.Person) answer {
		return w.call(t, "POST", "/social/auths", native(ours, "corporate", w.corporate(t, who, "")))
	}
	server := func(body string) authstore.Customer {
		t.Helper()
		_, c := w.enters(t, w.call(t, "POST", "/sso/auths", body, proof()...))
		return c
	}

	first := server(`{"email":"dora@corp.test"}`)
	j := corporate(socialtest.Person{Subject: "emp-1", Email: "dora@corp.test"}).lacks(t, "proof")
	w.mailed(t, "")
	w.call(t, "POST", "/social/join/code", telling(j.JoinToken, nil)).is(t, done, "")
	_, c := w.enters(t, w.call(t, "POST", "/social/join/proof", telling(j.JoinToken, map[string]any{"code": w.mailedCode(t, "dora@corp.test")})))
	if again := server(`{"email":"dora@corp.test"}`); c.ID != first.ID || again.ID != first.ID {
		t.Errorf("by address, the server first: %d, %d, %d", first.ID, c.ID, again.ID)
	}

	j = corporate(socialtest.Person{Subject: "emp-2", Email: "erik@corp.test"}).lacks(t, "consents")
	_, c = w.enters(t, w.call(t, "POST", "/social/join", telling(j.JoinToken, map[string]any{"consents": agreed})))
	if c.ExternalID != "emp-2" {
		t.Errorf("the external id is %q", c.ExternalID)
	}
	if got := server(`{"email":"ERIK@corp.test"}`); got.ID != c.ID {
		t.Errorf("by address, the provider first: %d, want %d", got.ID, c.ID)
	}
	if got := server(`{"email":"erik.new@corp.test","externalId":"emp-2"}`); got.ID != c.ID {
		t.Errorf("by external id, the provider first: %d, want %d", got.ID, c.ID)
	}

	first = server(`{"email":"fay@corp.test","externalId":"emp-3"}`)
	if _, c = w.enters(t, corporate(socialtest.Person{Subject: "emp-3", Email: "fay.new@corp.test"})); c.ID != first.ID {
		t.Errorf("by external id, the server first: %d, want %d", c.ID, first.ID)
	}
}
