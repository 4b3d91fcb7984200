// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/mediastore"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/socialtest"
)

// formPost posts as Facebook does.
func (w *world) formPost(body string, headers ...string) *httptest.ResponseRecorder {
	return w.ask("POST", "/login/facebook/deletion", body, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// wish is what Facebook says of somebody who wants to be forgotten.
func (w *abroad) wish(app string, who socialtest.Person) string {
	return socialtest.SignedRequest("secret of "+app, map[string]any{
		"user_id": who.Subject, "algorithm": "HMAC-SHA256", "issued_at": w.clock.Now().Unix(),
	})
}

func TestFacebookDeletesWhoHasNoOtherWay(t *testing.T) {
	w := newAbroad(t)
	jwt, only := w.enters(t, w.call(t, "POST", "/social/auths", native(bare, "facebook", w.FacebookToken(webBare, anna))))
	password, _, both := w.mustRegister(t, ours, "anna@example.com")
	w.call(t, "POST", "/customers/"+both+"/identities", linking("facebook", w.FacebookToken(web, anna), ""), bearer(password)...).listed(t)

	recorder := w.formPost(url.Values{"signed_request": {w.wish(webBare, anna)}}.Encode())
	var told map[string]string
	must(t, json.Unmarshal(recorder.Body.Bytes(), &told))
	code := told["confirmation_code"]
	if recorder.Code != http.StatusOK || len(told) != 2 || code == "" || told["url"] != "https://id.example.com/deletion/"+code || url.PathEscape(code) != code {
		t.Fatalf("%d %s", recorder.Code, recorder.Body)
	}
	if got := recorder.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	w.call(t, "GET", "/customers/"+strconv.FormatInt(only.ID, 10), "", bearer(jwt)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	if c := w.mustRead(t, strconv.FormatInt(only.ID, 10)); c.Erased.IsZero() || c.Email != "" {
		t.Errorf("kept %+v", c)
	}
	if d, err := w.service.Deletion(t.Context(), code); err != nil || d.Accounts != 1 || d.Links != 0 {
		t.Errorf("told %+v, %v", d, err)
	}
	// It was about the other publisher's app.
	if ids := w.call(t, "GET", "/customers/"+both+"/identities", "", bearer(password)...).listed(t); ids["facebook"] == "" {
		t.Errorf("left %v", ids)
	}

	recorder = w.formPost(url.Values{"signed_request": {w.wish(web, anna)}}.Encode())
	must(t, json.Unmarshal(recorder.Body.Bytes(), &told))
	if d, err := w.service.Deletion(t.Context(), told["confirmation_code"]); err != nil || d.Accounts != 0 || d.Links != 1 {
		t.Errorf("told %+v, %v", d, err)
	}
	if got := w.call(t, "POST", "/auths", login("anna@example.com", "correct horse 9")); got.status != http.StatusOK {
		t.Errorf("who has a password is %s", got.body)
	}
	w.call(t, "POST", "/social/auths", native(ours, "facebook", w.FacebookToken(web, anna))).lacks(t, "consents")
}

func TestWishesThatFacebookHasNotSignedAreRefused(t *testing.T) {
	w := newAbroad(t)
	_, c := w.enters(t, w.call(t, "POST", "/social/auths", native(bare, "facebook", w.FacebookToken(webBare, anna))))
	good := w.wish(webBare, anna)
	signature, payload, _ := strings.Cut(good, ".")
	says := func(claims map[string]any) string { return socialtest.SignedRequest("secret of "+webBare, claims) }
	for name, form := range map[string]string{
		"signed by another secret":   "signed_request=" + socialtest.SignedRequest("another secret", map[string]any{"user_id": anna.Subject, "algorithm": "HMAC-SHA256"}),
		"signed by no secret":        "signed_request=" + socialtest.SignedRequest("", map[string]any{"user_id": anna.Subject, "algorithm": "HMAC-SHA256"}),
		"another payload":            "signed_request=" + signature + "." + payload[1:],
		"no signature":               "signed_request=." + payload,
		"no payload":                 "signed_request=" + signature + ".",
		"no dot":                     "signed_request=" + signature + payload,
		"another algorithm":          "signed_request=" + says(map[string]any{"user_id": anna.Subject, "algorithm": "none"}),
		"nobody":                     "signed_request=" + says(map[string]any{"algorithm": "HMAC-SHA256"}),
		"empty":                      "signed_request=",
		"nothing":                    "",
		"another field":              "request=" + good,
		"twice":                      "signed_request=" + good + "&signed_request=" + good,
		"in the query alone":         "",
		"a form that is none":        "%zz",
		"a form that does not end":   "signed_request=" + good + "&x=" + strings.Repeat("x", 16<<10),
		"a number where the text is": "signed_request=5",
	} {
		t.Run(name, func(t *testing.T) {
			recorder := w.formPost(form)
			if recorder.Code != http.StatusBadRequest || recorder.Body.String() != `{"code":"REQ0001","errors":["Invalid param signed_request"]}` {
				t.Errorf("%d %s", recorder.Code, recorder.Body)
			}
		})
	}
	for _, kind := range []string{"application/json", "multipart/form-data; boundary=x", "text/plain"} {
		recorder := w.ask("POST", "/login/facebook/deletion", "signed_request="+good, "Content-Type", kind)
		if recorder.Code != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", kind, recorder.Code, recorder.Body)
		}
	}
	if recorder := w.ask("POST", "/login/facebook/deletion?signed_request="+good, "", "Content-Type", "application/x-www-form-urlencoded"); recorder.Code != http.StatusBadRequest {
		t.Errorf("in the query: %d", recorder.Code)
	}
	if recorder := newWorld(t).formPost("signed_request=" + good); recorder.Code != http.StatusBadRequest {
		t.Errorf("without providers: %d", recorder.Code)
	}
	if kept := w.mustRead(t, strconv.FormatInt(c.ID, 10)); !kept.Erased.IsZero() {
		t.Error("the customer was erased")
	}
}

func TestSitesDoNotHaveTheCallbacks(t *testing.T) {
	mux := http.NewServeMux()
	mediastore.New(mediastore.Config{Directory: new(publisher.Directory)}).Mount(mux)
	if _, pattern := mux.Handler(httptest.NewRequest("POST", "/login/facebook/deletion", nil)); pattern != "" {
		t.Errorf("a site has %q", pattern)
	}
}
