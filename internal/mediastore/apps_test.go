// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"net/url"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
)

// granted leads a customer's browser back to an app and returns the code that it brings.
func (w *abroad) granted(t testing.TB, c authstore.Customer, r social.AppRequest) string {
	t.Helper()
	p, ok := w.directory.ByID(c.PublisherID)
	if !ok {
		t.Fatal("no such publisher")
	}
	h, _, err := w.sessions.Start(t.Context(), c, "", session.Device{IP: client}, session.AtHub, "")
	must(t, err)
	back, err := w.service.GrantApp(t.Context(), p, h, r)
	must(t, err)
	u, err := url.Parse(back)
	must(t, err)
	if u.Query().Get("state") != r.State || u.Query().Get("code") == "" {
		t.Fatalf("led to %s", back)
	}
	return u.Query().Get("code")
}

// redeeming is the body that exchanges an app's code.
func redeeming(publisherID int64, code, verifier, redirect string) string {
	return document(map[string]any{"publisherId": strconv.FormatInt(publisherID, 10), "code": code, "codeVerifier": verifier, "redirectUri": redirect})
}

func TestTheCodeOfABrowsersJourneyIsExchangedOnceByWhoBeganIt(t *testing.T) {
	w := newAbroad(t)
	_, c := w.mustJoin(t, anna)
	verifier := oauth2.GenerateVerifier()
	request := social.AppRequest{Redirect: appRedirect, State: "a state", Challenge: oauth2.S256ChallengeFromVerifier(verifier)}
	exchange := func(body string) answer { return w.call(t, "POST", "/social/tokens", body) }
	const refusal = "code is not valid or has expired"
	for name, body := range map[string]func(code string) string{
		"another verifier":  func(code string) string { return redeeming(ours, code, oauth2.GenerateVerifier(), appRedirect) },
		"no verifier":       func(code string) string { return redeeming(ours, code, "", appRedirect) },
		"the challenge":     func(code string) string { return redeeming(ours, code, request.Challenge, appRedirect) },
		"another redirect":  func(code string) string { return redeeming(ours, code, verifier, appRedirect+"/") },
		"no redirect":       func(code string) string { return redeeming(ours, code, verifier, "") },
		"another publisher": func(code string) string { return redeeming(bare, code, verifier, appRedirect) },
		"an invented code":  func(string) string { return redeeming(ours, "invented", verifier, appRedirect) },
		"no code":           func(string) string { return redeeming(ours, "", verifier, appRedirect) },
	} {
		exchange(body(w.granted(t, c, request))).refused(t, 422, "SOC0005", refusal)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	good := redeeming(ours, w.granted(t, c, request), verifier, appRedirect)
	if _, in := w.enters(t, exchange(good)); in.ID != c.ID {
		t.Errorf("the app is %d, want %d", in.ID, c.ID)
	}
	exchange(good).refused(t, 422, "SOC0005", refusal)

	late := redeeming(ours, w.granted(t, c, request), verifier, appRedirect)
	w.clock.Add(social.AppCodeLife)
	exchange(late).refused(t, 422, "SOC0005", refusal)

	once := redeeming(ours, w.granted(t, c, request), verifier, appRedirect)
	var all sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		all.Go(func() { statuses[i] = w.ask("POST", "/social/tokens", once).Code })
	}
	all.Wait()
	in := 0
	for _, status := range statuses {
		if status == 200 {
			in++
		}
	}
	if in != 1 {
		t.Errorf("statuses %v, want one to be in", statuses)
	}
}

func TestACodeForADisabledCustomerIsWorthNothing(t *testing.T) {
	w := newAbroad(t)
	_, c := w.mustJoin(t, anna)
	verifier := oauth2.GenerateVerifier()
	code := w.granted(t, c, social.AppRequest{Redirect: appRedirect, State: "s", Challenge: oauth2.S256ChallengeFromVerifier(verifier)})
	w.mustDisable(t, strconv.FormatInt(c.ID, 10))
	a := w.call(t, "POST", "/social/tokens", redeeming(ours, code, verifier, appRedirect))
	if a.code != "SOC0005" && a.code != "SOC0006" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
