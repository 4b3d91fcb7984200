// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/social"
)

// signedRequest is one as Facebook makes it.
func signedRequest(sum func() hash.Hash, secret, content string) string {
	payload := base64.RawURLEncoding.EncodeToString([]byte(content))
	mac := hmac.New(sum, []byte(secret))
	mac.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + payload
}

func (w *world) deletionOf(user string) string {
	return signedRequest(sha256.New, "shared", fmt.Sprintf(`{"algorithm":"HMAC-SHA256","expires":0,"issued_at":%d,"user_id":%q}`, w.clock.Now().Unix(), user))
}

func (w *world) mustDelete(t *testing.T, signed string) (string, social.Deletion) {
	t.Helper()
	code, err := w.Delete(t.Context(), signed)
	if err != nil || len(code) != 32 || strings.Trim(code, "0123456789abcdef") != "" {
		t.Fatalf("code %s, %v", code, err)
	}
	d, err := w.Deletion(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	return code, d
}

// Two publishers have one app; a third has its own, and its user of that number is
// another person.
func TestDeletionErasesOrUnlinksAtEveryPublisherOfTheApp(t *testing.T) {
	for name, w := range map[string]*world{"memory": newWorld(t), "bolt": overBolt(t)} {
		only := w.mustEnter(t, nova, byFacebook("77", "ann@example.com"))
		token, _ := w.mustWait(t, orbit, byFacebook("77", "ann@example.com"))
		o, err := w.Complete(t.Context(), orbit, token, social.Completion{Answers: agreed}, atHome)
		if err != nil || o.Entry == nil {
			t.Fatalf("%+v, %v", o, err)
		}
		if err := w.Link(t.Context(), orbit, o.Entry.Customer, byGoogle("77", "")); err != nil {
			t.Fatal(err)
		}
		other := w.mustEnter(t, strict, byGoogle("1", "ann@example.com"))
		if err := w.Link(t.Context(), strict, other.Customer, byFacebook("77", "")); err != nil {
			t.Fatal(err)
		}
		w.mailed(t)
		signed := w.deletionOf("77")
		code, d := w.mustDelete(t, signed)
		if d.Accounts != 1 || d.Links != 1 || !d.Received.Equal(w.clock.Now()) {
			t.Errorf("%s: %+v", name, d)
		}
		if c, err := w.store.Customer(t.Context(), only.Customer.ID); err != nil || c.Erased.IsZero() || w.alive(only) {
			t.Errorf("%s: not erased: %+v, %v", name, c, err)
		}
		if c, err := w.store.Customer(t.Context(), o.Entry.Customer.ID); err != nil || o.Entry.Customer.FirstName == "" || c.FirstName != "" || c.LastName != "" {
			t.Errorf("%s: of %+v goes on: %+v, %v", name, o.Entry.Customer, c, err)
		}
		if got := w.ways(t, orbit, o.Entry.Customer); got != google+" 77 last" || w.alive(*o.Entry) {
			t.Errorf("%s: ways %s", name, got)
		}
		if got := w.ways(t, strict, other.Customer); got != google+" 1, "+facebook+" 77" || !w.alive(other) {
			t.Errorf("%s: of another app: ways %s", name, got)
		}
		if all := w.mailed(t); len(all) != 1 || !strings.Contains(all[0].Text, "Facebook") {
			t.Errorf("%s: mailed %+v", name, all)
		}

		// Whoever comes back is not deleted by the same request, nor by another spelling.
		w.clock.Add(time.Hour)
		back := w.mustEnter(t, nova, byFacebook("77", "ann@example.com"))
		for _, again := range []string{signed, strings.Replace(signed, ".", "=.", 1)} {
			if second, same := w.mustDelete(t, again); second != code || same != d {
				t.Errorf("%s: again: %s %+v, want %s %+v", name, second, same, code, d)
			}
		}
		late := signedRequest(sha256.New, "shared", fmt.Sprintf(`{"algorithm":"HMAC-SHA256","issued_at":%d,"user_id":"77"}`, w.clock.Now().Add(-50*time.Minute).Unix()))
		if second, d := w.mustDelete(t, late); second == code || d.Accounts != 0 || d.Links != 0 {
			t.Errorf("%s: one of before they came back: %+v", name, d)
		}
		if !w.alive(back) {
			t.Errorf("%s: who came back is gone", name)
		}
	}
}

func TestDeletionOfSomebodyUnknownIsConfirmedAndDoesNothing(t *testing.T) {
	w := newWorld(t)
	e := w.mustEnter(t, nova, byFacebook("1", "ann@example.com"))
	code, d := w.mustDelete(t, w.deletionOf("2"))
	if d.Accounts != 0 || d.Links != 0 || !w.alive(e) {
		t.Errorf("%+v", d)
	}
	w.clock.Add(social.DeletionLife)
	for _, unknown := range []string{code, "", "x"} {
		if _, err := w.Deletion(t.Context(), unknown); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("%s: %v", unknown, err)
		}
	}
}

func TestRequestThatNoAppHasSignedDeletesNothing(t *testing.T) {
	w := newWorld(t)
	w.mustEnter(t, nova, byFacebook("77", "ann@example.com"))
	good := w.deletionOf("77")
	signature, payload, _ := strings.Cut(good, ".")
	content, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	before := w.records()
	for name, signed := range map[string]string{
		"nothing":               "",
		"no dot":                signature + payload,
		"no signature":          "." + payload,
		"no payload":            signature + ".",
		"another secret":        signedRequest(sha256.New, "guessed", string(content)),
		"no secret":             signedRequest(sha256.New, "", string(content)),
		"another hash":          signedRequest(sha512.New, "shared", string(content)),
		"another content":       signature + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(content), `"77"`, `"78"`, 1))),
		"a signature cut short": signature[:20] + "." + payload,
		"base64 that is none":   "!" + signature[1:] + "." + payload,
		"another algorithm":     signedRequest(sha256.New, "shared", strings.Replace(string(content), "HMAC-SHA256", "none", 1)),
		"no algorithm":          signedRequest(sha256.New, "shared", strings.Replace(string(content), "HMAC-SHA256", "", 1)),
		"nobody":                signedRequest(sha256.New, "shared", strings.Replace(string(content), `"77"`, `""`, 1)),
		"no time":               signedRequest(sha256.New, "shared", `{"algorithm":"HMAC-SHA256","user_id":"77"}`),
		"no JSON":               signedRequest(sha256.New, "shared", string(content)+"x"),
		"too long":              good + strings.Repeat("=", 5000),
	} {
		if code, err := w.Delete(t.Context(), signed); !errors.Is(err, social.ErrRefused) || code != "" || w.records() != before {
			t.Errorf("%s: %s, %v", name, code, err)
		}
	}
	if _, d := w.mustDelete(t, good); d.Accounts != 1 {
		t.Errorf("the test is worthless: %+v", d)
	}
}
