// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/markbates/goth"
	"golang.org/x/oauth2"
)

// Options are what a publisher says of a provider.
type Options struct {
	Name  string // unique at the publisher; part of the callback's address
	Label string // what the button calls it; default: the brand's own name

	ClientID     string
	ClientSecret string

	// NativeClientIDs are those of the publisher's apps, whose tokens are taken too.
	NativeClientIDs []string

	Scopes []string // besides those that are needed

	// Claims are kept of what the provider tells: by firstName, lastName, a question
	// of capture, or externalId, the name of a claim.
	Claims map[string]string

	// Automatic sends viewers on to the provider without asking.
	Automatic bool

	// Timeout is how long the provider may take for one answer. Default: 10 s.
	Timeout time.Duration
	// Trusted says that it is the publisher's own: the externalId that it tells decides
	// which customer somebody is, as in POST /sso/auths.
	Trusted bool

	// Transport carries requests to the provider. Default: one that heeds the
	// HTTPS_PROXY of the environment.
	Transport http.RoundTripper
}

// Provider is a place to sign in elsewhere, as a publisher has it. Safe for
// concurrent use: sign-ins share nothing but keys.
type Provider struct {
	Options
	brand  string // whose rules its button follows
	issuer string // of identities

	client *http.Client

	// adopt returns goth's provider for one sign-in.
	adopt func(ctx context.Context, callback string, client *http.Client) (goth.Provider, error)

	// verifier returns what judges the ID tokens of sign-ins, and apps what judges
	// those that apps bring where that is another; nil where there are none.
	verifier, apps verifierFunc

	pkce   bool       // RFC 7636, with S256
	byPost bool       // the answer comes as a form (OAuth 2.0 Form Post Response Mode)
	asked  url.Values // besides what goth asks
	again  url.Values // what has somebody prove anew who they are, where the provider can

	// read completes what goth says of somebody by what only this provider tells.
	read func(u goth.User, claims map[string]any) (Person, error)

	// native judges a token that is no ID token; nil where there are none.
	native func(ctx context.Context, token string) (Person, error)
}

// Brand returns whose rules the provider's button follows: google, facebook, apple,
// or another word for a plain one.
func (p *Provider) Brand() string { return p.brand }

// Issuer returns the first part of the key of its identities.
func (p *Provider) Issuer() string { return p.issuer }

// Begin returns where to send the browser. callback is where the provider answers.
// hint is an address that is likely theirs, or "". With the intent Confirm the provider
// is asked to have them prove who they are, even if it knows. Errors: ErrUnavailable.
func (p *Provider) Begin(ctx context.Context, a Attempt, callback, hint string) (string, error) {
	theirs, err := p.adopt(ctx, callback, p.client)
	if err != nil {
		return "", unavailable(p, err)
	}
	s, err := theirs.BeginAuth(a.State)
	if err != nil {
		return "", unavailable(p, err)
	}
	address, err := s.GetAuthURL()
	if err != nil {
		return "", unavailable(p, err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", unavailable(p, err)
	}
	q := u.Query()
	maps.Copy(q, p.asked)
	if p.verifier != nil {
		q.Set("nonce", a.Nonce)
	}
	if p.pkce {
		q.Set("code_challenge", oauth2.S256ChallengeFromVerifier(a.Verifier))
		q.Set("code_challenge_method", "S256")
	}
	if hint != "" {
		q.Set("login_hint", hint)
	}
	if a.Intent == Confirm {
		maps.Copy(q, p.again)
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // Apple takes no other blanks
	return u.String(), nil
}

// ByPost tells whether the provider answers by a form that the browser posts.
func (p *Provider) ByPost() bool { return p.byPost }

// Finish returns who has signed in, by the parameters that the provider's answer has
// brought. Errors: ErrCancelled, ErrRefused, ErrUnavailable.
func (p *Provider) Finish(ctx context.Context, a Attempt, callback string, answer url.Values) (Person, error) {
	switch {
	case a.State == "" || a.Nonce == "" || answer.Get("state") != a.State || a.Provider != p.Name:
		return Person{}, fmt.Errorf("%w: it is one to another question", ErrRefused)
	case answer.Has("iss") && answer.Get("iss") != p.issuer: // RFC 9207
		return Person{}, fmt.Errorf("%w: it is another provider's", ErrRefused)
	case answer.Get("error") == "access_denied" || answer.Get("error") == "user_cancelled_authorize":
		return Person{}, ErrCancelled
	case answer.Has("error"):
		return Person{}, unavailable(p, fmt.Errorf("it answers the error %.40q", answer.Get("error")))
	case answer.Get("code") == "":
		return Person{}, fmt.Errorf("%w: it has no code", ErrRefused)
	}
	client := p.client
	if p.pkce {
		client = proving(p.client, a.Verifier)
	}
	theirs, err := p.adopt(ctx, callback, client)
	if err != nil {
		return Person{}, unavailable(p, err)
	}
	return p.exchange(ctx, theirs, a, answer)
}

// exchange turns a code into a person.
func (p *Provider) exchange(ctx context.Context, theirs goth.Provider, a Attempt, answer url.Values) (who Person, err error) {
	defer func() { // goth's providers take the shape of answers for granted
		if x := recover(); x != nil {
			who, err = Person{}, unavailable(p, errors.New("it answers in another form than documented"))
		}
	}()
	s, err := theirs.BeginAuth(a.State)
	if err != nil {
		return Person{}, unavailable(p, err)
	}
	if _, err := s.Authorize(theirs, url.Values{"code": {answer.Get("code")}}); err != nil {
		var told *oauth2.RetrieveError
		if errors.As(err, &told) && told.Response != nil && told.Response.StatusCode < 500 {
			return Person{}, fmt.Errorf("%w: %s does not take the code: status %d, %.60q", ErrRefused, p.Name, told.Response.StatusCode, told.ErrorCode)
		}
		return Person{}, unavailable(p, err)
	}
	var claims map[string]any
	if p.verifier != nil {
		// Before goth looks at it, which does not check signatures.
		if claims, err = p.judge(ctx, p.verifier, idTokenOf(s), a.Nonce, p.ClientID); err != nil {
			return Person{}, err
		}
	}
	u, err := theirs.FetchUser(s)
	if err != nil {
		return Person{}, unavailable(p, err)
	}
	if sub, _ := claims["sub"].(string); p.verifier != nil && u.UserID != sub {
		return Person{}, fmt.Errorf("%w: the token is of another person than the profile", ErrRefused)
	}
	if at, ok := claims["auth_time"].(float64); ok && a.Intent == Confirm && time.Since(time.Unix(int64(at), 0)) > AttemptLife {
		return Person{}, fmt.Errorf("%w: they have not proved anew who they are", ErrRefused)
	}
	who, err = p.person(u, merged(claims, u.RawData))
	if p.brand == "apple" && err == nil {
		appleName(&who, answer.Get("user"))
	}
	return who, err
}

// merged returns what an ID token and a profile say together. The token counts where
// they differ, and that an address is verified is said of one address only.
func merged(token, profile map[string]any) map[string]any {
	all := maps.Clone(profile)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, token)
	if _, says := token["email_verified"]; !says && token["email"] != nil && token["email"] != profile["email"] {
		delete(all, "email_verified")
	}
	return all
}

// TakesTokens tells whether there are tokens for Native.
func (p *Provider) TakesTokens() bool { return p.native != nil || p.apps != nil || p.verifier != nil }

// Native returns who somebody is by a token that an app got from the provider itself.
// nonce is what the app asked for, or "". Errors: ErrRefused, ErrNoTokens,
// ErrUnavailable.
func (p *Provider) Native(ctx context.Context, token, nonce string) (Person, error) {
	if p.native != nil && strings.Count(token, ".") != 2 {
		return p.native(ctx, token)
	}
	verifier := p.apps
	if verifier == nil {
		verifier = p.verifier
	}
	if verifier == nil {
		return Person{}, ErrNoTokens
	}
	claims, err := p.judge(ctx, verifier, token, nonce, append([]string{p.ClientID}, p.NativeClientIDs...)...)
	if err != nil {
		return Person{}, err
	}
	return p.person(goth.User{RawData: claims}, claims)
}

// person reads who somebody is, and what of it the configuration wants kept.
func (p *Provider) person(u goth.User, claims map[string]any) (Person, error) {
	who, err := p.read(u, claims)
	if err != nil {
		return Person{}, err
	}
	if who.Subject == "" || len(who.Subject) > maxSubject || strings.ContainsRune(who.Subject, 0) {
		return Person{}, unavailable(p, errors.New("it names nobody"))
	}
	who.Provider, who.Issuer = p.Name, p.issuer
	for _, field := range slices.Sorted(maps.Keys(p.Claims)) {
		who.keep(field, text(claims[p.Claims[field]]))
	}
	who.Email, who.FirstName, who.LastName = cut(who.Email), cut(who.FirstName), cut(who.LastName)
	return who, nil
}

// maxSubject is how long a subject may be (OpenID Connect Core, section 2: 255).
const maxSubject = 255

// maxKept bounds what is kept of a claim, in bytes.
const maxKept = 1000

func cut(s string) string {
	if len(s) > maxKept {
		return ""
	}
	return s
}

func (w *Person) keep(field, value string) {
	switch {
	case value == "" || len(value) > maxKept:
	case field == "firstName":
		w.FirstName = value
	case field == "lastName":
		w.LastName = value
	default:
		if w.Mapped == nil {
			w.Mapped = map[string]string{}
		}
		w.Mapped[field] = value
	}
}

// text returns a claim as a text: a text itself, a number or a truth as JSON writes
// it, nothing else.
func text(claim any) string {
	switch v := claim.(type) {
	case string:
		return strings.TrimSpace(v)
	case float64, bool:
		return fmt.Sprint(v)
	}
	return ""
}

// standard reads the claims that OpenID Connect Core, section 5.1, has.
func standard(_ goth.User, claims map[string]any) (Person, error) {
	return Person{
		Subject: text(claims["sub"]), Email: text(claims["email"]), Verified: text(claims["email_verified"]) == "true",
		FirstName: text(claims["given_name"]), LastName: text(claims["family_name"]), Locale: text(claims["locale"]),
	}, nil
}

// Called returns what people call the provider: as the publisher does, else by its
// brand.
func (p *Provider) Called() string {
	brands := map[string]string{"google": "Google", "facebook": "Facebook", "apple": "Apple", "twitch": "Twitch"}
	return cmp.Or(p.Label, brands[p.brand], p.Name)
}
