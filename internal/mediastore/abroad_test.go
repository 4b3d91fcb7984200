// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/mediastore"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/socialtest"
)

const (
	web     = "4711.apps.example" // the publisher ours' client at all providers
	phone   = "4711.phone.example"
	webBare = "4712.apps.example" // the publisher bare's

	appRedirect = "com.example.news:/signed-in"
)

// People who have accounts elsewhere.
var (
	anna = socialtest.Person{Subject: "1001", Email: "anna@gmail.test", Name: "Anna Ahl", GivenName: "Anna", FamilyName: "Ahl"}
	bert = socialtest.Person{Subject: "1002", Email: "bert@gmail.test", Unverified: true, Name: "Bert Berg", GivenName: "Bert", FamilyName: "Berg"}
	cleo = socialtest.Person{Subject: "1003", Name: "Cleo Cruz", GivenName: "Cleo", FamilyName: "Cruz"} // tells no address
)

// elsewhere is where customers have accounts: the providers and the service that
// signs in by them.
type elsewhere struct {
	*socialtest.Internet
	service *social.Service
	corp    *socialtest.Mock // the publisher ours' own
}

// abroad is a world with providers.
type abroad struct {
	*world
	*elsewhere
}

func newAbroad(t testing.TB) *abroad {
	t.Helper()
	var e *elsewhere
	w := newWorldWith(t, customer.NewHasher(0, 0), func(c *mediastore.Config, root secret.Root) { e = newElsewhere(t, c, root) })
	return &abroad{w, e}
}

// newElsewhere makes the providers, and has the API sign in by them.
func newElsewhere(t testing.TB, c *mediastore.Config, root secret.Root) *elsewhere {
	t.Helper()
	in := socialtest.New(t, time.Now)
	transport := in.Transport(t)
	options := func(name, id string, native ...string) social.Options {
		return social.Options{Name: name, ClientID: id, ClientSecret: "secret of " + id, NativeClientIDs: native, Transport: transport, Timeout: time.Minute}
	}
	for _, p := range []socialtest.Provider{socialtest.Google, socialtest.Facebook} {
		for _, id := range []string{web, webBare} {
			in.Register(p, socialtest.Client{ID: id, Secret: "secret of " + id})
		}
		in.Add(p, anna, bert, cleo)
	}
	key := in.RegisterApple(t, web)
	apple, err := social.Apple(options("apple", web, phone), social.AppleKey{TeamID: key.Team, KeyID: key.ID, PrivateKey: key.PEM})
	must(t, err)
	corp := socialtest.StartMock(t, socialtest.Client{ID: web, Secret: "secret of " + web})
	own := options("corporate", web)
	own.Label, own.Trusted, own.Claims, own.Transport = "Our own", true, map[string]string{"externalId": "sub"}, nil
	c.Social = social.NewService(social.Config{
		Hub: c.Hub, Store: c.Store, Customers: c.Customers, Sessions: c.Sessions, Notices: c.Notices, Root: root,
		Providers: map[int64][]*social.Provider{
			ours: {
				social.Google(options("google", web, phone)), social.Facebook(options("facebook", web)), apple,
				social.OpenID(own, corp.Issuer), social.Twitch(options("twitch", web)),
			},
			bare: {social.Google(options("google", webBare)), social.Facebook(options("facebook", webBare))},
		},
		Redirects: map[int64][]string{ours: {appRedirect}, bare: {appRedirect}},
	})
	return &elsewhere{in, c.Social, corp}
}

// google returns a token of Google's for a client.
func (e *elsewhere) google(client string, who socialtest.Person) string {
	return e.GoogleIDToken(client, client, who, "")
}

// corporate returns a token of the publisher's own provider.
func (e *elsewhere) corporate(t testing.TB, who socialtest.Person, nonce string) string {
	t.Helper()
	back, err := e.corp.Consent(e.corp.Issuer+"/authorize?"+url.Values{
		"client_id": {web}, "response_type": {"code"}, "scope": {"openid email profile"}, "redirect_uri": {"https://app.example/"}, "state": {"x"}, "nonce": {nonce},
	}.Encode(), who)
	must(t, err)
	u, err := url.Parse(back.URL)
	must(t, err)
	answer, err := http.PostForm(e.corp.Issuer+"/token", url.Values{
		"client_id": {web}, "client_secret": {"secret of " + web}, "grant_type": {"authorization_code"}, "code": {u.Query().Get("code")},
	})
	must(t, err)
	defer answer.Body.Close()
	var told struct {
		IDToken string `json:"id_token"`
	}
	must(t, json.NewDecoder(answer.Body).Decode(&told))
	return told.IDToken
}

// native is the body of a sign-in with a token of a provider's.
func native(publisherID int64, provider, token string, nonce ...string) string {
	members := map[string]any{"publisherId": strconv.FormatInt(publisherID, 10), "provider": provider, "token": token}
	if len(nonce) > 0 {
		members["nonce"] = nonce[0]
	}
	return document(members)
}

// agreed accepts what the publisher ours requires.
var agreed = []map[string]string{{"name": "terms", "version": "2", "state": "accepted"}, {"name": "marketing", "version": "1", "state": "declined"}}

// telling is the body of somebody who joins the publisher ours.
func telling(token string, more map[string]any) string {
	members := map[string]any{"publisherId": "100000001", "joinToken": token}
	for name, value := range more {
		members[name] = value
	}
	return document(members)
}

// joinView is what is missing of somebody.
type joinView struct {
	JoinToken string           `json:"joinToken"`
	Missing   []string         `json:"missing"`
	Email     string           `json:"email"`
	Consents  []map[string]any `json:"consents"`
	CodeSent  bool             `json:"codeSent"`
}

// lacks checks that exactly this is missing, and returns the rest.
func (a answer) lacks(t testing.TB, missing ...string) joinView {
	t.Helper()
	a.refused(t, 422, "SOC0001", "Something is missing")
	var j joinView
	if err := json.Unmarshal(a.members["join"], &j); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	if !slices.Equal(j.Missing, missing) || j.JoinToken == "" {
		t.Fatalf("missing %s, want %q", a.body, missing)
	}
	return j
}

// enters checks that an answer is a pair of tokens, and returns whose: the token and
// the customer as stored.
func (w *world) enters(t testing.TB, a answer) (jwt string, c authstore.Customer) {
	t.Helper()
	if a.status != http.StatusOK || len(a.data) != 2 {
		t.Fatalf("answer %d %s, want a pair of tokens", a.status, a.body)
	}
	jwt = a.text(t, "jwt")
	claims, err := w.keys.VerifyForPublisher(jwt)
	must(t, err)
	id := strconv.FormatInt(claims.CustomerID, 10)
	if got := w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...); got.status != http.StatusOK {
		t.Fatalf("the token is not the customer's: %d %s", got.status, got.body)
	}
	if got := w.call(t, "POST", "/auths/refresh_token", refresh(a.text(t, "refreshToken"))); got.status != http.StatusOK {
		t.Fatalf("the refresh token: %d %s", got.status, got.body)
	}
	return jwt, w.mustRead(t, id)
}

// mustJoin signs a person in who is new to the publisher ours.
func (w *abroad) mustJoin(t testing.TB, who socialtest.Person) (jwt string, c authstore.Customer) {
	t.Helper()
	j := w.call(t, "POST", "/social/auths", native(ours, "google", w.google(web, who))).lacks(t, "consents")
	return w.enters(t, w.call(t, "POST", "/social/join", telling(j.JoinToken, map[string]any{"consents": agreed})))
}

// mailedCode takes all mails out of the queue and returns the code in one to an address.
func (w *world) mailedCode(t testing.TB, to string) string {
	t.Helper()
	mails := w.mailed(t, notice.Join)
	if len(mails) != 1 || mails[0].to != to || mails[0].code == "" {
		t.Fatalf("mails %+v, want one code to %s", mails, to)
	}
	return mails[0].code
}
