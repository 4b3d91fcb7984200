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

// BenchmarkPages renders each page, with what finding its language takes. Each
// has to stay under 300 cpu-µs.
func BenchmarkPages(b *testing.B) {
	r := mustRenderer(b)
	req := httptest.NewRequest("GET", "/login", nil)
	req.Header.Set("Accept-Language", "ar-EG,ar;q=0.9,en-US;q=0.8,en;q=0.7")
	chrome := func() Chrome {
		return Chrome{
			Language: r.language(req, "", ""), Here: "/login?site=https%3A%2F%2Fsport.nordlys.example",
			PublisherName: "Nordlys", HubName: "id.nordlys.example", SiteName: "sport.nordlys.example",
		}
	}
	consents := []Consent{
		{Name: "terms", Version: "1", Before: "I accept the ", LinkText: "terms", LinkURL: "https://nordlys.example/terms", After: ".", Required: true},
		{Name: "news", Version: "1", Before: "Send me news."},
	}
	sites := []Site{{"news.nordlys.example", "https://news.nordlys.example/"}, {"sport.nordlys.example", "https://sport.nordlys.example/"}}
	for _, page := range []struct {
		name   string
		render func(w http.ResponseWriter)
	}{
		{"login", func(w http.ResponseWriter) {
			r.Login(w, 200, Login{Chrome: chrome(), FormAction: "/login", Error: "No.", RegisterURL: "/register", ForgotURL: "/forgot"})
		}},
		{"register", func(w http.ResponseWriter) {
			r.Register(w, 200, Register{Chrome: chrome(), FormAction: "/register", EmailError: "No.", PasswordError: "No.", Consents: consents, LoginURL: "/login"})
		}},
		{"forgot", func(w http.ResponseWriter) {
			r.Forgot(w, 200, Forgot{Chrome: chrome(), FormAction: "/forgot", LoginURL: "/login"})
		}},
		{"reset", func(w http.ResponseWriter) {
			r.Reset(w, 200, Reset{Chrome: chrome(), FormAction: "/reset", Email: "anna@example.com", LoginURL: "/login"})
		}},
		{"consents", func(w http.ResponseWriter) {
			r.Consents(w, 200, Consents{Chrome: chrome(), FormAction: "/consents", Email: "anna@example.com", Consents: consents, SignOutAction: "/logout"})
		}},
		{"home", func(w http.ResponseWriter) {
			r.Home(w, 200, Home{Chrome: chrome(), Email: "anna@example.com", SignedInAt: time.Unix(1_800_000_000, 0), Sites: sites, SignOutAction: "/logout"})
		}},
		{"welcome", func(w http.ResponseWriter) {
			r.Welcome(w, 200, Welcome{Chrome: chrome(), LoginURL: "/login", RegisterURL: "/register", Sites: sites})
		}},
		{"signout", func(w http.ResponseWriter) {
			r.SignOut(w, 200, SignOut{Chrome: chrome(), FormAction: "/logout", CancelURL: "/"})
		}},
		{"signedout", func(w http.ResponseWriter) {
			r.SignedOut(w, 200, SignedOut{Chrome: chrome(), SiteURL: "https://sport.nordlys.example/", LoginURL: "/login"})
		}},
		{"problem", func(w http.ResponseWriter) {
			r.Problem(w, Problem{Chrome: chrome(), Status: 503, Sentence: "Please wait.", ActionLabel: "Try again", ActionURL: "/"})
		}},
	} {
		b.Run(page.name, func(b *testing.B) {
			b.ReportAllocs()
			begun := cpu(b)
			for b.Loop() {
				page.render(nowhere{http.Header{}})
			}
			b.ReportMetric(float64((cpu(b)-begun).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}
