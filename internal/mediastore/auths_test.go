// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/session"
)

var errDown = errors.New("disk is gone")

func login(email, pass string) string {
	return document(map[string]any{"email": email, "password": pass, "publisherId": "100000001"})
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	_, _, id := w.mustRegister(t, ours, "anna@example.com")
	w.clock.Add(24 * time.Hour)
	for _, body := range []string{ // the last one names no address
		login("anna@example.com", password), login("ANNA@EXAMPLE.com", password),
		`{"email":"anna@example.com","password":"` + password + `","publisherId":100000001,"customerIP":"192.0.2.99"}`,
		`{"email":"anna@example.com","password":"` + password + `","offerId":"S100000001_US"}`,
	} {
		a := w.call(t, "POST", "/auths", body)
		if a.status != http.StatusOK || len(a.data) != 4 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if got, _ := a.data["customerId"].(float64); strconv.Itoa(int(got)) != id {
			t.Errorf("customer %v, want %s", a.data["customerId"], id)
		}
		claims, err := w.keys.VerifyForPublisher(a.text(t, "jwt"))
		if err != nil || strings.Contains(body, "offerId") != (claims.OfferID == "S100000001_US") {
			t.Errorf("claims %+v, %v", claims, err)
		}
	}
	if c := w.mustRead(t, id); !c.LastLogin.Equal(w.clock.Now()) || c.LastIP != client {
		t.Errorf("last login %v from %s", c.LastLogin, c.LastIP)
	}
	jwt := w.call(t, "POST", "/auths", login("anna@example.com", password)).text(t, "jwt")
	read := w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...)
	if reg, last := read.text(t, "regDate"), read.text(t, "lastLoginDate"); reg != "2026-03-01 12:00:00" || last != "2026-03-02 12:00:00" {
		t.Errorf("registered %s, last login %s", reg, last)
	}
}

func TestLoginIsRefusedAlikeForEveryReason(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, ours, "anna@example.com")
	w.mustRegister(t, theirs, "bert@example.com")
	_, _, id := w.mustRegister(t, ours, "carl@example.com")
	w.mustDisable(t, id)
	var first answer
	for i, body := range []string{
		login("anna@example.com", "wrong horse 9"), // wrong password
		login("nobody@example.com", password),      // unknown address
		login("bert@example.com", password),        // another publisher's customer
		login("carl@example.com", password),        // disabled
		login("anna@example.com", password+" "),    // almost
		login("anna@example.com", strings.Repeat("x", 5000)),
	} {
		a := w.call(t, "POST", "/auths", body)
		a.refused(t, 401, "USER0001", "Wrong email or password")
		if i == 0 {
			first = a
		}
		if a.body != first.body || len(a.header) != len(first.header) {
			t.Errorf("answer %d differs: %s %v", i, a.body, a.header)
		}
	}
}

func TestLoginThatIsMalformed(t *testing.T) {
	w := newWorld(t)
	for body, want := range map[string]string{
		login("anna", password):             "Invalid param email",
		login("", password):                 "Invalid param email",
		login("anna@example.com", ""):       "Invalid param password",
		`{"email":"a@example.com"}`:         "Empty param offerId or publisherId",
		`{"email":5,"publisherId":"1"}`:     "Invalid param email",
		`{"password":[],"publisherId":"1"}`: "Invalid param password",
	} {
		w.call(t, "POST", "/auths", body).refused(t, 400, "REQ0001", want)
	}
	for _, body := range []string{
		`{"email":"a@example.com","password":"x","publisherId":"999999999"}`, `{"email":"a@example.com","password":"x","offerId":"S999999999_US"}`,
	} {
		w.call(t, "POST", "/auths", body).refused(t, 422, "REQ0100", "Offer or publisher not found")
	}
}

// The contract gives a tenth try to a forgetful owner; then all answers are
// alike for addresses that exist and that do not.
func TestTooManyLoginsAreToldToWait(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		w.call(t, "POST", "/auths", login("anna@example.com", "wrong horse 9")).refused(t, 401, "USER0001", "Wrong email or password")
	}
	a := w.call(t, "POST", "/auths", login("Anna@Example.com", password))
	a.refused(t, 429, "REQ0429", "Too many requests")
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || wait < 1 || wait > 90 {
		t.Fatalf("Retry-After %q, want seconds", a.header.Get("Retry-After"))
	}
	w.clock.Add(time.Duration(wait) * time.Second)
	if a := w.call(t, "POST", "/auths", login("anna@example.com", password)); a.status != http.StatusUnauthorized {
		t.Errorf("after the wait: %d", a.status)
	}
}

func TestBusyHasherIsToldAtOnce(t *testing.T) {
	w := newWorldWith(t, customer.NewHasher(1, 1))
	var all sync.WaitGroup
	var mu sync.Mutex
	seen := map[int]int{}
	for i := range 12 {
		all.Go(func() {
			r := httptest.NewRequest("POST", "/auths", strings.NewReader(login("a"+strconv.Itoa(i)+"@example.com", password)))
			recorder := httptest.NewRecorder()
			w.mux.ServeHTTP(recorder, r)
			mu.Lock()
			defer mu.Unlock()
			seen[recorder.Code]++
			readableAnywhere(t, recorder.Header())
			if recorder.Code == http.StatusServiceUnavailable {
				want := `{"code":"S0002","errors":["Service is busy, try again in a moment"]}`
				if recorder.Body.String() != want || recorder.Header().Get("Retry-After") != "2" {
					t.Errorf("%s, Retry-After %q", recorder.Body, recorder.Header().Get("Retry-After"))
				}
			}
		})
	}
	all.Wait()
	if seen[401] < 2 || seen[503] < 1 || seen[401]+seen[503] != 12 {
		t.Errorf("statuses %v, want some 401 and some 503", seen)
	}
}

func TestLoginWhileTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, ours, "anna@example.com")
	w.faulty.FailView(errDown)
	w.call(t, "POST", "/auths", login("anna@example.com", password)).refused(t, 500, "S0001", "Internal Server Error")
	w.faulty.FailUpdate(errDown)
	w.call(t, "POST", "/auths", login("anna@example.com", password)).refused(t, 500, "S0001", "Internal Server Error")
	if len(w.reported) != 2 || !errors.Is(w.reported[0], errDown) || !errors.Is(w.reported[1], errDown) {
		t.Errorf("reported %v", w.reported)
	}
}

func refresh(token string) string { return document(map[string]any{"refreshToken": token}) }

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	jwt, first, id := w.mustRegister(t, ours, "anna@example.com")
	w.clock.Add(session.TokenLife)
	w.call(t, "GET", "/customers/"+id, "", "Authorization", "Bearer "+jwt).refused(t, 401, "AUTH0003", "token expired")

	a := w.call(t, "POST", "/auths/refresh_token", refresh(first), "Authorization", "")
	if a.status != http.StatusOK || len(a.data) != 2 || a.text(t, "refreshToken") == first {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := w.call(t, "GET", "/customers/"+id, "", "Authorization", "Bearer "+a.text(t, "jwt")); a.status != http.StatusOK {
		t.Errorf("with the new token: %d %s", a.status, a.body)
	}
	// A lost answer, or a second tab.
	w.clock.Add(9 * time.Second)
	again := w.call(t, "POST", "/auths/refresh_token", refresh(first))
	if again.status != http.StatusOK || again.text(t, "refreshToken") != a.text(t, "refreshToken") {
		t.Errorf("within the grace: %d %s", again.status, again.body)
	}
}

func TestRefreshTokenThatIsReusedEndsItsSessionAndTellsTheOwner(t *testing.T) {
	w := newWorld(t)
	_, first, id := w.mustRegister(t, ours, "anna@example.com")
	a := w.call(t, "POST", "/auths/refresh_token", refresh(first))
	w.clock.Add(11 * time.Second)
	const gone = "Refresh token is expired or does not exist"
	w.call(t, "POST", "/auths/refresh_token", refresh(first)).refused(t, 401, "AUTH0003", gone)
	w.call(t, "POST", "/auths/refresh_token", refresh(a.text(t, "refreshToken"))).refused(t, 401, "AUTH0003", gone)
	w.call(t, "GET", "/customers/"+id, "", "Authorization", "Bearer "+a.text(t, "jwt")).refused(t, 401, "AUTH0002", "Invalid JWT token")
	if mails := w.mailed(t, notice.SessionEnded); len(mails) != 1 || mails[0].to != "anna@example.com" {
		t.Errorf("mails %+v", mails)
	}
}

func TestRefreshIsRefused(t *testing.T) {
	w := newWorld(t)
	jwt, token, _ := w.mustRegister(t, ours, "anna@example.com")
	for _, bad := range []string{"x", jwt, token + "x", token[:len(token)-1], strings.Repeat("x", 10_000), "a.b.c.d", strings.Replace(token, ".0.", ".1.", 1)} {
		w.call(t, "POST", "/auths/refresh_token", refresh(bad)).refused(t, 401, "AUTH0003", "Refresh token is expired or does not exist")
	}
	for _, body := range []string{`{}`, `{"refreshToken":""}`, `{"refreshToken":null}`, `{"refresh_token":"x"}`} {
		w.call(t, "POST", "/auths/refresh_token", body).refused(t, 400, "REQ0001", "Missing or invalid parameter: refreshToken")
	}
	if a := w.call(t, "POST", "/auths/refresh_token", refresh(token)); a.status != http.StatusOK {
		t.Errorf("the token itself afterwards: %d %s", a.status, a.body)
	}
	w.clock.Add(session.Idle)
	w.call(t, "POST", "/auths/refresh_token", refresh(token)).refused(t, 401, "AUTH0003", "Refresh token is expired or does not exist")
}

func TestRefreshOfADisabledCustomerIsRefused(t *testing.T) {
	w := newWorld(t)
	_, token, id := w.mustRegister(t, ours, "anna@example.com")
	w.mustDisable(t, id)
	w.call(t, "POST", "/auths/refresh_token", refresh(token)).refused(t, 401, "AUTH0003", "Refresh token is expired or does not exist")
}

func TestParallelRefreshesYieldOneSuccessor(t *testing.T) {
	w := newWorld(t)
	_, token, _ := w.mustRegister(t, ours, "anna@example.com")
	next := make(chan string, 20)
	var all sync.WaitGroup
	for range cap(next) {
		all.Go(func() {
			r := httptest.NewRequest("POST", "/auths/refresh_token", strings.NewReader(refresh(token)))
			recorder := httptest.NewRecorder()
			w.mux.ServeHTTP(recorder, r)
			_, rest, _ := strings.Cut(recorder.Body.String(), `"refreshToken":"`)
			successor, _, _ := strings.Cut(rest, `"`)
			next <- successor
		})
	}
	all.Wait()
	first := <-next
	for range cap(next) - 1 {
		if got := <-next; got != first || got == "" {
			t.Errorf("successors %q and %q", got, first)
		}
	}
}

func TestRefreshWhileTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	_, token, _ := w.mustRegister(t, ours, "anna@example.com")
	w.faulty.FailUpdate(errDown)
	w.call(t, "POST", "/auths/refresh_token", refresh(token)).refused(t, 500, "S0001", "Internal Server Error")
	if a := w.call(t, "POST", "/auths/refresh_token", refresh(token)); a.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}
