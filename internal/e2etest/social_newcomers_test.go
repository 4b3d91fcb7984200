// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"testing"

	"github.com/usher-sso/usher/internal/socialtest"
)

// This file has the journeys of viewers who have an account elsewhere and none here.

func TestNewViewersComeByAccountsElsewhere(t *testing.T) {
	j := setOutElsewhere(t, terms+brand, "corporate")
	asked := func(w *walk, by string) string {
		return fmt.Sprintf("%s/live?by=%s&half=a%%2Fb&walk=%d", w.s.newsURL, by, w.number)
	}
	accepts := func(w *walk) {
		w.t.Helper()
		w.wantsPage("/join")
		w.look("join-consents")
		w.tick("consent-0")
		w.send()
	}
	j.part("of Google, and again without a question", func(t *testing.T, w *walk) {
		anna, asked := w.person("google"), asked(w, "google")
		w.open(asked)
		w.wantsPage("/login")
		w.look("login-elsewhere")
		w.agrees(socialtest.Google, anna)
		w.wantsPage("/join")
		w.refused(w.sendAnyway(), 422, "consent-0")
		w.look("join-consents-refused")
		accepts(w)
		w.isIn(asked, anna.Email)

		other := w.onAnotherDevice()
		other.open(asked)
		other.agrees(socialtest.Google, anna)
		other.isIn(asked, anna.Email)
	})
	j.part("of Apple, which answers by a form", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		anna, asked := w.person("apple"), asked(w, "apple")
		w.open(asked)
		w.click(`main a[href*="/register"]`)
		w.wantsPage("/register")
		w.look("register-elsewhere")
		w.agrees(socialtest.Apple, anna)
		accepts(w)
		w.isIn(asked, anna.Email)
	})
	j.part("of the corporation", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		anna, asked := w.person("corporate"), asked(w, "corporate")
		w.open(asked)
		w.click(way("corporate"))
		w.authenticates(anna)
		accepts(w)
		w.isIn(asked, anna.Email)
	})
	j.part("of Facebook and Twitch", func(t *testing.T, w *walk) {
		for _, p := range []socialtest.Provider{socialtest.Facebook, socialtest.Twitch} {
			w := w.onAnotherDevice()
			anna, asked := w.person(string(p)), asked(w, string(p))
			w.open(asked)
			w.agrees(p, anna)
			accepts(w)
			w.isIn(asked, anna.Email)
		}
	})
	j.part("of Facebook, which tells no address", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		anna, asked := w.person("silent"), asked(w, "silent")
		anna.Email = ""
		w.open(asked)
		w.agrees(socialtest.Facebook, anna)
		w.wantsPage("/join")
		w.look("join-address")
		w.refused(w.sendAnyway(), 422, "email", "consent-0")
		w.look("join-address-refused")
		w.fill("email", w.email("silent"))
		w.tick("consent-0")
		w.send()
		w.isIn(asked, w.email("silent"))
	})
	j.part("of Facebook, which tells what is no address", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		anna, asked := w.person("malformed"), asked(w, "malformed")
		anna.Email = "ann at home"
		w.open(asked)
		w.agrees(socialtest.Facebook, anna)
		w.wantsPage("/join")
		w.fill("email", w.email("malformed"))
		w.tick("consent-0")
		w.send()
		w.isIn(asked, w.email("malformed"))
	})
}
