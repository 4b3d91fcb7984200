// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package pages

import (
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"
)

// nowhere takes a page and forgets it.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// cpu returns the time that this process has had of all processors. On a
// machine that does other things too, it tells more than the time that went by.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPages renders each page as a viewer may find it, with what finding
// its language takes. Each has to stay under 300 cpu-µs.
func BenchmarkPages(b *testing.B) {
	r := mustRenderer(b)
	req := httptest.NewRequest("GET", "/login", nil)
	req.Header.Set("Accept-Language", "ar-EG,ar;q=0.9,en-US;q=0.8,en;q=0.7")
	views := usual(r)
	for _, page := range pageNames {
		b.Run(page, func(b *testing.B) {
			b.ReportAllocs()
			begun := cpu(b)
			for b.Loop() {
				v := views[page]()
				c := v.chrome()
				c.Language, c.Here = r.language(req, nil, "", ""), "/login?site=https%3A%2F%2Fsport.nordlys.example"
				c.PublisherName, c.HubName, c.SiteName = "Nordlys", "id.nordlys.example", "sport.nordlys.example"
				r.write(nowhere{http.Header{}}, http.StatusOK, page, v)
			}
			b.ReportMetric(float64((cpu(b)-begun).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// usual returns what each page usually shows.
func usual(r *Renderer) map[string]func() view {
	const anna = "anna@example.com"
	at := time.Unix(1_800_000_000, 0)
	consents := []Consent{
		{Name: "terms", Version: "1", Before: "I accept the ", LinkText: "terms", LinkURL: "https://nordlys.example/terms", After: ".", Required: true},
		{Name: "news", Version: "1", Before: "Send me news."},
	}
	sites := []Site{{"news.nordlys.example", "https://news.nordlys.example/"}, {"sport.nordlys.example", "https://sport.nordlys.example/"}}
	elsewhere := []Elsewhere{{"google", "Google", "/login/google"}, {"facebook", "Facebook", "/login/facebook"}, {"apple", "Apple", "/login/apple"}}
	account := func() Account {
		a := Account{Email: anna, FormAction: "/account"}
		for _, page := range accountPages {
			a.Pages = append(a.Pages, AccountPage{string(page), page.path(), page == pageOverview})
		}
		return a
	}
	asked := Questions{
		{Questions: []Question{{Name: "firstName", Label: "First name", Kind: KindText, Required: true, Autocomplete: "given-name", Longest: 50}}},
		{Questions: []Question{{Name: "lastName", Label: "Last name", Kind: KindText, Required: true, Autocomplete: "family-name", Longest: 50}}},
		{Questions: []Question{{Name: "birthDate", Label: "Date of birth", Kind: KindDate, Min: "1900-01-01", Max: "2026-11-22"}}},
		{Questions: []Question{{Name: "country", Label: "Country", Kind: KindCountry, Autocomplete: "country", Value: "NO"}}},
		{Questions: []Question{{Name: "custom_1", Label: "Which do you watch?", Kind: KindRadio, Options: []Option{{Value: "Football", Text: "Football"}, {Value: "Skiing", Text: "Skiing"}}}}},
	}
	return map[string]func() view{
		"login": func() view {
			return &Login{FormAction: "/login", Error: "No.", RegisterURL: "/register", ForgotURL: "/forgot", Elsewhere: elsewhere}
		},
		"register": func() view {
			return &Register{FormAction: "/register", EmailError: "No.", PasswordError: "No.", Consents: consents, LoginURL: "/login", Elsewhere: elsewhere}
		},
		"forgot": func() view { return &Forgot{FormAction: "/forgot", LoginURL: "/login"} },
		"reset":  func() view { return &Reset{FormAction: "/reset", Email: anna, LoginURL: "/login"} },
		"reauthenticate": func() view {
			return &Reauthenticate{Chrome: Chrome{WithoutURL: "https://sport.nordlys.example/"}, FormAction: "/reauthenticate", Email: anna, LostURL: "/forgot", SignOutAction: "/logout"}
		},
		"verify": func() view {
			return &Verify{FormAction: "/verify", Email: anna, AgainAction: "/verify/again", ChangeURL: "/account/email", SignOutAction: "/logout"}
		},
		"confirm": func() view { return &Confirm{FormAction: "/confirm", Email: anna, LoginURL: "/login"} },
		"undo":    func() view { return &Undo{FormAction: "/undo", Email: anna, ByCode: true, CodeError: "No."} },
		"consents": func() view {
			return &Consents{FormAction: "/consents", Email: anna, Consents: consents, SignOutAction: "/logout"}
		},
		"capture": func() view { return &Capture{FormAction: "/capture", Questions: asked, CanSkip: true} },
		"home":    func() view { return &Home{Email: anna, SignedInAt: at, Sites: sites, SignOutAction: "/logout"} },
		"welcome": func() view { return &Welcome{LoginURL: "/login", RegisterURL: "/register", Sites: sites} },
		"signout": func() view { return &SignOut{FormAction: "/logout", CancelURL: "/"} },
		"signedout": func() view {
			return &SignedOut{SiteURL: "https://sport.nordlys.example/", LoginURL: "/login"}
		},
		"problem": func() view {
			return &Problem{Status: http.StatusServiceUnavailable, Sentence: "Please wait.", ActionLabel: "Try again", ActionURL: "/"}
		},
		"account": func() view {
			v := &AccountOverview{Account: account(), Since: at}
			for _, page := range v.Pages[1:] {
				v.Rows = append(v.Rows, AccountRow{AccountPage: page, Says: []string{anna}, Tag: "(confirmed)"})
			}
			return v
		},
		"account_profile": func() view {
			v := &AccountProfile{Account: account(), FirstName: "Anna", LastName: "Berg", Country: "NO"}
			for _, l := range r.catalog.All() {
				v.Languages = append(v.Languages, Option{Value: l.Tag.String(), Text: l.Name, Language: l.Tag.String(), Dir: l.Dir})
			}
			return v
		},
		"account_email":    func() view { return &AccountEmail{Account: account(), Address: anna} },
		"account_password": func() view { return &AccountPassword{Account: account(), PasswordError: "No."} },
		"account_consents": func() view {
			v := &AccountConsents{Account: account()}
			for _, c := range consents {
				v.Consents = append(v.Consents, AccountConsent{Consent: c, Accepted: true, Answered: "1", At: at})
				v.History = append(v.History, AccountAnswer{c.Name, true, "1", at})
			}
			return v
		},
		"account_answers": func() view { return &AccountAnswers{Account: account(), Questions: asked} },
		"account_sessions": func() view {
			s := AccountSession{ID: "x", Device: "Firefox, Android", Place: "Norway", SignedIn: at, Seen: at}
			return &AccountSessions{Account: account(), Sessions: []AccountSession{s, s, s}, Others: true}
		},
		"join": func() view {
			return &Join{FormAction: "/join", CancelAction: "/join/cancel", CodeAction: "/join/code", Provider: "Facebook", NeedEmail: true, Consents: consents}
		},
		"app":      func() view { return &App{FormAction: "/social/authorize", Email: anna, SignOutAction: "/logout"} },
		"deletion": func() view { return &Deletion{Received: at, Accounts: 1, Links: 2} },
		"account_signin": func() view {
			return &AccountSignin{Account: account(), Ways: []AccountWay{{Name: "Password", Detail: anna, Since: at, Password: "/account/password"}, {ID: "x", Brand: "google", Name: "Google", Since: at}},
				Add: elsewhere[1:], Fresh: true}
		},
		"account_export": func() view { return &AccountExport{Account: account()} },
		"account_delete": func() view { return &AccountDelete{Account: account(), ExportURL: "/account/export"} },
		"account_over":   func() view { return &AccountOver{Account: Account{}, Lead: "Your account is deleted.", FrontURL: "/"} },
	}
}
