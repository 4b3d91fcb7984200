// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/socialtest"
)

// Sign-in by accounts elsewhere, as it is described.

// dora is new at her provider.
var dora = socialtest.Person{Subject: "2001", Email: "dora@gmail.test", GivenName: "Dora"}

func walkSocialLogin(s *served) {
	s.want(200, "", "GET /social/providers?publisherId=100000001", "")
	s.want(200, "", "GET /social/providers?offerId=S100000001_US", "")
	s.want(400, "REQ0002", "GET /social/providers", "")
	s.want(422, "REQ0100", "GET /social/providers?publisherId=100000009", "")
	s.malformed(422, "REQ0100", "GET /social/providers?publisherId=x", "")

	const path = "POST /social/auths"
	good := native(bare, "google", s.google(webBare, anna))
	s.want(200, "", path, good)
	s.want(200, "", path, native(bare, "facebook", s.FacebookToken(webBare, bert)))
	s.want(422, "SOC0001", path, native(ours, "facebook", s.FacebookToken(web, cleo)))
	s.want(422, "SOC0003", path, native(ours, "twitch", "x"))
	s.want(422, "SOC0003", path, native(bare, "apple", "x"))
	s.want(422, "REQ0100", path, native(100000009, "google", "x"))
	s.want(401, "SOC0002", path, native(ours, "google", s.google(webBare, anna)))
	s.malformed(400, "REQ0001", path, native(ours, "google", ""))
	s.malformed(400, "REQ0001", path, `{"provider":"google","token":"x"}`)
	s.malformed(400, "REQ0001", path, `{"publisherId":"100000001","provider":5,"token":"x"}`)
	s.malformed(401, "SOC0002", path, native(ours, "google", strings.Repeat("x", 16<<10+1)))

	s.Break(socialtest.Facebook, socialtest.Failing)
	s.want(503, "S0004", path, native(bare, "facebook", "EAAx"))
	s.Mend(socialtest.Facebook)
	s.faulty.FailView(errDown)
	s.want(500, "S0001", path, good)

	s.mustDisableAt(bare, "google", dora)
	s.want(403, "SOC0006", path, native(bare, "google", s.google(webBare, dora)))
}

// mustDisableAt disables somebody who signs in elsewhere.
func (s *served) mustDisableAt(publisherID int64, provider string, who socialtest.Person) {
	s.t.Helper()
	s.want(200, "", "POST /social/auths", native(publisherID, provider, s.google(webBare, who)))
	c, _, err := s.store.CustomerByIdentity(s.t.Context(), publisherID, "https://accounts.google.com", who.Subject)
	must(s.t, err)
	must(s.t, s.sessions.EndByDisabling(s.t.Context(), c.ID))
}

// joining signs somebody in who is new to the publisher ours, and returns the token.
func (s *served) joining(who socialtest.Person) string {
	s.t.Helper()
	return s.want(422, "SOC0001", "POST /social/auths", native(ours, "google", s.google(web, who))).Join.JoinToken
}

func walkSocialJoin(s *served) {
	const join, code, prove = "POST /social/join", "POST /social/join/code", "POST /social/join/proof"
	token := s.joining(socialtest.Person{Subject: "2002"})
	full := telling(token, map[string]any{"email": "emma@example.com", "consents": agreed})
	s.malformed(400, "REQ0001", join, telling(token, map[string]any{"email": 5}))
	s.malformed(400, "REQ0001", join, telling(token, map[string]any{"consents": map[string]any{}}))
	s.malformed(400, "REQ0001", join, `{"joinToken":"x"}`)
	s.want(400, "REQ0001", join, telling(token, map[string]any{"email": "emma"}))
	s.want(422, "SOC0001", join, telling(token, map[string]any{"email": "emma@example.com"}))
	s.want(422, "REQ0001", join, telling(token, map[string]any{"consents": []any{map[string]string{"name": "terms", "version": "1", "state": "accepted"}}}))
	s.want(422, "REQ0001", code, telling(token, nil))
	s.want(422, "REQ0100", join, `{"publisherId":"100000009","joinToken":"x"}`)
	s.want(422, "SOC0004", join, telling("x", nil))
	s.faulty.FailView(errDown)
	s.want(500, "S0001", join, full)
	s.want(200, "", join, full)
	s.want(422, "SOC0004", join, full)

	told, _, _ := s.join("felix@gmail.test")
	felix := socialtest.Person{Subject: "2003", Email: "felix@gmail.test", Unverified: true}
	token = s.joining(felix)
	s.want(422, "SOC0001", join, telling(token, nil))
	s.malformed(400, "REQ0001", code, `{"joinToken":"x"}`)
	s.want(422, "REQ0100", code, `{"publisherId":"100000009","joinToken":"x"}`)
	s.want(422, "SOC0004", code, telling("x", nil))
	s.faulty.FailView(errDown)
	s.want(500, "S0001", code, telling(token, nil))
	s.want(200, "", code, telling(token, nil))
	mailed := s.mailedCode()
	s.want(422, "SOC0001", join, telling(token, nil))
	s.want(400, "REQ0001", prove, telling(token, nil))
	s.malformed(400, "REQ0001", prove, telling(token, map[string]any{"code": 123456}))
	s.want(422, "REQ0001", prove, telling(token, map[string]any{"password": "wrong horse 9"}))
	s.want(422, "REQ0001", prove, telling(token, map[string]any{"code": "000000"}))
	s.want(422, "SOC0004", prove, telling("x", map[string]any{"code": "000000"}))
	s.want(422, "REQ0100", prove, `{"publisherId":"100000009","joinToken":"x","code":"x"}`)
	s.faulty.FailView(errDown)
	s.want(500, "S0001", prove, telling(token, map[string]any{"code": mailed}))
	s.want(200, "", prove, telling(token, map[string]any{"code": mailed}))
	s.want(401, "AUTH0003", "POST /auths/refresh_token", refresh(told.text("refreshToken")))

	_, id, _ := s.join("gina@gmail.test")
	gina := socialtest.Person{Subject: "2004", Email: "gina@gmail.test"}
	token = s.joining(gina)
	s.want(200, "", prove, telling(token, map[string]any{"password": password}))
	token = s.joining(socialtest.Person{Subject: "2005", Email: "gina@gmail.test"})
	s.want(200, "", code, telling(token, nil))
	n, err := strconv.ParseInt(id, 10, 64)
	must(s.t, err)
	must(s.t, s.sessions.EndByDisabling(s.t.Context(), n))
	s.want(403, "SOC0006", prove, telling(token, map[string]any{"code": s.mailedCode()}))
}

// mailedCode takes all mails out of the queue and returns the code in one of them.
func (s *served) mailedCode() string {
	s.t.Helper()
	mails := letters(s.t, s.store, s.links)
	i := slices.IndexFunc(mails, func(l letter) bool { return l.kind == notice.Join })
	if i < 0 {
		s.t.Fatalf("mails %+v, want one with a code", mails)
	}
	return mails[i].code
}

func walkSocialTokens(s *served) {
	const path = "POST /social/tokens"
	_, id, _ := s.join("hans@example.com")
	n, err := strconv.ParseInt(id, 10, 64)
	must(s.t, err)
	c, err := s.store.Customer(s.t.Context(), n)
	must(s.t, err)
	verifier := oauth2.GenerateVerifier()
	code := s.granted(c, verifier)
	s.malformed(400, "REQ0001", path, `{"code":"x","codeVerifier":"x","redirectUri":"x"}`)
	s.malformed(400, "REQ0001", path, `{"publisherId":"100000001","code":5}`)
	s.want(422, "REQ0100", path, redeeming(100000009, code, verifier, appRedirect))
	s.want(422, "SOC0005", path, redeeming(ours, code, oauth2.GenerateVerifier(), appRedirect))
	s.malformed(422, "SOC0005", path, `{"publisherId":"100000001"}`)
	s.faulty.FailView(errDown)
	s.want(500, "S0001", path, redeeming(ours, code, verifier, appRedirect))
	told := s.want(200, "", path, redeeming(ours, code, verifier, appRedirect))
	s.want(200, "", "POST /auths/refresh_token", refresh(told.text("refreshToken")))
	s.want(422, "SOC0005", path, redeeming(ours, code, verifier, appRedirect))
	code = s.granted(c, verifier)
	must(s.t, s.sessions.EndByDisabling(s.t.Context(), n))
	s.want(403, "SOC0006", path, redeeming(ours, code, verifier, appRedirect))
}

// granted returns a code that an app gets for a customer of the publisher ours.
func (s *served) granted(c authstore.Customer, verifier string) string {
	s.t.Helper()
	h, _, err := s.sessions.Start(s.t.Context(), c, "", session.Device{}, session.AtHub, "")
	must(s.t, err)
	back, err := s.service.GrantApp(s.t.Context(), tenants()[0], h, social.AppRequest{
		Redirect: appRedirect, State: "s", Challenge: oauth2.S256ChallengeFromVerifier(verifier),
	})
	must(s.t, err)
	u, err := url.Parse(back)
	must(s.t, err)
	return u.Query().Get("code")
}

func walkIdentities(s *served) {
	_, id, bearer := s.join("ines@example.com")
	path := "/customers/" + id + "/identities"
	ines := socialtest.Person{Subject: "3001", Email: "ines@gmail.test"}
	post, google := "POST "+path, s.google(web, ines)
	s.malformed(400, "REQ0001", post, linking("google", "", ""), bearer...)
	s.malformed(400, "REQ0003", "POST /customers/x/identities", linking("google", google, ""), bearer...)
	s.malformed(401, "AUTH0001", post, linking("google", google, ""))
	s.want(401, "AUTH0002", strings.Replace(post, id, "999999999", 1), linking("google", google, ""), bearer...)
	s.want(401, "SOC0002", post, linking("google", s.google(webBare, ines), ""), bearer...)
	s.want(422, "REQ0001", post, linking("google", google, "wrong horse 9"), bearer...)
	s.want(422, "SOC0003", post, linking("twitch", "x", ""), bearer...)
	s.want(422, "SOC0003", post, linking("myspace", "x", ""), bearer...)
	s.Break(socialtest.Facebook, socialtest.Failing)
	s.want(503, "S0004", post, linking("facebook", "EAAx", ""), bearer...)
	s.Mend(socialtest.Facebook)
	s.faulty.FailView(errDown)
	s.want(500, "S0001", post, linking("google", google, ""), bearer...)
	s.want(200, "", post, linking("google", google, password), bearer...)
	listed := s.want(200, "", "GET "+path, "", bearer...).Data["identities"].([]any)
	_, _, other := s.join("ivan@example.com")
	ivan := claimed(s.t, other)
	s.want(422, "SOC0007", "POST /customers/"+ivan+"/identities", linking("google", google, ""), other...)

	last := "DELETE " + path + "/" + listed[1].(map[string]any)["id"].(string)
	s.malformed(400, "REQ0001", last, `{"password":5}`, bearer...)
	s.malformed(400, "REQ0003", strings.Replace(last, id, "x", 1), "", bearer...)
	s.malformed(401, "AUTH0001", last, "")
	s.want(401, "AUTH0002", last, "", other...)
	s.want(404, "REQ0404", "DELETE "+path+"/x", "", bearer...)
	s.want(422, "REQ0001", last, `{"password":"wrong horse 9"}`, bearer...)
	s.faulty.FailView(errDown)
	s.want(500, "S0001", last, "", bearer...)
	s.clock.Add(social.Fresh)
	s.want(403, "SOC0009", last, "", bearer...)
	s.want(403, "SOC0009", post, linking("google", google, ""), bearer...)
	s.want(200, "", last, `{"password":"`+password+`"}`, bearer...)

	token := s.joining(socialtest.Person{Subject: "3002", Email: "jana@gmail.test"})
	told := s.want(200, "", "POST /social/join", telling(token, map[string]any{"consents": agreed}))
	jana := []string{"Authorization", "Bearer " + told.text("jwt")}
	path = "/customers/" + claimed(s.t, jana) + "/identities"
	listed = s.want(200, "", "GET "+path, "", jana...).Data["identities"].([]any)
	s.want(422, "SOC0008", "DELETE "+path+"/"+listed[0].(map[string]any)["id"].(string), "", jana...)
}

// claimed returns the id of the customer whose token a header carries.
func claimed(t testing.TB, bearer []string) string {
	t.Helper()
	parts := strings.Split(bearer[1], ".")
	payload, err := secret.Encoding.DecodeString(parts[1])
	must(t, err)
	var claims struct {
		CustomerID string `json:"customerId"`
	}
	must(t, json.Unmarshal(payload, &claims))
	return claims.CustomerID
}

func walkDeletion(s *served) {
	const path = "POST /login/facebook/deletion"
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	sign := func(subject string) string {
		return "signed_request=" + socialtest.SignedRequest("secret of "+webBare, map[string]any{
			"user_id": subject, "algorithm": "HMAC-SHA256", "issued_at": s.clock.Now().Unix(),
		})
	}
	s.want(200, "", path, sign(bert.Subject), form...)
	s.want(200, "", path, sign("nobody here"), form...)
	s.want(400, "REQ0001", path, "signed_request=x.y", form...)
	s.faulty.FailUpdate(errDown)
	s.want(500, "S0001", path, sign(anna.Subject), form...)
}

func walkNoProviders(s *served) {
	_, id, bearer := s.join("kurt@example.com")
	s.want(200, "", "GET /social/providers?publisherId=100000001", "")
	for _, request := range socialRequests(id) {
		switch {
		case strings.HasPrefix(request, "POST /social/join"), strings.HasPrefix(request, "POST /social/tokens"):
			continue // there is no token that could be sent
		case strings.HasPrefix(request, "POST"):
			s.want(422, "SOC0003", request, native(ours, "google", "x"), bearer...)
		default:
			s.want(422, "SOC0003", request, "", bearer...)
		}
	}
}

func walkSocialLimits(s *served) {
	lea := socialtest.Person{Subject: "4001", Email: "lea@gmail.test"}
	_, id, bearer := s.join("lea@gmail.test")
	token := s.joining(lea)
	s.bursts(429, 6, "POST /social/join/code", func(int) string { return telling(token, nil) })
	for range 10 {
		s.want(422, "REQ0001", "POST /social/join/proof", telling(token, map[string]any{"password": "wrong horse 9"}))
	}
	s.want(429, "REQ0429", "POST /social/join/proof", telling(token, map[string]any{"password": password}))
	path := "/customers/" + id + "/identities"
	s.want(429, "REQ0429", "POST "+path, linking("google", "x.y.z", password), bearer...)
	leo := socialtest.Person{Subject: "4002", Email: "leo@gmail.test"}
	linked := s.want(200, "", "POST "+path, linking("google", s.google(web, leo), ""), bearer...).Data["identities"].([]any)
	s.want(429, "REQ0429", "DELETE "+path+"/"+linked[1].(map[string]any)["id"].(string), `{"password":"`+password+`"}`, bearer...)

	token = s.joining(socialtest.Person{Subject: "4003", Email: "max@gmail.test"})
	declined := []any{map[string]string{"name": "terms", "version": "2", "state": "declined"}}
	s.bursts(429, 60, "POST /social/join", func(int) string { return telling(token, map[string]any{"consents": declined}) })
	s.want(429, "REQ0429", "POST /social/auths", native(bare, "google", s.google(webBare, socialtest.Person{Subject: "4004", Email: "mia@gmail.test"})))
}
