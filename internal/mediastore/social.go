// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/social"
)

// The failures of sign-in by accounts elsewhere.
var (
	errProviderToken = failure(http.StatusUnauthorized, "SOC0002", "Invalid provider token")
	errNoProvider    = failure(http.StatusUnprocessableEntity, "SOC0003", "Provider not found")
	errNoTokens      = failure(http.StatusUnprocessableEntity, "SOC0003", "Provider takes no tokens of apps")
	errJoinToken     = failure(http.StatusUnprocessableEntity, "SOC0004", "joinToken is not valid or has expired")
	errSocialCode    = failure(http.StatusUnprocessableEntity, "SOC0005", "code is not valid or has expired")
	errClosed        = failure(http.StatusForbidden, "SOC0006", "Account may not sign in")
	errNoProof       = failure(http.StatusUnprocessableEntity, "REQ0001", "No proof is missing")
	errWrongCode     = failure(http.StatusUnprocessableEntity, "REQ0001", "Invalid code")
	errProviderDown  = failure(http.StatusServiceUnavailable, "S0004", "Provider cannot be reached, try again in a moment")
)

// providerRetry is how long a client is asked to wait when a provider cannot be
// reached.
const providerRetry = 5 * time.Second

// explainSocial is explain for errors of sign-in by accounts elsewhere.
func explainSocial(err error) (*Error, time.Duration) {
	for _, known := range []struct {
		err  error
		told *Error
	}{
		{social.ErrRefused, errProviderToken}, {social.ErrNoTokens, errNoTokens}, {social.ErrJoin, errJoinToken},
		{social.ErrCode, errSocialCode}, {social.ErrClosed, errClosed}, {social.ErrTaken, errIdentityTaken}, {social.ErrLastWay, errLastWay},
	} {
		if errors.Is(err, known.err) {
			return known.told, 0
		}
	}
	if errors.Is(err, social.ErrUnavailable) {
		return errProviderDown, providerRetry
	}
	return nil, 0
}

// withSocial is for endpoints that need the service, which there may not be.
func (a *API) withSocial(fn func(context.Context, *call) (any, error)) http.Handler {
	return a.endpoint(func(ctx context.Context, c *call) (any, error) {
		if a.Social == nil {
			return nil, errNoProvider
		}
		return fn(ctx, c)
	})
}

// providerView is a way to sign in elsewhere, as clients see it.
type providerView struct {
	Name         string `json:"name"`
	Label        string `json:"label"`
	Brand        string `json:"brand"`
	AuthorizeURL string `json:"authorizeUrl"`
	Native       bool   `json:"native"`
}

type providerViews struct {
	Providers []providerView `json:"providers"`
}

// socialProviders is GET /social/providers.
func (a *API) socialProviders(_ context.Context, c *call) (any, error) {
	query := c.URL.Query()
	p, err := a.publisherOf(tenant{PublisherID: id(query.Get("publisherId")), OfferID: query.Get("offerId")})
	if errors.Is(err, errNoTenant) {
		return nil, errNoTenantParam
	}
	if err != nil {
		return nil, err
	}
	views := providerViews{[]providerView{}}
	if a.Social == nil {
		return views, nil
	}
	for _, provider := range a.Social.At(p.ID) {
		views.Providers = append(views.Providers, providerView{
			Name: provider.Name, Label: provider.Called(), Brand: provider.Brand(), Native: provider.TakesTokens(),
			AuthorizeURL: string(a.Hub) + social.AuthorizePath + "?" + url.Values{
				"publisherId": {strconv.FormatInt(p.ID, 10)}, "provider": {provider.Name},
			}.Encode(),
		})
	}
	return views, nil
}

// brought is a token that an app got from a provider itself.
type brought struct {
	Provider string `json:"provider"`
	Token    string `json:"token"`
	Nonce    string `json:"nonce"`
}

// person returns whose token it is.
func (a *API) person(ctx context.Context, c *call, p authstore.Publisher, b brought) (social.Person, error) {
	if b.Token == "" {
		return social.Person{}, badBody("Invalid param token")
	}
	provider, ok := a.Social.Provider(p.ID, b.Provider)
	if !ok {
		return social.Person{}, errNoProvider
	}
	return a.Social.Native(ctx, provider, b.Token, b.Nonce, ipText(c))
}

// socialLogin is POST /social/auths.
func (a *API) socialLogin(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[struct {
		tenant
		brought
	}](a, c)
	if err != nil {
		return nil, err
	}
	who, err := a.person(ctx, c, p, in.brought)
	if err != nil {
		return nil, err
	}
	from, err := a.arriving(ctx, c, in.offer(), "")
	if err != nil {
		return nil, err
	}
	o, err := a.Social.Enter(ctx, p, who, a.guessed(ctx, c), from)
	if err != nil {
		return nil, err
	}
	return a.became(ctx, p, o)
}

// joining is what the bodies have in common of those who tell what was missing.
type joining struct {
	tenant
	JoinToken string `json:"joinToken"`
}

// socialJoin is POST /social/join.
func (a *API) socialJoin(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[struct {
		joining
		Email    string        `json:"email"`
		Consents consentsGiven `json:"consents"`
	}](a, c)
	if err != nil {
		return nil, err
	}
	from, err := a.arriving(ctx, c, in.offer(), "")
	if err != nil {
		return nil, err
	}
	o, err := a.Social.Complete(ctx, p, in.JoinToken, social.Completion{
		Email: in.Email, Answers: in.Consents.answers(), Profile: a.guessed(ctx, c),
	}, from)
	if err != nil {
		return nil, err
	}
	return a.became(ctx, p, o)
}

// socialJoinCode is POST /social/join/code.
func (a *API) socialJoinCode(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[joining](a, c)
	if err != nil {
		return nil, err
	}
	err = a.Social.SendCode(ctx, p, in.JoinToken, ipText(c))
	if errors.Is(err, customer.ErrConfirmation) {
		return nil, errNoProof
	}
	return done, err
}

// socialJoinProof is POST /social/join/proof.
func (a *API) socialJoinProof(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[struct {
		joining
		Password string `json:"password"`
		Code     string `json:"code"`
	}](a, c)
	if err != nil {
		return nil, err
	}
	if (in.Password == "") == (in.Code == "") {
		return nil, badBody("Either param password or code is needed")
	}
	from, err := a.arriving(ctx, c, in.offer(), "")
	if err != nil {
		return nil, err
	}
	var e customer.Entry
	if in.Password != "" {
		e, err = a.Social.ProveByPassword(ctx, p, in.JoinToken, in.Password, from)
	} else {
		e, err = a.Social.ProveByCode(ctx, p, in.JoinToken, in.Code, from)
	}
	switch {
	case errors.Is(err, customer.ErrConfirmation) && in.Code != "":
		return nil, errWrongCode
	case err != nil:
		return nil, err
	}
	return a.pair(ctx, e)
}

// socialTokens is POST /social/tokens: the end of a journey through a browser.
func (a *API) socialTokens(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[struct {
		tenant
		Code         string `json:"code"`
		CodeVerifier string `json:"codeVerifier"`
		RedirectURI  string `json:"redirectUri"`
	}](a, c)
	if err != nil {
		return nil, err
	}
	from, err := a.arriving(ctx, c, in.offer(), "")
	if err != nil {
		return nil, err
	}
	e, err := a.Social.RedeemApp(ctx, p, in.Code, in.CodeVerifier, in.RedirectURI, from)
	if err != nil {
		return nil, err
	}
	return a.pair(ctx, e)
}

// Words for what is missing.
const (
	missingEmail    = "email"
	missingConsents = "consents"
	missingProof    = "proof"
)

// joinView is what is missing, as clients see it. It stands beside the code and not
// in responseData, because who is not in yet must not be taken for somebody who is.
type joinView struct {
	JoinToken string        `json:"joinToken"`
	Missing   []string      `json:"missing"`
	Email     string        `json:"email"`
	Consents  []consentView `json:"consents"`
	CodeSent  bool          `json:"codeSent"`
}

// became answers somebody who is in, or who has something to tell before.
func (a *API) became(ctx context.Context, p authstore.Publisher, o social.Outcome) (any, error) {
	if o.Entry != nil {
		return a.pair(ctx, *o.Entry)
	}
	j, err := a.Social.Joining(ctx, p, o.Join)
	if err != nil {
		return nil, err
	}
	view := joinView{JoinToken: o.Join, Missing: []string{}, Email: j.Email, Consents: []consentView{}, CodeSent: j.Sent}
	if j.NeedEmail {
		view.Missing = append(view.Missing, missingEmail)
	}
	if len(j.Consents) > 0 {
		view.Missing = append(view.Missing, missingConsents)
		view.Consents = consentViewsOf(p.ID, j.Consents)
	}
	if j.Proof {
		view.Missing = append(view.Missing, missingProof)
	}
	missing := failure(http.StatusUnprocessableEntity, "SOC0001", "Something is missing")
	missing.Join = &view
	return nil, missing
}
