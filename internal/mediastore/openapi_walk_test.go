// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/mediastore"
	"github.com/usher-sso/usher/internal/mediastore/openapitest"
	"github.com/usher-sso/usher/internal/session"
)

// Every described status of every operation is brought about on a running
// server, and every answer is held to the description.
func TestAnswersAreAsDescribed(t *testing.T) {
	d := mustDescription(t)
	recorder := d.Record(http.DefaultTransport)
	s := serve(t, recorder, customer.NewHasher(0, 0), "ES256", withProviders)
	for _, walk := range []func(*served){
		walkPublisher, walkRegister, walkLogin, walkRefresh, walkPasswords, walkProfile, walkConsents, walkCapture,
		walkCustomerCalls, walkTrusted, walkSocialLogin, walkSocialJoin, walkSocialTokens, walkIdentities, walkDeletion, walkLogoutEverywhere, walkErase, walkMachines, walkOtherTypes, walkInstead, walkFailures, walkLimits,
		walkSocialLimits,
	} {
		walk(s)
	}
	for _, algorithm := range []string{"EdDSA", "RS256"} {
		walkMachines(serve(t, recorder, customer.NewHasher(0, 0), algorithm))
	}
	walkBusy(serve(t, recorder, customer.NewHasher(1, 1), "ES256"))
	walkNoProviders(serve(t, recorder, customer.NewHasher(0, 0), "ES256"))

	operations, seen := d.Operations(), recorder.Seen()
	for _, operation := range slices.Sorted(maps.Keys(operations)) {
		for _, status := range operations[operation] {
			n := seen[openapitest.Sight{Operation: operation, Status: status}]
			t.Logf("%-44s %d, %d times", operation, status, n)
			if n == 0 {
				t.Errorf("%s: status %d is described and never answered", operation, status)
			}
		}
	}
}

func walkPublisher(s *served) {
	s.want(200, "", "GET /locales", "")
	s.want(200, "", "GET /locales", "", "Accept-Language", "de-AT,en;q=0.5")
	s.want(200, "", "GET /locales?customerIP=8.8.8.8", "")
	s.want(200, "", "GET /locales?customerIP=2001:4860:4860::8888", "")
	s.malformed(400, "REQ0002", "GET /locales?customerIP=x", "")
	if n := len(s.want(200, "", "GET /publishers/100000001/consents", "").Data["consents"].([]any)); n != 2 {
		s.t.Errorf("%d consents, want 2", n)
	}
	s.want(200, "", "GET /publishers/100000003/consents", "")
	s.malformed(400, "REQ0003", "GET /publishers/x/consents", "")
	s.want(400, "REQ0003", "GET /publishers/100000009/consents", "")
}

func walkRegister(s *served) {
	s.want(200, "", "POST /customers", registration(map[string]any{
		"email": "rita@example.com", "publisherId": nil, "offerId": "S100000001_US", "firstName": "Rita", "lastName": "Łącka",
		"externalId": "crm-1", "externalData": map[string]any{"a": []int{1}}, "customerIP": "192.0.2.9", "captchaValue": "", "x": 1,
	}))
	s.want(200, "", "POST /customers", registration(map[string]any{
		"email": "ruth@example.com", "publisherId": ours, "externalData": `{"a":1}`, "locale": nil, "country": nil, "currency": nil,
	}))
	for _, change := range []map[string]any{
		{"email": nil}, {"email": "rita"}, {"password": nil}, {"password": "short1"}, {"password": "onlyletters"}, {"password": strings.Repeat("ab!", 43)},
		{"publisherId": nil}, {"publisherId": true}, {"firstName": strings.Repeat("x", 51)}, {"lastName": 5}, {"country": "USA"}, {"currency": "€"},
		{"locale": "<b>"}, {"externalId": strings.Repeat("x", 257)}, {"externalData": []int{1}}, {"customerIP": "x"},
	} {
		s.malformed(400, "REQ0001", "POST /customers", registration(change))
	}
	s.want(400, "REQ0001", "POST /customers", registration(map[string]any{"password": "password!"}))
	s.malformed(400, "REQ0001", "POST /customers", registration(map[string]any{"email": "rita@example..com"}))
	s.want(400, "PWD0001", "POST /customers", registration(map[string]any{"password": "password1"}))
	s.malformed(400, "PWD0001", "POST /customers", registration(map[string]any{"password": "73915824"}))
	s.malformed(400, "PWD0001", "POST /customers", registration(map[string]any{"password": strings.Repeat("ab1", 43)}))
	s.malformed(400, "REQ0001", "POST /customers", `[]`)
	s.malformed(400, "REQ0001", "POST /customers", `{`)
	s.want(422, "USER0002", "POST /customers", registration(map[string]any{"email": "RITA@example.com"}))
	s.want(422, "REQ0001", "POST /customers", registration(map[string]any{"email": "rosa@example.com", "externalId": "crm-1"}))
	s.want(422, "REQ0100", "POST /customers", registration(map[string]any{"publisherId": "100000009"}))
	s.malformed(422, "REQ0100", "POST /customers", registration(map[string]any{"publisherId": "x"}))
}

func walkLogin(s *served) {
	s.join("lena@example.com")
	s.want(200, "", "POST /auths", login("lena@example.com", password))
	s.want(200, "", "POST /auths", `{"email":"LENA@example.com","password":"`+password+`","offerId":"S100000001_US","customerIP":""}`)
	s.want(200, "", "POST /auths", `{"email":"lena@example.com","password":"`+password+`","publisherId":100000001,"customerIP":"2001:db8::1"}`)
	s.malformed(400, "REQ0001", "POST /auths", `{"email":"lena@example.com","password":"x","publisherId":100000001,"customerIP":"x"}`)
	s.malformed(400, "REQ0001", "POST /auths", login("lena", password))
	s.malformed(400, "REQ0001", "POST /auths", login("lena@example.com", ""))
	s.malformed(400, "REQ0001", "POST /auths", `{"email":"lena@example.com","password":"x"}`)
	s.want(401, "USER0001", "POST /auths", login("lena@example.com", "wrong horse 9"))
	s.want(401, "USER0001", "POST /auths", login("nobody@example.com", password))
	s.want(422, "REQ0100", "POST /auths", `{"email":"lena@example.com","password":"x","publisherId":"100000009"}`)
}

func walkRefresh(s *served) {
	told, _, _ := s.join("rene@example.com")
	next := s.want(200, "", "POST /auths/refresh_token", refresh(told.text("refreshToken")))
	s.want(200, "", "POST /auths/refresh_token", refresh(next.text("refreshToken")))
	s.want(401, "AUTH0003", "POST /auths/refresh_token", refresh(told.text("refreshToken")))
	s.want(401, "AUTH0003", "POST /auths/refresh_token", refresh("undefined"))
	s.malformed(400, "REQ0001", "POST /auths/refresh_token", `{}`)
	s.malformed(400, "REQ0001", "POST /auths/refresh_token", `{"refreshToken":5}`)
}

func walkPasswords(s *served) {
	const ask, set = "PUT /customers/passwords", "PATCH /customers/passwords"
	_, id, _ := s.join("paul@example.com")
	s.want(200, "", ask, `{"customerEmail":"nobody@example.com","offerId":"S100000001_US"}`)
	s.want(200, "", ask, `{"customerEmail":"nobody@example.com","publisherId":100000001,"resetUrl":"https://news.example.com/?u=edit-password"}`)
	s.want(404, "USER0004", ask, `{"customerEmail":"nobody@example.com","publisherId":"100000003"}`)
	s.malformed(400, "REQ0001", ask, `{"customerEmail":"paul","publisherId":"100000001"}`)
	s.malformed(400, "REQ0001", ask, `{"customerEmail":"paul@example.com"}`)
	s.malformed(400, "REQ0001", ask, `{"customerEmail":"paul@example.com","publisherId":"100000001","resetUrl":"javascript:alert(1)"}`)
	s.want(400, "REQ0001", ask, `{"customerEmail":"paul@example.com","publisherId":"100000001","resetUrl":"https://evil.example/"}`)
	s.want(422, "REQ0100", ask, `{"customerEmail":"paul@example.com","publisherId":"100000009"}`)

	change := func(changed map[string]any) string {
		members := map[string]any{"publisherId": "100000001", "customerId": id, "resetPasswordToken": "x", "newPassword": "another horse 9", "newPasswordConfirmation": ""}
		maps.Copy(members, changed)
		maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
		return document(members)
	}
	secret := s.resetToken("paul@example.com")
	s.malformed(400, "REQ0001", set, change(map[string]any{"resetPasswordToken": secret, "newPassword": "short1"}))
	s.malformed(400, "REQ0001", set, change(map[string]any{"resetPasswordToken": secret, "publisherId": nil}))
	s.malformed(400, "REQ0001", set, change(map[string]any{"resetPasswordToken": secret, "customerId": nil}))
	s.want(422, "REQ0001", set, change(nil))
	s.want(422, "REQ0100", set, change(map[string]any{"publisherId": "100000009"}))
	s.want(200, "", set, change(map[string]any{"resetPasswordToken": secret, "customerId": nil, "customerEmail": "paul@example.com"}))
	s.want(422, "REQ0001", set, change(map[string]any{"resetPasswordToken": secret}))
	number, err := strconv.Atoi(id)
	must(s.t, err)
	s.want(200, "", set, change(map[string]any{"resetPasswordToken": s.resetToken("paul@example.com"), "customerId": number}))
}

func walkProfile(s *served) {
	s.join("pia@example.com")
	_, id, bearer := s.join("petra@example.com")
	path := "PATCH /customers/" + id
	for _, body := range []string{
		`{"firstName":"Petra","lastName":"","email":"petra@example.com","confirmationPassword":"","id":"` + id + `"}`,
		`{"firstName":null,"country":"at","locale":"de_AT","externalData":{"a":{"b":[1,"x",null]}}}`,
		`{"externalData":"{\"a\":1}"}`,
		`{"email":"petra.new@example.com","confirmationPassword":"` + password + `"}`,
	} {
		s.want(200, "", path, body, bearer...)
		s.want(200, "", "GET /customers/"+id, "", bearer...)
	}
	for _, body := range []string{`[]`, `{"email":"petra"}`, `{"firstName":"` + strings.Repeat("x", 51) + `"}`, `{"country":"USA"}`, `{"externalData":[]}`} {
		s.malformed(400, "REQ0001", path, body, bearer...)
	}
	s.want(422, "REQ0001", path, `{"email":"petra@example.com","confirmationPassword":"wrong horse 9"}`, bearer...)
	s.want(422, "USER0002", path, `{"email":"pia@example.com","confirmationPassword":"`+password+`"}`, bearer...)
}

func walkConsents(s *served) {
	_, id, bearer := s.join("cora@example.com")
	path := "/customers/" + id + "/consents"
	s.want(200, "", "GET "+path, "", bearer...)
	s.want(200, "", "PUT "+path, `{"id":"`+id+`","consents":[{"name":"terms","version":"2","state":"accepted","value":true},{"name":"marketing","version":"1","state":"declined"}]}`, bearer...)
	s.want(200, "", "GET "+path, "", bearer...)
	s.malformed(400, "REQ0001", "PUT "+path, `{}`, bearer...)
	s.malformed(400, "REQ0001", "PUT "+path, `{"consents":{}}`, bearer...)
	s.want(422, "REQ0001", "PUT "+path, `{"consents":[{"name":"newsletter","version":"1","state":"accepted"}]}`, bearer...)
	s.want(422, "REQ0001", "PUT "+path, `{"consents":[{"name":"terms","version":"1","state":"accepted"}]}`, bearer...)
	s.malformed(422, "REQ0001", "PUT "+path, `{"consents":[{"name":"terms","version":"2","state":"maybe"}]}`, bearer...)
}

func walkCapture(s *served) {
	_, id, bearer := s.join("cleo@example.com")
	path := "/customers/" + id + "/capture"
	s.want(200, "", "GET "+path+"/status", "", bearer...)
	s.want(200, "", "PUT "+path, `{"firstName":"Cleo","lastName":"Doe","address":"1 Main St","address2":null,"city":"Graz","state":"","postCode":"8010",
		"country":"AT","birthDate":"1990-05-17","companyName":null,"phoneNumber":null,"email":null,"customerId":"`+id+`",
		"customAnswers":[{"questionId":"custom_1","question":"How did you find us?","value":"Search"},{"questionId":"custom_2","value":null}]}`, bearer...)
	s.want(200, "", "GET "+path+"/status", "", bearer...)
	s.malformed(400, "REQ0001", "PUT "+path, `{"birthDate":"17.5.1990"}`, bearer...)
	s.malformed(400, "REQ0001", "PUT "+path, `{"firstName":5}`, bearer...)
	s.want(400, "REQ0001", "PUT "+path, `{"birthDate":"1990-02-30"}`, bearer...)

	made := s.want(200, "", "POST /customers", registration(map[string]any{"publisherId": strconv.Itoa(bare)}))
	number, _ := made.Data["customerId"].(float64)
	s.want(200, "", "GET /customers/"+strconv.Itoa(int(number))+"/capture/status", "", "Authorization", "Bearer "+made.text("jwt"))
}

// customerCalls are the calls that a customer's own token allows.
func customerCalls(id string) map[string]string {
	return map[string]string{
		"GET /customers/" + id: "", "PATCH /customers/" + id: `{}`,
		"GET /customers/" + id + "/consents": "", "PUT /customers/" + id + "/consents": `{"consents":[]}`,
		"GET /customers/" + id + "/capture/status": "", "PUT /customers/" + id + "/capture": `{}`,
		"GET /customers/" + id + "/identities": "",
	}
}

func walkCustomerCalls(s *served) {
	_, id, bearer := s.join("kate@example.com")
	for request, body := range customerCalls(id) {
		s.want(200, "", request, body, bearer...)
		s.malformed(401, "AUTH0001", request, body)
		s.malformed(401, "AUTH0001", request, body, "Authorization", "")
		s.want(401, "AUTH0002", request, body, "Authorization", "Bearer undefined")
		s.malformed(400, "REQ0003", strings.Replace(request, id, "undefined", 1), body, bearer...)
		s.want(401, "AUTH0002", strings.Replace(request, id, "999999999", 1), body, bearer...)
		s.faulty.FailView(errDown)
		s.want(500, "S0001", request, body, bearer...)
	}
	s.clock.Add(session.TokenLife)
	for request, body := range customerCalls(id) {
		s.want(401, "AUTH0003", request, body, bearer...)
	}
}

func walkTrusted(s *served) {
	const path = "POST /sso/auths"
	proof := []string{"X-Publisher-Token", apiToken}
	s.want(200, "", path, `{"customerEmail":"tara@example.com","customerIP":"8.8.8.8"}`, proof...)
	told := s.want(200, "", path, `{"email":"tara@example.com"}`, proof...)
	s.want(200, "", "POST /auths/refresh_token", refresh(told.text("refreshToken")))
	s.malformed(400, "REQ0001", path, `{}`, proof...)
	s.malformed(400, "REQ0001", path, `{"email":"tara"}`, proof...)
	s.malformed(400, "REQ0001", path, `{"email":"tara@example.com","customerIP":"x"}`, proof...)
	s.malformed(401, "AUTH0002", path, `{"email":"tara@example.com"}`)
	s.want(401, "AUTH0002", path, `{"email":"tara@example.com"}`, "X-Publisher-Token", "x")
	s.want(200, "", path, `{"email":"tara.new@example.com","externalId":"crm-tara"}`, proof...)
	s.malformed(400, "REQ0001", path, `{"email":"tara@example.com","externalId":"`+strings.Repeat("x", 257)+`"}`, proof...)

	_, id, _ := s.join("tess@example.com")
	n, err := strconv.ParseInt(id, 10, 64)
	must(s.t, err)
	_, err = s.store.DisableCustomer(context.Background(), n, session.TokenLife)
	must(s.t, err)
	s.want(401, "USER0001", path, `{"email":"tess@example.com"}`, proof...)
}

func walkLogoutEverywhere(s *served) {
	const path = "DELETE /refresh_tokens"
	told, _, bearer := s.join("olga@example.com")
	s.malformed(401, "AUTH0001", path, "")
	s.want(400, "REQ0001", path, strings.Repeat(" ", 64<<10+1), bearer...)
	s.faulty.FailUpdate(errDown)
	s.want(500, "S0001", path, "", bearer...)
	s.want(200, "", path, "", bearer...)
	s.want(401, "AUTH0002", path, "", bearer...)
	s.want(401, "AUTH0003", "POST /auths/refresh_token", refresh(told.text("refreshToken")))
}

func walkErase(s *served) {
	proof := []string{"X-Publisher-Token", apiToken}
	_, id, bearer := s.join("erna@example.com")
	path := "DELETE /3.1/customers/" + id
	s.malformed(401, "AUTH0002", path, "")
	s.malformed(400, "REQ0003", "DELETE /3.1/customers/x", "", proof...)
	s.want(400, "REQ0001", path, strings.Repeat(" ", 64<<10+1), proof...)
	s.want(404, "USER0004", "DELETE /3.1/customers/999999999", "", proof...)
	s.faulty.FailView(errDown)
	s.want(500, "S0001", path, "", proof...)
	s.want(200, "", path, "", proof...)
	s.want(401, "AUTH0002", "GET /customers/"+id, "", bearer...)
	s.want(404, "USER0004", path, "", proof...)
}

func walkMachines(s *served) {
	s.want(200, "", "GET /.well-known/jwks.json", "")
	s.want(200, "", "GET /openapi.json", "")
}

// everyRequest returns a request for every operation.
func everyRequest(t *testing.T) []string {
	t.Helper()
	var requests []string
	for operation := range mustDescription(t).Operations() {
		requests = append(requests, strings.NewReplacer("{customerId}", "512345678", "{publisherId}", "100000001", "{identityId}", "x").Replace(operation))
	}
	return requests
}

func walkOtherTypes(s *served) {
	for _, request := range everyRequest(s.t) {
		switch method, _, _ := strings.Cut(request, " "); method {
		case "GET":
		case "DELETE":
			s.want(415, "REQ0415", request, `{}`, "Content-Type", "text/plain")
		default:
			s.malformed(415, "REQ0415", request, `{}`, "Content-Type", "text/plain")
		}
	}
}

func walkInstead(s *served) {
	defer s.instead.Store(nil)
	unavailable := func(w http.ResponseWriter, r *http.Request) { mediastore.Unavailable(w, r, time.Second) }
	misdirected := mediastore.Misdirected
	for _, request := range everyRequest(s.t) {
		s.instead.Store(&unavailable)
		s.want(503, "S0003", request, "")
		s.instead.Store(&misdirected)
		s.want(421, "REQ0421", request, "")
	}
}

func walkFailures(s *served) {
	told, _, _ := s.join("fay@example.com")
	s.faulty.FailUpdate(errDown)
	s.want(500, "S0001", "POST /customers", registration(map[string]any{"email": "finn@example.com"}))
	s.faulty.FailUpdate(errDown)
	s.want(500, "S0001", "POST /auths/refresh_token", refresh(told.text("refreshToken")))
	for request, body := range map[string]string{
		"POST /auths":                login("fay@example.com", password),
		"PUT /customers/passwords":   `{"customerEmail":"fay@example.com","publisherId":"100000001"}`,
		"PATCH /customers/passwords": `{"customerEmail":"fay@example.com","publisherId":"100000001","resetPasswordToken":"x","newPassword":"another horse 9"}`,
	} {
		s.faulty.FailView(errDown)
		s.want(500, "S0001", request, body)
	}
	s.faulty.FailView(errDown)
	s.want(500, "S0001", "POST /sso/auths", `{"email":"fay@example.com"}`, "X-Publisher-Token", apiToken)
}

func walkLimits(s *served) {
	_, id, bearer := s.join("lisa@example.com")
	for range 10 {
		s.want(401, "USER0001", "POST /auths", login("lisa@example.com", "wrong horse 9"))
	}
	s.want(429, "REQ0429", "POST /auths", login("lisa@example.com", password))
	s.want(429, "REQ0429", "PATCH /customers/"+id, `{"email":"lisa.new@example.com","confirmationPassword":"`+password+`"}`, bearer...)
	nobody := func(int) string { return `{"customerEmail":"nobody@example.com","publisherId":"100000001"}` }
	s.bursts(429, 20, "PUT /customers/passwords", nobody)
}

// walkBusy is for a server that has room for two passwords at once.
func walkBusy(s *served) {
	_, id, bearer := s.join("bea@example.com")
	s.bursts(503, 16, "POST /auths", func(i int) string { return login("b"+strconv.Itoa(i)+"@example.com", password) })
	wrong := `{"email":"bea.new@example.com","confirmationPassword":"wrong horse 9"}`
	s.bursts(503, 8, "PATCH /customers/"+id, func(int) string { return wrong }, bearer...)
	reset := map[string]any{"customerId": id, "publisherId": "100000001", "resetPasswordToken": s.resetToken("bea@example.com"), "newPassword": "another horse 9"}
	s.bursts(503, 16, "PATCH /customers/passwords", func(int) string { return document(reset) })
	newcomer := func(i int) string {
		return registration(map[string]any{"email": "n" + strconv.Itoa(i) + "@example.com"})
	}
	s.bursts(503, 16, "POST /customers", newcomer)
	s.bursts(429, 60, "POST /customers", func(i int) string { return newcomer(1000 + i) })
}
