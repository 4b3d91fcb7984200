// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	acts "github.com/usher-sso/usher/internal/admin"
)

// These are the fixtures of what owners and editors look after.

func (f fill) as(role string, section NavSection) Chrome {
	c := f.desk(section)
	c.Member.Role = role
	return c
}

func (f fill) consents() *Consents {
	return &Consents{
		Chrome: f.as("owner", SectionConsents), Tags: []string{"en", "de", "ar"},
		List: acts.ConsentList{Revision: 7, Order: []string{f.text("marketing"), f.text("partners"), f.text("sport")}, Consents: []acts.ConsentSummary{
			{Name: f.text("broadcaster_terms"), Declared: true, Asked: true, Version: f.text("7"), Label: f.text("I agree to the [terms of use](https://nordlys.example/terms)."), Required: true,
				Numbers: acts.Share{Accepted: 1_100_000, Declined: 12, Earlier: 40_000, Missing: 64_319}},
			{Name: f.text("marketing"), Kind: f.text("marketing"), Asked: true, Version: "2", Label: f.text("News about series that I may like."), Drafts: 1, Coming: 2,
				Numbers: acts.Share{Accepted: 410_000, Declined: 600_000, Missing: 194_331}},
			{Name: f.text("partners"), Kind: "custom", Drafts: 3},
		}},
	}
}

func (f fill) consent() *Consent {
	text := func(label string) []acts.TextInput {
		return []acts.TextInput{{Language: "de", Label: f.text("Ich stimme zu: " + label), Value: f.text("https://nordlys.example/de")}, {Language: f.text("ar"), Label: f.text("أوافق على [الشروط](https://nordlys.example/ar)."), Value: ""}}
	}
	version := func(name string, state acts.VersionState, label string, ago int) acts.VersionView {
		v := acts.VersionView{
			Version: f.text(name), State: state, Label: f.text(label), Value: f.text(oldTerms), Texts: text(label), Required: true, EnabledByDefault: ago%2 == 1, Created: now.AddDate(0, 0, -ago-2),
			By: f.text("frida@nordlys.example"), TextHash: strings.Repeat("9f86d081", 8), Accepted: int64(ago) * 1200, DeclinedBy: int64(ago) * 30,
		}
		if state != acts.StateDraft {
			v.Begins, v.TransitionUntil = now.AddDate(0, 0, -ago), now.AddDate(0, 1, -ago)
		}
		return v
	}
	return &Consent{
		Chrome: f.as("owner", SectionConsents), Tags: []string{"en", "de", "ar"}, Edit: "9", Look: "/admin/100000001/preview/register",
		Detail: acts.ConsentDetail{Name: f.text("broadcaster_terms"), Kind: f.text("terms"), Asked: true, Versions: []acts.VersionView{
			version("9", acts.StateDraft, "I agree to the [terms of use](https://nordlys.example/terms), also for sport.", 0),
			version("8", acts.StateComing, "I agree to the [terms of use](https://nordlys.example/terms).", -9),
			version("7", acts.StateCurrent, "I agree to the [terms](https://nordlys.example/terms).", 200),
			version("6", acts.StatePast, "I agree to the terms.", 401), version("5", acts.StatePast, "I agree.", 700),
		}},
	}
}

func (f fill) questions() *Questions {
	return &Questions{
		Chrome: f.as("editor", SectionCapture), Look: "/admin/100000001/preview/questions",
		Capture: acts.CaptureView{Revision: 3, Enabled: true, Enforced: true, Fields: []acts.FieldInput{
			{Key: "firstNameLastName", Required: true}, {Key: "birthDate"},
			{Key: "custom_1", Required: true, Question: f.text("Which club do you support?"), Choices: []string{f.text("Rosenborg"), f.text("Brann")}}, {Key: "custom_33", Question: f.text("Why?")},
		}},
	}
}

func (f fill) answers() *Answers {
	return &Answers{Chrome: f.as("editor", SectionCapture), Summary: acts.AnswerSummary{Customers: 1_204_331, Questions: []acts.QuestionShare{
		{Field: "birthDate", Answered: 900_000, Answers: []acts.AnswerShare{{Answer: f.text("1990–1999"), Count: 400_000}, {Answer: "1980–1989", Count: 300_000}, {Answer: "2000–2009", Count: 200_000}}},
		{Field: "custom_1", Question: f.text("Which club do you support?"), Answered: 1000, Answers: []acts.AnswerShare{{Answer: f.text("Rosenborg"), Count: 999}, {Answer: "Brann", Count: 1}}},
		{Field: "phoneNumber", Answered: 0},
	}}}
}

func (f fill) settings(role string) *Settings {
	v := &Settings{Chrome: f.as(role, SectionSettings), Now: acts.SettingsView{
		Revision: 12, Publisher: acts.PublisherInfo{Sandbox: true}, Name: f.text("Nordlys"), DeclaredName: "100000001", Sites: []string{f.text("https://film.nordlys.example"), f.address},
		Offers: []string{f.text("S100000001_NO")}, DeclaredOffers: []string{f.text("S200000001_NO")}, ResetURLs: []string{f.text("https://app.nordlys.example")},
		Languages: []string{"de", f.text("nb")}, KnownLanguages: []string{"en", "de", "ar"}, TokenLife: acts.Span{Duration: 15 * time.Minute},
		SessionIdle: acts.Span{Duration: 720 * time.Hour}, SessionAbsolute: acts.Span{Duration: 2400 * time.Hour}, VerifyEmail: true, VerifyWithin: acts.Span{Duration: 72 * time.Hour},
		Token: true, Receivers: []string{f.text("https://app.nordlys.example/logout")},
		Brand: acts.BrandView{Color: f.text("0a5bd3"), Logo: f.text("0123"), Links: []acts.LinkInput{{Name: f.text("privacy"), URL: f.address}}},
	}}
	if role == "owner" {
		v.NewToken = f.text("usk_2m3n4b5v6c7x8z9a0s1d2f3g4h5j6k7l")
	}
	return v
}

// declared are settings of which the configuration file says all that it can say.
func (f fill) declared() *Settings {
	v := f.settings("owner")
	v.NewToken, v.Now.DeclaredName = "", f.text("Nordlys Television")
	v.Now.Declared = acts.DeclaredParts{Name: true, Languages: true, TokenLife: true, Session: true, VerifyEmail: true, Brand: true, Token: true, SendMail: true}
	return v
}

func (f fill) staff(role string) *StaffPage {
	v := &StaffPage{Chrome: f.as(role, SectionStaff), List: acts.StaffList{
		Staff: []acts.StaffRow{
			{ID: "a1", Email: f.text("frida@nordlys.example"), Name: f.text("Frida Solberg"), Role: authstore.RoleOwner, SecondFactor: true, Created: now.AddDate(-1, 0, 0), LastLogin: now, Sessions: 2, You: true},
			{ID: "b2", Email: f.text("ola@nordlys.example"), Role: authstore.RoleSupport, Created: now.AddDate(0, -2, 0), Sessions: 1},
			{ID: "c3", Email: f.text("kari@nordlys.example"), Name: f.text("Kari"), Role: authstore.RoleOwner, SecondFactor: true, Created: now.AddDate(0, -2, 0), Disabled: true},
		},
		Invitations: []acts.Invitee{{Email: f.text("per@nordlys.example"), Name: f.text("Per"), Role: authstore.RoleEditor, Created: now, Expires: now.AddDate(0, 0, 7)}},
	}}
	if role == "owner" {
		v.Made = acts.Invitation{Link: f.text("https://id.nordlys.example/admin/invite?token=2m3n4b5v6c7x8z9a0s1d2f3g4h5j6k7l8z9a0s1d2f3g4h5"), Expires: now.AddDate(0, 0, 7)}
	}
	return v
}

func (f fill) toProduction() *SandboxPage {
	v := &SandboxPage{Chrome: f.as("owner", SectionSandbox), Targets: []PublisherLink{{100000001, f.text("Nordlys Television"), "owner", false, false}, {100000003, "Fjord Sport", "owner", false, false}}, To: "100000001"}
	v.Publisher.Sandbox = f.sandbox
	v.Diff = &acts.SandboxDiff{To: acts.PublisherInfo{ID: "100000001", Name: f.text("Nordlys Television")}, From: 3, Revision: 9, Changes: []acts.Change{
		{Setting: "Life of access tokens", Before: "", After: f.text("5m")}, {Setting: f.text("Consent marketing"), Before: f.text("Version 1: News."), After: f.text("Version 2: News about series.\nde: Neues\nrequired"), Note: f.text("becomes a draft there, to be published there")},
		{Setting: "Profile questions", Before: "", After: "switched on\nbirthDate, required", Note: "declared in the server's configuration file: not copied"},
	}}
	return v
}
