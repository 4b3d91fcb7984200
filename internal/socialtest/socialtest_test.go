// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/facebook"
	"github.com/markbates/goth/providers/google"
	"github.com/markbates/goth/providers/twitch"

	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/socialtest"
)

const (
	callback = "https://id.example.com/social/callback"
	client   = "the-client"
	secret   = "the client's secret"
)

var (
	anna = socialtest.Person{
		Subject: "110169484474386276334", Email: "anna@gmail.test",
		Name: "Anna Alba", GivenName: "Anna", FamilyName: "Alba", Picture: "https://pictures.test/anna.png",
	}
	nobody = socialtest.Person{Subject: "1207059", Name: "Nora Body", GivenName: "Nora", FamilyName: "Body"} // gives no address
)

var all = []socialtest.Provider{socialtest.Google, socialtest.Facebook, socialtest.Twitch}

// start starts the providers, where the client is registered and both have
// accounts.
func start(t *testing.T, now func() time.Time) *socialtest.Internet {
	t.Helper()
	in := socialtest.New(t, now)
	for _, p := range append(all, socialtest.Apple) {
		in.Add(p, anna, nobody)
	}
	for _, p := range all {
		in.Register(p, socialtest.Client{ID: client, Secret: secret, RedirectURIs: []string{callback}})
	}
	return in
}

// values returns the parameters of a way back.
func values(t *testing.T, c socialtest.Callback) url.Values {
	t.Helper()
	u, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	all := u.Query()
	maps.Copy(all, c.Form)
	return all
}

func TestPeopleSignInThroughGoth(t *testing.T) {
	t.Parallel()
	in := start(t, time.Now)
	http := &http.Client{Transport: in.Transport(t), Timeout: time.Minute}
	g := google.New(client, secret, callback, "openid", "email", "profile")
	f := facebook.New(client, secret, callback, "email")
	w := twitch.New(client, secret, callback)
	g.HTTPClient, f.HTTPClient, w.HTTPClient = http, http, http

	person := func(p socialtest.Person) goth.User {
		return goth.User{UserID: p.Subject, Email: p.Email, Name: p.Name, NickName: p.Name, FirstName: p.GivenName, LastName: p.FamilyName, AvatarURL: p.Picture}
	}
	twitcher := goth.User{UserID: anna.Subject, Email: anna.Email, Name: "anna", NickName: "Anna", AvatarURL: anna.Picture}
	for _, test := range []struct {
		provider goth.Provider
		person   socialtest.Person
		want     goth.User
	}{
		{g, anna, person(anna)}, {g, nobody, person(nobody)}, {f, anna, person(anna)}, {f, nobody, person(nobody)}, {w, anna, twitcher},
	} {
		session, err := test.provider.BeginAuth("the state")
		if err != nil {
			t.Fatal(err)
		}
		to, err := session.GetAuthURL()
		if err != nil {
			t.Fatal(err)
		}
		back, err := in.Consent(to, test.person)
		if err != nil {
			t.Fatal(err)
		}
		answer := values(t, back)
		if answer.Get("state") != "the state" {
			t.Errorf("%s: the state comes back as %q", test.provider.Name(), answer.Get("state"))
		}
		if _, err := session.Authorize(test.provider, answer); err != nil {
			t.Errorf("%s: %v", test.provider.Name(), err)
			continue
		}
		got, err := test.provider.FetchUser(session)
		if err != nil {
			t.Errorf("%s: %v", test.provider.Name(), err)
			continue
		}
		brief := goth.User{UserID: got.UserID, Email: got.Email, Name: got.Name, NickName: got.NickName, FirstName: got.FirstName, LastName: got.LastName, AvatarURL: got.AvatarURL}
		if !equal(brief, test.want) {
			t.Errorf("%s says %+v, want %+v", test.provider.Name(), brief, test.want)
		}
		if test.provider == g && got.IDToken == "" {
			t.Error("google gives no id_token")
		}
	}
}

func equal(a, b goth.User) bool { return encoded(a) == encoded(b) }

func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestPeopleWhoSignInAtOnceAreNotMixedUp is about us: tests of the like look for
// mistakes of others.
func TestPeopleWhoSignInAtOnceAreNotMixedUp(t *testing.T) {
	t.Parallel()
	in := start(t, time.Now)
	c := &http.Client{Transport: in.Transport(t)}
	var group sync.WaitGroup
	for i := range 50 {
		person := socialtest.Person{Subject: strconv.Itoa(i), Email: fmt.Sprintf("person%d@gmail.test", i)}
		in.Add(socialtest.Google, person)
		group.Go(func() {
			g := google.New(client, secret, callback)
			g.HTTPClient = c
			session, err := g.BeginAuth("")
			if err != nil {
				t.Error(err)
				return
			}
			to, _ := session.GetAuthURL()
			back, err := in.Consent(to, person)
			if err != nil {
				t.Error(err)
				return
			}
			_, query, _ := strings.Cut(back.URL, "?")
			answer, err := url.ParseQuery(query)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := session.Authorize(g, answer); err != nil {
				t.Error(err)
				return
			}
			if user, err := g.FetchUser(session); err != nil || user.UserID != person.Subject || user.Email != person.Email {
				t.Errorf("%s is %s, %s: %v", person.Subject, user.UserID, user.Email, err)
			}
		})
	}
	group.Wait()
}

// addresses are where people are asked, and servers ask.
var addresses = map[socialtest.Provider]struct{ consent, token string }{
	socialtest.Google:   {"https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token"},
	socialtest.Facebook: {"https://www.facebook.com/v25.0/dialog/oauth", "https://graph.facebook.com/v25.0/oauth/access_token"},
	socialtest.Twitch:   {"https://id.twitch.tv/oauth2/authorize", "https://id.twitch.tv/oauth2/token"},
	socialtest.Apple:    {"https://appleid.apple.com/auth/authorize", "https://appleid.apple.com/auth/token"},
}

// verifier and challenge are of PKCE.
const verifier = "a verifier that is long enough, at forty-three characters"

func challenge() string {
	digest := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

func with(v url.Values, changes ...string) url.Values {
	changed := maps.Clone(v)
	for i := 0; i < len(changes); i += 2 {
		if changed.Set(changes[i], changes[i+1]); changes[i+1] == "" {
			changed.Del(changes[i])
		}
	}
	return changed
}

var request = url.Values{
	"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email profile"}, "state": {"s"}, "nonce": {"n"},
	"code_challenge": {challenge()}, "code_challenge_method": {"S256"},
}

// code returns a fresh one.
func code(t *testing.T, in *socialtest.Internet, p socialtest.Provider, request url.Values) string {
	t.Helper()
	back, err := in.Consent(addresses[p].consent+"?"+request.Encode(), anna)
	if err != nil {
		t.Fatal(err)
	}
	return values(t, back).Get("code")
}

// exchange is the right way to exchange a code.
func exchange(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {client}, "client_secret": {secret}, "redirect_uri": {callback}, "code": {code}, "code_verifier": {verifier},
	}
}

// post posts a form and returns status and JSON.
func post(t *testing.T, c *http.Client, to string, form url.Values) (int, map[string]any) {
	t.Helper()
	res, err := c.PostForm(to, form)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

func get(t *testing.T, c *http.Client, from string, q url.Values) (int, map[string]any) {
	t.Helper()
	res, err := c.Get(from + "?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

func read(t *testing.T, res *http.Response) (int, map[string]any) {
	t.Helper()
	defer res.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

func TestACodeIsGoodOnceForWhoAskedForIt(t *testing.T) {
	t.Parallel()
	clock := authstoretest.NewClock()
	in := start(t, clock.Now)
	c := &http.Client{Transport: in.Transport(t)}
	for _, p := range all {
		in.Register(p, socialtest.Client{ID: "another", Secret: secret, RedirectURIs: []string{callback}})
		to := addresses[p].token
		for wrong, changes := range map[string][]string{
			"no code":          {"code", ""},
			"a made-up code":   {"code", "4/0AAAA"},
			"no client":        {"client_id", ""},
			"unknown client":   {"client_id", "stranger"},
			"another client":   {"client_id", "another"},
			"no secret":        {"client_secret", ""},
			"another's secret": {"client_secret", "guess"},
			"another address":  {"redirect_uri", callback + "/"},
			"no verifier":      {"code_verifier", ""},
			"another verifier": {"code_verifier", verifier + "!"},
		} {
			if status, body := post(t, c, to, with(exchange(code(t, in, p, request)), changes...)); status < 400 || body["access_token"] != nil {
				t.Errorf("%s, %s: status %d, %v", p, wrong, status, body)
			}
		}
		form := exchange(code(t, in, p, request))
		if status, body := post(t, c, to, form); status != 200 || body["access_token"] == "" {
			t.Errorf("%s: status %d, %v", p, status, body)
		}
		if status, body := post(t, c, to, form); status != 400 {
			t.Errorf("%s, the code again: status %d, %v", p, status, body)
		}
		form = exchange(code(t, in, p, request))
		clock.Add(11 * time.Minute)
		if status, body := post(t, c, to, form); status != 400 {
			t.Errorf("%s, an old code: status %d, %v", p, status, body)
		}
	}
}

func TestRequestsThatAreNotInOrderGetAPageAndNoCode(t *testing.T) {
	t.Parallel()
	in := start(t, time.Now)
	in.RegisterApple(t, client, callback)
	c := &http.Client{Transport: in.Transport(t), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for p, at := range addresses {
		right := request
		if p == socialtest.Apple {
			right = with(request, "response_mode", "form_post")
		}
		for what, changes := range map[string][]string{
			"unknown client":    {"client_id", "stranger"},
			"another address":   {"redirect_uri", callback + "?x=1"},
			"another type":      {"response_type", "token"},
			"a plain challenge": {"code_challenge_method", "plain"},
		} {
			q := with(right, changes...).Encode()
			res, err := c.Get(at.consent + "?" + q)
			if err != nil {
				t.Fatal(err)
			}
			page, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 400 || strings.Contains(string(page), "<form") {
				t.Errorf("%s, %s: status %d\n%s", p, what, res.StatusCode, page)
			}
			if _, err := in.Consent(at.consent+"?"+q, anna); err == nil {
				t.Errorf("%s, %s: a person can agree", p, what)
			}
			if res, err = c.PostForm(at.consent+"?"+q, url.Values{"person": {anna.Subject}}); err != nil || res.StatusCode != 400 {
				t.Errorf("%s, %s: a form can be sent: %v, %v", p, what, res, err)
			}
		}
		if _, err := in.Consent(at.consent+"?"+right.Encode(), socialtest.Person{Subject: "nobody's"}); err == nil {
			t.Errorf("%s: somebody without an account can agree", p)
		}
		if back, err := in.Cancel(at.consent + "?" + right.Encode()); err != nil || values(t, back).Get("error") == "" || values(t, back).Get("state") != "s" {
			t.Errorf("%s, after Cancel: %v, %v", p, back, err)
		}
	}
	if _, err := in.Consent("https://accounts.google.example/o/oauth2/v2/auth?"+request.Encode(), anna); err == nil {
		t.Error("a person can agree anywhere")
	}
}

func TestFacebookTellsAppsAboutTheirOwnPeopleOnly(t *testing.T) {
	t.Parallel()
	clock := authstoretest.NewClock()
	in := start(t, clock.Now)
	in.Register(socialtest.Facebook, socialtest.Client{ID: "another", Secret: "another's secret"})
	c := &http.Client{Transport: in.Transport(t)}
	ours, theirs := in.FacebookToken(client, anna), in.FacebookToken("another", anna)

	debug := func(token, app string) (int, map[string]any) {
		status, body := get(t, c, "https://graph.facebook.com/debug_token", url.Values{"input_token": {token}, "access_token": {app}})
		data, _ := body["data"].(map[string]any)
		return status, data
	}
	if status, data := debug(ours, client+"|"+secret); status != 200 || data["is_valid"] != true || data["app_id"] != client || data["user_id"] != anna.Subject {
		t.Errorf("our token: status %d, %v", status, data)
	}
	if status, data := debug(theirs, client+"|"+secret); status != 200 || data["is_valid"] != false || data["user_id"] != nil {
		t.Errorf("another's token: status %d, %v", status, data)
	}
	if status, data := debug(theirs, "another|another's secret"); status != 200 || data["app_id"] != "another" {
		t.Errorf("another about their token: status %d, %v", status, data)
	}
	if status, data := debug("EAAGmadeup", client+"|"+secret); status != 200 || data["is_valid"] != false {
		t.Errorf("a made-up token: status %d, %v", status, data)
	}
	if status, _ := debug(ours, client+"|guess"); status != 400 {
		t.Errorf("a stranger asks: status %d", status)
	}
	for what, proof := range map[string]string{"no proof": "", "another proof": "00"} {
		if status, body := get(t, c, "https://graph.facebook.com/me", url.Values{"access_token": {ours}, "appsecret_proof": {proof}}); status != 400 {
			t.Errorf("%s: status %d, %v", what, status, body)
		}
	}
	clock.Add(61 * 24 * time.Hour)
	if _, data := debug(ours, client+"|"+secret); data["is_valid"] != false {
		t.Errorf("an old token: %v", data)
	}
}

func TestSignedRequestsAreFacebooks(t *testing.T) {
	t.Parallel()
	// As openssl signs it.
	got := socialtest.SignedRequest("secret", map[string]any{"algorithm": "HMAC-SHA256", "issued_at": 1291836800, "user_id": "218471"})
	const want = "YUJO0oRGOt7-W5asotYHMee563x9OGcUgq1tqDuu-Z4.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlzc3VlZF9hdCI6MTI5MTgzNjgwMCwidXNlcl9pZCI6IjIxODQ3MSJ9"
	if got != want {
		t.Errorf("signed %s, want %s", got, want)
	}
	in := start(t, time.Now)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(in.SignedRequest(client, nobody), ".")[1])
	if err != nil || !strings.Contains(string(payload), `"user_id":"1207059"`) {
		t.Errorf("it says %s, %v", payload, err)
	}
}

// TestProcessesReachTheProvidersByTheirEnvironment runs itself as another process.
func TestProcessesReachTheProvidersByTheirEnvironment(t *testing.T) {
	t.Parallel()
	const asked = "SOCIALTEST_ASK"
	if os.Getenv(asked) != "" {
		status, body := get(t, http.DefaultClient, "https://accounts.google.com/.well-known/openid-configuration", nil)
		if status != 200 || body["issuer"] != "https://accounts.google.com" {
			t.Errorf("status %d, %v", status, body)
		}
		if _, err := http.Get("https://www.example.com/"); err == nil {
			t.Error("there is an internet")
		}
		return
	}
	in := start(t, time.Now)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(append(os.Environ(), in.Environment(t)...), asked+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if n := in.Asked(socialtest.Google, socialtest.Discovery); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
