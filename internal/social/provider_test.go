// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/socialtest"
)

const (
	hub      = "https://id.nova.test"
	clientID = "4711.apps.example"
	secretOf = "a secret of the client"
	phoneID  = "4711.phone.example"
)

// abroad is a publisher's providers, and the internet that they are in.
type abroad struct {
	*socialtest.Internet
	t       *testing.T
	service *social.Service
}

func newAbroad(t *testing.T, change ...func(*social.Options)) *abroad {
	t.Helper()
	in := socialtest.New(t, time.Now)
	options := func(name string) social.Options {
		o := social.Options{
			Name: name, ClientID: clientID, ClientSecret: secretOf, NativeClientIDs: []string{phoneID},
			Transport: in.Transport(t), Timeout: time.Minute, // the machine may be busy
		}
		for _, c := range change {
			c(&o)
		}
		return o
	}
	for _, p := range []socialtest.Provider{socialtest.Google, socialtest.Facebook, socialtest.Twitch} {
		in.Register(p, socialtest.Client{ID: clientID, Secret: secretOf, RedirectURIs: []string{hub + social.CallbackPath(string(p))}})
	}
	k := in.RegisterApple(t, clientID, hub+social.CallbackPath("apple"))
	apple, err := social.Apple(options("apple"), social.AppleKey{TeamID: k.Team, KeyID: k.ID, PrivateKey: k.PEM})
	if err != nil {
		t.Fatal(err)
	}
	s := social.NewService(social.Config{
		Hub: hub, Store: authstore.New(authstoretest.NewMemory(), time.Now), Root: secret.NewRoot(),
		Providers: map[int64][]*social.Provider{1: {
			social.Google(options("google")), social.Facebook(options("facebook")), apple, social.Twitch(options("twitch")),
		}},
	})
	return &abroad{in, t, s}
}

func (a *abroad) provider(name string) *social.Provider {
	a.t.Helper()
	p, ok := a.service.Provider(1, name)
	if !ok {
		a.t.Fatalf("no provider %s", name)
	}
	return p
}

// begin begins a sign-in and returns where the browser is sent.
func (a *abroad) begin(name string) (social.Attempt, string) {
	a.t.Helper()
	attempt := a.service.NewAttempt(name, 1, "", social.Enter, "")
	address, err := a.provider(name).Begin(a.t.Context(), attempt, a.service.Callback(name), "")
	if err != nil {
		a.t.Fatalf("%s: %v", name, err)
	}
	return attempt, address
}

// answer returns what the provider answers when a person agrees.
func (a *abroad) answer(address string, who socialtest.Person) url.Values {
	a.t.Helper()
	back, err := a.Consent(address, who)
	if err != nil {
		a.t.Fatal(err)
	}
	return parameters(a.t, back)
}

func parameters(t *testing.T, back socialtest.Callback) url.Values {
	t.Helper()
	u, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	all := u.Query()
	for name, values := range back.Form {
		all[name] = values
	}
	return all
}

// signIn goes all the way.
func (a *abroad) signIn(name string, who socialtest.Person) (social.Person, error) {
	a.t.Helper()
	attempt, address := a.begin(name)
	return a.provider(name).Finish(a.t.Context(), attempt, a.service.Callback(name), a.answer(address, who))
}

var (
	anna = socialtest.Person{Subject: "1001", Email: "anna@gmail.test", Name: "Anna Ahl", GivenName: "Anna", FamilyName: "Ahl"}
	bert = socialtest.Person{Subject: "1002", Email: "bert@gmail.test", Unverified: true, Name: "Bert Berg", GivenName: "Bert", FamilyName: "Berg"}
	cleo = socialtest.Person{Subject: "1003", Name: "Cleo Cruz", GivenName: "Cleo", FamilyName: "Cruz"}
)

var everyone = map[socialtest.Provider][]socialtest.Person{
	socialtest.Google: {anna, bert}, socialtest.Facebook: {anna, cleo}, socialtest.Apple: {anna}, socialtest.Twitch: {anna, cleo},
}

func (a *abroad) populate() *abroad {
	for p, people := range everyone {
		a.Add(p, people...)
	}
	return a
}

func TestProvidersTellWhoSomebodyIs(t *testing.T) {
	a := newAbroad(t).populate()
	google := social.Person{Provider: "google", Issuer: "https://accounts.google.com", Subject: "1001", Email: "anna@gmail.test", Verified: true, FirstName: "Anna", LastName: "Ahl"}
	unverified := google
	unverified.Subject, unverified.Email, unverified.Verified, unverified.FirstName, unverified.LastName = "1002", "bert@gmail.test", false, "Bert", "Berg"
	for _, tt := range []struct {
		name, provider string
		who            socialtest.Person
		want           social.Person
	}{
		{"Google", "google", anna, google},
		{"Google, an address that is not verified", "google", bert, unverified},
		{"Facebook says of no address that it is verified", "facebook", anna, social.Person{
			Provider: "facebook", Issuer: "https://www.facebook.com", Subject: "1001", Email: "anna@gmail.test", FirstName: "Anna", LastName: "Ahl",
		}},
		{"Facebook without an address", "facebook", cleo, social.Person{
			Provider: "facebook", Issuer: "https://www.facebook.com", Subject: "1003", FirstName: "Cleo", LastName: "Cruz",
		}},
		{"Apple, who tells the name the first time", "apple", anna, social.Person{
			Provider: "apple", Issuer: "https://appleid.apple.com", Subject: "1001", Email: "anna@gmail.test", Verified: true, FirstName: "Anna", LastName: "Ahl",
		}},
		{"Apple the second time", "apple", anna, social.Person{
			Provider: "apple", Issuer: "https://appleid.apple.com", Subject: "1001", Email: "anna@gmail.test", Verified: true,
		}},
		{"another of goth's", "twitch", anna, social.Person{
			Provider: "twitch", Issuer: "https://id.twitch.tv/oauth2", Subject: "1001", Email: "anna@gmail.test",
		}},
	} {
		got, err := a.signIn(tt.provider, tt.who)
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) {
			t.Errorf("%s:\n%+v, %v, want\n%+v", tt.name, got, err, tt.want)
		}
	}
}

func TestAddressOfAProviderCarriesWhatBindsTheAnswer(t *testing.T) {
	a := newAbroad(t)
	for name, has := range map[string]struct{ nonce, pkce, post bool }{
		"google": {true, true, false}, "facebook": {false, false, false}, "apple": {true, false, true}, "twitch": {false, false, false},
	} {
		attempt, address := a.begin(name)
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Get("state") != attempt.State || q.Get("redirect_uri") != hub+"/login/"+name+"/callback" || q.Get("client_id") != clientID || q.Get("response_type") != "code" {
			t.Errorf("%s: %s", name, address)
		}
		if (q.Get("nonce") == attempt.Nonce) != has.nonce || (q.Get("code_challenge_method") == "S256") != has.pkce || (q.Get("response_mode") == "form_post") != has.post {
			t.Errorf("%s: %s", name, address)
		}
		for _, hidden := range []string{attempt.Verifier, secretOf, url.QueryEscape(secretOf)} {
			if strings.Contains(address, hidden) {
				t.Errorf("%s: %s tells %q", name, address, hidden)
			}
		}
		if a.provider(name).ByPost() != has.post {
			t.Errorf("%s answers by POST: %t", name, !has.post)
		}
	}
}

func TestConfirmingWantsAnewProof(t *testing.T) {
	a := newAbroad(t)
	for name, want := range map[string]string{"facebook": "auth_type=reauthenticate", "google": "prompt=select_account"} {
		attempt := a.service.NewAttempt(name, 1, "", social.Confirm, "")
		address, err := a.provider(name).Begin(t.Context(), attempt, a.service.Callback(name), "anna@gmail.test")
		if err != nil || !strings.Contains(address, want) || !strings.Contains(address, "login_hint=anna%40gmail.test") {
			t.Errorf("%s: %s, %v", name, address, err)
		}
	}
}

// What comes back is one of: an answer to another question, of another provider, a
// second time, or none.
func TestAnswersToOtherQuestionsAreRefused(t *testing.T) {
	a := newAbroad(t).populate()
	for name, tt := range map[string]struct {
		change func(attempt *social.Attempt, answer url.Values)
		want   error
	}{
		"as it is":                   {func(*social.Attempt, url.Values) {}, nil},
		"another state":              {func(_ *social.Attempt, v url.Values) { v.Set("state", secret.New()) }, social.ErrRefused},
		"no state":                   {func(_ *social.Attempt, v url.Values) { v.Del("state") }, social.ErrRefused},
		"no state on both sides":     {func(x *social.Attempt, v url.Values) { x.State = ""; v.Del("state") }, social.ErrRefused},
		"asked of another provider":  {func(x *social.Attempt, _ url.Values) { x.Provider = "facebook" }, social.ErrRefused},
		"issued by another provider": {func(_ *social.Attempt, v url.Values) { v.Set("iss", "https://evil.test") }, social.ErrRefused},
		"another verifier":           {func(x *social.Attempt, _ url.Values) { x.Verifier = secret.New() }, social.ErrRefused},
		"another nonce":              {func(x *social.Attempt, _ url.Values) { x.Nonce = secret.New() }, social.ErrRefused},
		"no nonce":                   {func(x *social.Attempt, _ url.Values) { x.Nonce = "" }, social.ErrRefused},
		"no code":                    {func(_ *social.Attempt, v url.Values) { v.Del("code") }, social.ErrRefused},
		"an invented code":           {func(_ *social.Attempt, v url.Values) { v.Set("code", "invented") }, social.ErrRefused},
		"cancelled":                  {func(_ *social.Attempt, v url.Values) { v.Del("code"); v.Set("error", "access_denied") }, social.ErrCancelled},
		"an error":                   {func(_ *social.Attempt, v url.Values) { v.Del("code"); v.Set("error", "server_error") }, social.ErrUnavailable},
	} {
		attempt, address := a.begin("google")
		answer := a.answer(address, anna)
		tt.change(&attempt, answer)
		if _, err := a.provider("google").Finish(t.Context(), attempt, a.service.Callback("google"), answer); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		// What was refused before it was spent can still not be had by another attempt.
		other, _ := a.begin("google")
		answer.Set("state", other.State)
		if who, err := a.provider("google").Finish(t.Context(), other, a.service.Callback("google"), answer); err == nil {
			t.Errorf("%s: another attempt gets %+v", name, who)
		}
	}
}

func TestTokensThatAreNotForUsAreRefused(t *testing.T) {
	for name, lie := range map[string]socialtest.Lie{
		"another issuer":   socialtest.Says("iss", "https://accounts.evil.test"),
		"another audience": socialtest.Says("aud", "another.apps.example"),
		"no audience":      socialtest.Says("aud", nil),
		"two audiences":    socialtest.Says("aud", []string{clientID, "other"}),
		"two audiences, no azp": func(tk *socialtest.IDToken) {
			socialtest.Says("aud", []string{clientID, "other"})(tk)
			socialtest.Says("azp", nil)(tk)
		},
		"another authorized party":   socialtest.Says("azp", "another.apps.example"),
		"another nonce":              socialtest.Says("nonce", "another"),
		"no nonce":                   socialtest.Says("nonce", nil),
		"no subject":                 socialtest.Says("sub", nil),
		"another subject":            socialtest.Says("sub", "1002"),
		"expired":                    socialtest.Expired,
		"no expiry":                  socialtest.Says("exp", nil),
		"no signature":               socialtest.NotSigned,
		"signed with the secret":     socialtest.SignedWithSecret,
		"signed with the public key": socialtest.SignedWithPublicKey,
		"signed by a stranger":       socialtest.SignedByStranger,
		"a key that is not there":    socialtest.UnknownKey,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAbroad(t).populate()
			a.Lie(socialtest.Google, lie)
			if who, err := a.signIn("google", anna); !errors.Is(err, social.ErrRefused) {
				t.Errorf("Google: %+v, %v", who, err)
			}
			if name == "another subject" {
				return // Apple has no profile to differ from
			}
			a.Lie(socialtest.Apple, lie)
			if who, err := a.signIn("apple", anna); err == nil || !errors.Is(err, social.ErrRefused) && name != "no subject" {
				t.Errorf("Apple: %+v, %v", who, err)
			}
		})
	}
}

func TestFaultsOfProvidersAreToldWithoutSecrets(t *testing.T) {
	faults := map[string]socialtest.Fault{
		"failing": socialtest.Failing, "refusing": socialtest.Refusing, "hanging": socialtest.Hanging,
		"endless": socialtest.Endless, "garbled": socialtest.Garbled,
	}
	at := map[string][]socialtest.Endpoint{
		"google": {socialtest.Tokens, socialtest.Profile, socialtest.Keys}, "facebook": {socialtest.Tokens, socialtest.Profile},
		"apple": {socialtest.Tokens, socialtest.Keys}, "twitch": {socialtest.Tokens, socialtest.Profile},
	}
	for provider, endpoints := range at {
		for _, endpoint := range endpoints {
			for fault, f := range faults {
				t.Run(fmt.Sprintf("%s %s of %s", fault, endpoint, provider), func(t *testing.T) {
					t.Parallel()
					a := newAbroad(t, func(o *social.Options) { o.Timeout = 2 * time.Second }).populate()
					attempt, address := a.begin(provider)
					answer := a.answer(address, anna)
					a.Break(socialtest.Provider(provider), f, endpoint)
					_, err := a.provider(provider).Finish(t.Context(), attempt, a.service.Callback(provider), answer)
					if !errors.Is(err, social.ErrUnavailable) {
						t.Fatalf("%v, want ErrUnavailable", err)
					}
					for _, hidden := range []string{secretOf, url.QueryEscape(secretOf), answer.Get("code"), attempt.Verifier, "access_token="} {
						if strings.Contains(err.Error(), hidden) {
							t.Errorf("%q tells %q", err, hidden)
						}
					}
				})
			}
		}
	}
}

func TestAnswersInAnotherFormAreNoPanic(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"an ID token that is a number": func(m map[string]any) { m["id_token"] = 7 },
		"no ID token":                  func(m map[string]any) { delete(m, "id_token") },
		"no access token":              func(m map[string]any) { delete(m, "access_token") },
		"an ID token of one part":      func(m map[string]any) { m["id_token"] = "x" },
		"an ID token that is long":     func(m map[string]any) { m["id_token"] = strings.Repeat("a", 20<<10) + ".b.c" },
	} {
		a := newAbroad(t).populate()
		for _, p := range []socialtest.Provider{socialtest.Google, socialtest.Apple} {
			a.Rewrite(p, socialtest.Tokens, change)
			if who, err := a.signIn(string(p), anna); !errors.Is(err, social.ErrUnavailable) && !errors.Is(err, social.ErrRefused) {
				t.Errorf("%s: %s: %+v, %v", p, name, who, err)
			}
		}
	}
}

func TestProfilesNameNobodyElse(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another person":             func(m map[string]any) { m["id"] = "1002" },
		"nobody":                     func(m map[string]any) { delete(m, "id") },
		"a subject that is a list":   func(m map[string]any) { m["id"] = []string{"1001"} },
		"a subject that is too long": func(m map[string]any) { m["id"] = strings.Repeat("1", 300) },
	} {
		a := newAbroad(t).populate()
		a.Rewrite(socialtest.Google, socialtest.Profile, change)
		if who, err := a.signIn("google", anna); err == nil {
			t.Errorf("Google: %s: %+v", name, who)
		}
		a.Rewrite(socialtest.Facebook, socialtest.Profile, change)
		if who, err := a.signIn("facebook", anna); err == nil && name != "another person" { // there is nothing to compare it with
			t.Errorf("Facebook: %s: %+v", name, who)
		}
	}
}

func TestTokensOfAppsAreJudged(t *testing.T) {
	a := newAbroad(t).populate()
	a.Register(socialtest.Facebook, socialtest.Client{ID: "another app", Secret: "x"})
	for name, tt := range map[string]struct {
		provider, token, nonce string
		want                   error
	}{
		"Google's, by the phone for us":      {"google", a.GoogleIDToken(phoneID, clientID, anna, ""), "", nil},
		"Google's, of the phone itself":      {"google", a.GoogleIDToken(phoneID, phoneID, anna, ""), "", nil},
		"Google's, with a nonce":             {"google", a.GoogleIDToken(phoneID, clientID, anna, "n-1"), "n-1", nil},
		"Google's, with another nonce":       {"google", a.GoogleIDToken(phoneID, clientID, anna, "n-1"), "n-2", social.ErrRefused},
		"Google's, for another app":          {"google", a.GoogleIDToken(phoneID, "other.example", anna, ""), "", social.ErrRefused},
		"Google's, by another app for us":    {"google", a.GoogleIDToken("other.example", clientID, anna, ""), "", social.ErrRefused},
		"Google's, expired":                  {"google", a.GoogleIDToken(phoneID, clientID, anna, "", socialtest.Expired), "", social.ErrRefused},
		"Google's, not signed":               {"google", a.GoogleIDToken(phoneID, clientID, anna, "", socialtest.NotSigned), "", social.ErrRefused},
		"Google's, signed with our secret":   {"google", a.GoogleIDToken(phoneID, clientID, anna, "", socialtest.SignedWithSecret), "", social.ErrRefused},
		"Google's at Apple":                  {"apple", a.GoogleIDToken(phoneID, clientID, anna, ""), "", social.ErrRefused},
		"Facebook's":                         {"facebook", a.FacebookToken(clientID, anna), "", nil},
		"Facebook's, another app's":          {"facebook", a.FacebookToken("another app", anna), "", social.ErrRefused},
		"Facebook's, invented":               {"facebook", "invented", "", social.ErrRefused},
		"Facebook's, empty":                  {"facebook", "", "", social.ErrRefused},
		"Facebook's of Limited Login":        {"facebook", a.FacebookIDToken(clientID, anna, "n-1"), "n-1", nil},
		"Facebook's of another app's login":  {"facebook", a.FacebookIDToken("another app", anna, ""), "", social.ErrRefused},
		"Facebook's of Limited Login, false": {"facebook", a.FacebookIDToken(clientID, anna, "", socialtest.SignedByStranger), "", social.ErrRefused},
		"Apple's":                            {"apple", a.AppleIDToken(phoneID, anna, ""), "", nil},
		"Apple's, for another app":           {"apple", a.AppleIDToken("other.example", anna, ""), "", social.ErrRefused},
		"of a provider that has none":        {"twitch", "anything", "", social.ErrNoTokens},
	} {
		who, err := a.provider(tt.provider).Native(t.Context(), tt.token, tt.nonce)
		if !errors.Is(err, tt.want) || err == nil && (who.Subject != "1001" || who.Issuer != a.provider(tt.provider).Issuer()) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if tt.provider == "facebook" && who.Verified {
			t.Errorf("%s: Facebook's word on an address counts", name)
		}
	}
	a.Break(socialtest.Facebook, socialtest.Failing, socialtest.Debug)
	if _, err := a.provider("facebook").Native(t.Context(), a.FacebookToken(clientID, anna), ""); !errors.Is(err, social.ErrUnavailable) {
		t.Errorf("debug_token is broken: %v", err)
	}
}

func TestClaimsAreKeptWhereTheConfigurationWantsThem(t *testing.T) {
	a := newAbroad(t, func(o *social.Options) {
		o.Claims = map[string]string{"externalId": "sub", "company": "hd", "firstName": "name", "custom_1": "missing", "custom_2": "long"}
	})
	a.Add(socialtest.Google, anna)
	a.Lie(socialtest.Google, socialtest.Says("hd", "nova.test"), socialtest.Says("long", strings.Repeat("x", 2000)))
	who, err := a.signIn("google", anna)
	if err != nil || fmt.Sprint(who.Mapped) != "map[company:nova.test externalId:1001]" || who.FirstName != "Anna Ahl" {
		t.Errorf("%+v, %v", who, err)
	}
}

// Findings in other gateways: identities swapped between sign-ins at the same time.
func TestFiftyPeopleAtOnceAreEachThemselves(t *testing.T) {
	a := newAbroad(t)
	people := make([]socialtest.Person, 50)
	for i := range people {
		people[i] = socialtest.Person{Subject: fmt.Sprint(5000 + i), Email: fmt.Sprintf("p%d@gmail.test", i), GivenName: fmt.Sprint("P", i), FamilyName: "X"}
	}
	names := []string{"google", "facebook", "apple"}
	for _, n := range names {
		a.Add(socialtest.Provider(n), people...)
	}
	var all sync.WaitGroup
	for i, person := range people {
		for _, name := range names {
			all.Go(func() {
				attempt := a.service.NewAttempt(name, 1, "", social.Enter, "")
				address, err := a.provider(name).Begin(t.Context(), attempt, a.service.Callback(name), "")
				if err != nil {
					t.Error(err)
					return
				}
				back, err := a.Consent(address, person)
				if err != nil {
					t.Error(err)
					return
				}
				who, err := a.provider(name).Finish(t.Context(), attempt, a.service.Callback(name), parameters(t, back))
				if err != nil || who.Subject != person.Subject || who.Email != person.Email {
					t.Errorf("%s, person %d: %+v, %v", name, i, who, err)
				}
			})
		}
	}
	all.Wait()
}

func TestEndpointsOfProvidersDoNotRedirect(t *testing.T) {
	followed := false
	a := newAbroad(t, func(o *social.Options) {
		inner := o.Transport
		o.Transport = carrier(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "elsewhere.test" {
				followed = true
			}
			answer, err := inner.RoundTrip(r)
			if err == nil && r.Method == http.MethodPost {
				answer.StatusCode = http.StatusTemporaryRedirect
				answer.Header.Set("Location", "https://elsewhere.test/")
			}
			return answer, err
		})
	}).populate()
	if _, err := a.signIn("google", anna); !errors.Is(err, social.ErrUnavailable) || followed {
		t.Errorf("%v, followed: %t", err, followed)
	}
}

type carrier func(*http.Request) (*http.Response, error)

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }
