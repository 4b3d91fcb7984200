// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/social"
)

// listed returns the ids of a customer's identities by provider.
func (a answer) listed(t testing.TB) map[string]string {
	t.Helper()
	ids := map[string]string{}
	list, ok := a.data["identities"].([]any)
	if a.status != 200 || !ok {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, one := range list {
		v := one.(map[string]any)
		ids[v["provider"].(string)] = v["id"].(string)
	}
	return ids
}

// linking is the body that adds a way to sign in.
func linking(provider, token, pass string) string {
	return document(map[string]any{"provider": provider, "token": token, "password": pass})
}

func TestIdentitiesAreListedWithoutWhatProvidersCallPeople(t *testing.T) {
	w := newAbroad(t)
	jwt, _, id := w.mustRegister(t, ours, "anna@example.com")
	path := "/customers/" + id + "/identities"
	a := w.call(t, "POST", path, linking("google", w.google(web, anna), ""), bearer(jwt)...)
	ids := a.listed(t)
	if len(ids) != 2 || ids["google"] == "" || strings.Contains(a.body, anna.Subject) {
		t.Errorf("listed %s", a.body)
	}
	w.call(t, "GET", path, "", bearer(jwt)...).is(t, fmt.Sprintf(`{"responseData":{"identities":[
		{"id":%q,"provider":"password","label":"","brand":"","created":"2026-03-01 12:00:00","removable":false},
		{"id":%q,"provider":"google","label":"Google","brand":"google","created":"2026-03-01 12:00:00","removable":true}]},"errors":[]}`, ids["password"], ids["google"]), "")
	if mails := w.mailed(t, notice.WayAdded); len(mails) != 1 || mails[0].to != "anna@example.com" {
		t.Errorf("mails %+v", mails)
	}
}

func TestALinkedIdentitySignsIn(t *testing.T) {
	w := newAbroad(t)
	jwt, _, id := w.mustRegister(t, ours, "anna@example.com")
	path := "/customers/" + id + "/identities"
	for range 2 { // twice is once
		if ids := w.call(t, "POST", path, linking("facebook", w.FacebookToken(web, cleo), password), bearer(jwt)...).listed(t); len(ids) != 2 {
			t.Errorf("listed %v", ids)
		}
	}
	if _, c := w.enters(t, w.call(t, "POST", "/social/auths", native(ours, "facebook", w.FacebookToken(web, cleo)))); fmt.Sprint(c.ID) != id {
		t.Errorf("they are %d, want %s", c.ID, id)
	}
	if mails := w.mailed(t, notice.WayAdded); len(mails) != 1 {
		t.Errorf("mails %+v, want one", mails)
	}
}

func TestLinkingIsRefused(t *testing.T) {
	w := newAbroad(t)
	jwt, _, id := w.mustRegister(t, ours, "anna@example.com")
	other, _ := w.mustJoin(t, bert)
	path := "/customers/" + id + "/identities"
	link := func(body string, headers ...string) answer { return w.call(t, "POST", path, body, headers...) }
	link(linking("google", w.google(web, bert), ""), bearer(jwt)...).refused(t, 422, "SOC0007", "Identity belongs to another account")
	link(linking("google", w.google(web, anna), "wrong horse 9"), bearer(jwt)...).refused(t, 422, "REQ0001", "Invalid password")
	link(linking("google", w.google(webBare, anna), ""), bearer(jwt)...).refused(t, 401, "SOC0002", "Invalid provider token")
	link(linking("google", "", ""), bearer(jwt)...).refused(t, 400, "REQ0001", "Invalid param token")
	link(linking("myspace", "x", ""), bearer(jwt)...).refused(t, 422, "SOC0003", "Provider not found")
	link(linking("twitch", "x", ""), bearer(jwt)...).refused(t, 422, "SOC0003", "Provider takes no tokens of apps")
	link(`{"provider":"google","token":"`+w.GoogleIDToken(web, web, anna, "theirs")+`","nonce":"ours"}`, bearer(jwt)...).refused(t, 401, "SOC0002", "Invalid provider token")
	link(linking("google", w.google(web, anna), "")).refused(t, 401, "AUTH0001", "Missing required JWT")
	link(linking("google", w.google(web, anna), password), bearer(other)...).refused(t, 401, "AUTH0002", "Invalid JWT token")

	w.clock.Add(social.Fresh)
	link(linking("google", w.google(web, anna), ""), bearer(jwt)...).refused(t, 403, "SOC0009", "Sign in again, or send the password")
	if ids := w.call(t, "GET", path, "", bearer(jwt)...).listed(t); len(ids) != 1 {
		t.Errorf("linked all the same: %v", ids)
	}
	if ids := link(linking("google", w.google(web, anna), password), bearer(jwt)...).listed(t); len(ids) != 2 {
		t.Errorf("not linked by the password: %v", ids)
	}
}

func TestUnlinkingTakesAWayAndEndsOtherSessions(t *testing.T) {
	w := newAbroad(t)
	jwt, _, id := w.mustRegister(t, ours, "anna@example.com")
	path := "/customers/" + id + "/identities"
	ids := w.call(t, "POST", path, linking("google", w.google(web, anna), ""), bearer(jwt)...).listed(t)
	elsewhere, _ := w.enters(t, w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))))
	left := w.call(t, "DELETE", path+"/"+ids["google"], "", bearer(jwt)...).listed(t)
	if len(left) != 1 || left["password"] == "" {
		t.Errorf("left %v", left)
	}
	w.call(t, "GET", "/customers/"+id, "", bearer(elsewhere)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	w.call(t, "DELETE", path+"/"+ids["google"], "", bearer(jwt)...).refused(t, 404, "REQ0404", "Not found")
	if mails := w.mailed(t, notice.WayRemoved); len(mails) != 1 || mails[0].to != "anna@example.com" {
		t.Errorf("mails %+v", mails)
	}
	w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))).lacks(t, "consents")
}

func TestUnlinkingIsRefused(t *testing.T) {
	w := newAbroad(t)
	jwt, c := w.mustJoin(t, anna) // has no password
	path := fmt.Sprintf("/customers/%d/identities", c.ID)
	ids := w.call(t, "GET", path, "", bearer(jwt)...).listed(t)
	w.call(t, "DELETE", path+"/"+ids["google"], "", bearer(jwt)...).refused(t, 422, "SOC0008", "Identity is the last way to sign in")

	other, _, otherID := w.mustRegister(t, ours, "other@example.com")
	theirs := w.call(t, "GET", "/customers/"+otherID+"/identities", "", bearer(other)...).listed(t)
	w.call(t, "DELETE", path+"/"+theirs["password"], "", bearer(jwt)...).refused(t, 404, "REQ0404", "Not found")
	w.call(t, "DELETE", path+"/"+ids["google"], `{"password":"x"}`, bearer(other)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	w.call(t, "DELETE", "/customers/"+otherID+"/identities/"+ids["google"], "", bearer(other)...).refused(t, 404, "REQ0404", "Not found")
	w.call(t, "DELETE", "/customers/"+otherID+"/identities/"+theirs["password"], "", bearer(other)...).refused(t, 404, "REQ0404", "Not found")
	w.call(t, "DELETE", path+"/"+ids["google"], "").refused(t, 401, "AUTH0001", "Missing required JWT")
	w.call(t, "DELETE", path+"/"+ids["google"], `{"password":5}`, bearer(jwt)...).refused(t, 400, "REQ0001", "Invalid param password")

	w.call(t, "POST", path, linking("facebook", w.FacebookToken(web, cleo), ""), bearer(jwt)...).listed(t)
	w.clock.Add(social.Fresh)
	w.call(t, "DELETE", path+"/"+ids["google"], "", bearer(jwt)...).refused(t, 403, "SOC0009", "Sign in again, or send the password")
	w.call(t, "DELETE", path+"/"+ids["google"], `{"password":"wrong horse 9"}`, bearer(jwt)...).refused(t, 422, "REQ0001", "Invalid password")
	again, _ := w.enters(t, w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, anna))))
	if left := w.call(t, "DELETE", path+"/"+ids["google"], "", bearer(again)...).listed(t); len(left) != 1 || left["facebook"] == "" {
		t.Errorf("left %v", left)
	}
}

// A customer of another publisher has the same people elsewhere, and nothing of them.
func TestIdentitiesOfPublishersHaveNothingToDoWithEachOther(t *testing.T) {
	w := newAbroad(t)
	jwt, c := w.mustJoin(t, anna)
	other, o := w.enters(t, w.call(t, "POST", "/social/auths", native(bare, "google", w.google(webBare, anna))))
	if o.ID == c.ID || o.PublisherID == c.PublisherID {
		t.Fatalf("one customer: %+v, %+v", c, o)
	}
	path := fmt.Sprintf("/customers/%d/identities", c.ID)
	for _, method := range []string{"GET", "POST"} {
		w.call(t, method, path, linking("google", w.google(web, anna), ""), bearer(other)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	}
	w.call(t, "POST", fmt.Sprintf("/customers/%d/identities", o.ID), linking("google", w.google(web, bert), ""), bearer(other)...).refused(t, 401, "SOC0002", "Invalid provider token")
	ids := w.call(t, "GET", path, "", bearer(jwt)...).listed(t)
	w.call(t, "DELETE", path+"/"+ids["google"], "", bearer(other)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
}

func TestPasswordsOfChangesAreThrottled(t *testing.T) {
	w := newAbroad(t)
	jwt, _, id := w.mustRegister(t, ours, "anna@example.com")
	path := "/customers/" + id + "/identities"
	ids := w.call(t, "POST", path, linking("google", w.google(web, anna), ""), bearer(jwt)...).listed(t)
	for range 10 {
		w.call(t, "DELETE", path+"/"+ids["google"], `{"password":"wrong horse 9"}`, bearer(jwt)...).refused(t, 422, "REQ0001", "Invalid password")
	}
	w.call(t, "DELETE", path+"/"+ids["google"], `{"password":"`+password+`"}`, bearer(jwt)...).refused(t, 429, "REQ0429", "Too many requests")
	w.call(t, "POST", path, linking("facebook", "x", password), bearer(jwt)...).refused(t, 429, "REQ0429", "Too many requests")
}

// What these endpoints read is held to the same strictness as everything else.
func TestBodiesOfSocialSignInAreReadStrictly(t *testing.T) {
	w := newAbroad(t)
	jwt, _, id := w.mustRegister(t, ours, "strict@example.com")
	for _, request := range slices.DeleteFunc(socialRequests(id), func(s string) bool { return strings.HasPrefix(s, "GET") }) {
		method, target, _ := strings.Cut(request, " ")
		for body, message := range map[string]string{
			`{`: "Invalid request body", `[]`: "Invalid request body", `{} {}`: "Invalid request body", `"x"`: "Invalid request body",
			"{\"provider\":\"\xff\"}":                                               "Invalid request body",
			`{"provider":"google","Provider":"facebook"}`:                           `member "Provider" is given twice`,
			`{"joinToken":"a","code":"b","joinToken":"c"}`:                          `member "joinToken" is given twice`,
			`{"x":` + strings.Repeat("[", 40) + "1" + strings.Repeat("]", 40) + `}`: "body is nested too deeply",
			strings.Repeat(" ", 64<<10) + `{}`:                                      "body is larger than 64 KiB",
		} {
			w.call(t, method, target, body, bearer(jwt)...).refused(t, 400, "REQ0001", message)
			if t.Failed() {
				t.Fatalf("%s %.60s", request, body)
			}
		}
	}
	for request, message := range map[string]string{
		`/social/auths {"publisherId":"100000001","provider":5}`:                                   "Invalid param provider",
		`/social/auths {"publisherId":"100000001","token":{}}`:                                     "Invalid param token",
		`/social/auths {"publisherId":[],"token":"x"}`:                                             "Invalid param publisherId",
		`/social/join {"publisherId":"100000001","joinToken":5}`:                                   "Invalid param joinToken",
		`/social/join {"publisherId":"100000001","consents":{}}`:                                   "Invalid param consents",
		`/social/join {"publisherId":"100000001","consents":[{"name":5}]}`:                         "Invalid param name",
		`/social/join {"joinToken":"x"}`:                                                           "Empty param offerId or publisherId",
		`/social/join/proof {"publisherId":"100000001","joinToken":"x","code":123456}`:             "Invalid param code",
		`/social/tokens {"publisherId":"100000001","code":"x","codeVerifier":[],"redirectUri":""}`: "Invalid param codeVerifier",
	} {
		target, body, _ := strings.Cut(request, " ")
		w.call(t, "POST", target, body).refused(t, 400, "REQ0001", message)
	}
}

// Only what the endpoints know has an effect.
func TestSocialSignInKnowsNoMassAssignment(t *testing.T) {
	w := newAbroad(t)
	more := map[string]any{
		"externalId": "crm-1", "firstName": "Eve", "country": "XX", "emailVerified": true, "customerId": 512345678, "id": "512345678", "subject": "1001",
		"issuer": "https://accounts.google.com", "email": "eve@example.com", "Trusted": true, "disabled": true, "person": map[string]any{"Subject": "1003"},
	}
	body := func(text string) string {
		return strings.TrimSuffix(text, "}") + "," + strings.TrimPrefix(document(more), "{")
	}
	j := w.call(t, "POST", "/social/auths", body(native(ours, "google", w.google(web, anna)))).lacks(t, "consents")
	delete(more, "email") // which is one that may be told
	_, c := w.enters(t, w.call(t, "POST", "/social/join", body(telling(j.JoinToken, map[string]any{"consents": agreed}))))
	if c.Email != anna.Email || c.FirstName != "Anna" || c.ExternalID != "" || c.Country == "XX" || c.ID == 512345678 {
		t.Errorf("made %+v", c)
	}
}
