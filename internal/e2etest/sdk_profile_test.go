// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
)

// profile shows the form in which customers see all that is known of them.
func (l *sdk) profile() {
	l.t.Helper()
	l.show("profile")
	l.called(readsCustomer, readsConsents, readsCapture)
}

func TestSDKFormsChangeTheProfile(t *testing.T) {
	t.Parallel()
	s, l := startSDK(t)
	viewer := s.register(t, "profile")
	l.show("login")
	l.signIn(viewer.email, password)
	l.answer()

	// The names go to the customer and the rest to the answers, at one moment.
	l.profile()
	l.press("Edit Profile", "msd__profile__form")
	l.fill("firstName", "Beth", "lastName", "Öberg", "birthDate", "1991-03-01", "phoneNumber", "+46 70 765 4321", "companyName", "Other Ltd")
	l.press("Save", "msd__profile__form")
	l.reads("Your profile details have been changed successfully")
	calls := l.called(savesCustomer, savesCapture)
	if calls[0].answered < calls[1].sent || calls[1].answered < calls[0].sent {
		t.Error("the library waited for one call before it made the other: this is not what the test is about")
	}
	data := readAPI[struct{ FirstName, LastName string }](t, s, s.login(t, viewer.email), "")
	if data.FirstName != "Beth" || data.LastName != "Öberg" {
		t.Errorf("the customer's names are %q and %q", data.FirstName, data.LastName)
	}
	changed := []string{"firstName", "Beth", "lastName", "Öberg", "birthDate", "1991-03-01", "phoneNumber", "+46 70 765 4321", "companyName", "Other Ltd"}
	wantAnswers(t, s, viewer.email, append(changed, "address", "Storgatan 1", "city", "Malmö", "custom_1", "Never")...)

	l.profile()
	l.press("Edit Address", "msd__profile-address")
	l.fill("address", "Lilla torg 2", "city", "Lund")
	l.press("Save", "msd__profile-address")
	l.reads("Your address details have been changed successfully")
	l.called(savesCapture)
	wantAnswers(t, s, viewer.email, append(changed, "address", "Lilla torg 2", "city", "Lund", "state", "Skåne", "custom_2", "An advertisement")...)

	l.profile()
	l.press("Edit Profile", "msd__profile-capture__wrapper")
	l.tick("Often")
	l.press("Save", "msd__profile-capture__wrapper")
	l.reads("Your answers have been changed successfully")
	l.called(savesCapture)
	wantAnswers(t, s, viewer.email, append(changed, "city", "Lund", "custom_1", "Often", "custom_2", "An advertisement")...)

	l.profile()
	l.press("Update Terms")
	l.tick("Send me news")
	l.press("Save")
	l.do(chromedp.WaitVisible(chromedp.Search(`//button[normalize-space(.)="Update Terms"]`)))
	l.called(savesConsents)
	wantConsents(t, s, viewer.email, "broadcaster_terms 1 declined", "broadcaster_marketing 1 accepted")
}

func TestSDKFormsChangeTheAddressOnlyWithThePassword(t *testing.T) {
	t.Parallel()
	s, l := startSDK(t)
	viewer := s.register(t, "moves")
	s.register(t, "was-first")
	l.show("login")
	l.signIn(viewer.email, password)
	l.answer()
	l.profile()
	for _, tt := range []struct{ email, password, outcome, reads string }{
		// The library hides the field with the password, and what it says beside
		// it, as soon as the other call is answered.
		{"moved@viewer.test", "not-the-password-1", "422", ""},
		{"was-first@viewer.test", password, "422", "Customer email already exists"},
		{"moved@viewer.test", password, "200", "Your profile details have been changed successfully"},
	} {
		l.press("Edit Profile", "msd__profile__form")
		l.fill("email", tt.email, "confirmationPassword", tt.password)
		l.press("Save", "msd__profile__form")
		l.reads(tt.reads)
		l.called("PATCH /customers/{id} "+tt.outcome, savesCapture)
		if tt.outcome != "200" {
			s.login(t, viewer.email)
		}
	}
	s.login(t, "moved@viewer.test")
}

func TestSDKFormsResetThePassword(t *testing.T) {
	t.Parallel()
	s, l := startSDK(t)
	viewer := s.register(t, "resets")
	const next = "copper-lantern-72-river"
	l.show("reset")
	l.called()
	l.fill("Email", viewer.email)
	l.press("Reset Password")
	l.arrives("mailed")
	l.called(asksReset)

	// The link leads to the hub's own page, in the same browser.
	l.open(s.awaitLetter(t, viewer.email, aboutReset, 1).link(t))
	l.wantsPage("/reset")
	l.write("password", next)
	l.click("button[type=submit]")

	l.show("login")
	l.fill("Email", viewer.email, "Password", password)
	l.press("Sign in")
	l.reads("Wrong email or password")
	l.called("POST /auths 401")
	l.signIn(viewer.email, next)

	// Who is signed in asks for the mail in their profile.
	l.profile()
	l.press("Edit Password")
	l.press("Yes, reset")
	l.reads("Email has been sent!")
	l.called(asksReset)
	link, err := url.Parse(s.awaitLetter(t, viewer.email, aboutReset, 2).link(t))
	if err != nil {
		t.Fatal(err)
	}
	s.visitor(t).send("PATCH", s.hub+"/customers/passwords", jsonText(t, map[string]string{
		"customerEmail": viewer.email, "publisherId": publisherID, "resetPasswordToken": link.Query().Get("token"), "newPassword": password,
	}), "Content-Type: application/json").says(t, 200)
	l.show("login")
	l.signIn(viewer.email, password)
}
