// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
)

func TestParallelRefreshesHaveOneSuccessor(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "refreshes")
	body := `{"refreshToken":"` + viewer.RefreshToken + `"}`
	answers := make(chan tokens, 20)
	var crowd sync.WaitGroup
	client := s.client()
	for range cap(answers) {
		crowd.Go(func() {
			var in struct{ ResponseData tokens }
			res, err := client.Post(s.hub+"/auths/refresh_token", "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			if err := json.Unmarshal(b, &in); err != nil || res.StatusCode != 200 {
				t.Errorf("status %d: %s", res.StatusCode, b)
				return
			}
			answers <- in.ResponseData
		})
	}
	crowd.Wait()
	close(answers)
	successors := map[string]bool{}
	for a := range answers {
		successors[a.RefreshToken] = true
		s.visitor(t).fetch(s.newsURL+"/account", bearer(a.JWT)).says(t, 200)
	}
	if len(successors) != 1 {
		t.Fatalf("20 refreshes with one token have %d successors, want 1", len(successors))
	}
	for token := range successors {
		if token == viewer.RefreshToken {
			t.Error("the successor is the token itself")
		}
		granted(t, s.refresh(t, token))
	}
}

func TestOldRefreshTokenEndsTheSessionEverywhere(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "thief")
	elsewhere := s.login(t, viewer.email)
	first := viewer.tokens
	second := granted(t, s.refresh(t, first.RefreshToken))
	if again := granted(t, s.refresh(t, first.RefreshToken)); again.RefreshToken != second.RefreshToken {
		t.Error("the same token again, at once, has another successor")
	}
	third := granted(t, s.refresh(t, second.RefreshToken))
	for _, jwt := range []string{first.JWT, second.JWT, third.JWT} {
		s.visitor(t).fetch(s.newsURL+"/account", bearer(jwt)).says(t, 200)
	}

	checkRefusal(t, s.refresh(t, first.RefreshToken).says(t, 401), "AUTH0003")
	for what, jwt := range map[string]string{"first": first.JWT, "second": second.JWT, "third": third.JWT} {
		for _, site := range []string{s.newsURL, s.sportsURL} {
			if a := s.visitor(t).fetch(site+"/account", bearer(jwt)); a.status != 401 {
				t.Errorf("the %s token is let in at %s: status %d", what, site, a.status)
			}
		}
		a := s.visitor(t).send("GET", s.hub+"/customers/"+viewer.id, "", bearer(jwt))
		if a.status != 401 {
			t.Errorf("the %s token is let in at the API: status %d", what, a.status)
		}
	}
	for _, token := range []string{first.RefreshToken, second.RefreshToken, third.RefreshToken} {
		a := s.refresh(t, token).says(t, 401)
		checkRefusal(t, a, "AUTH0003")
		if !strings.Contains(a.body, "Refresh token is expired or does not exist") {
			t.Errorf("clients do not know %s", a.body)
		}
	}
	s.visitor(t).fetch(s.newsURL+"/account", bearer(elsewhere.JWT)).says(t, 200)
	granted(t, s.refresh(t, elsewhere.RefreshToken))
	s.awaitLetter(t, viewer.email, "One of your devices was signed out", 1)
}

func TestMadeUpRefreshTokensEndNoSession(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "guessed")
	token := viewer.RefreshToken
	parts := strings.Split(token, ".")
	made := []string{
		"x", "...", strings.Repeat("a", 64), token + "x", token[:len(token)-1], strings.ToUpper(token), " " + token, token + " ", token + "=",
		strings.Repeat("a", 1<<15), viewer.JWT, parts[0], parts[0] + ".0", parts[0] + ".0.guess.guess", strings.Join(parts[:len(parts)-1], "."),
	}
	for i := range parts {
		other := append([]string(nil), parts...)
		other[i] = strings.Repeat("A", len(other[i]))
		made = append(made, strings.Join(other, "."))
	}
	for _, token := range made {
		if a := s.refresh(t, token); a.status != 401 {
			t.Errorf("the token %.40q: status %d\n%s", token, a.status, a.body)
		}
	}
	checkRefusal(t, s.post(t, "/auths/refresh_token", "{}").says(t, 400), "REQ0001")
	checkRefusal(t, s.post(t, "/auths/refresh_token", `{"refreshToken":""}`).says(t, 400), "REQ0001")
	s.visitor(t).fetch(s.newsURL+"/account", bearer(viewer.JWT)).says(t, 200)
	granted(t, s.refresh(t, token))
}
