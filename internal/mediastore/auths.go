// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/locale"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/recall"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/token"
)

// tokens is what a client holds to act for a customer (section 4).
type tokens struct {
	JWT          string `json:"jwt"`
	RefreshToken string `json:"refreshToken"`

	// CustomerToken belongs to an API that no client here speaks: a random
	// string that is accepted nowhere.
	CustomerToken string `json:"customerToken,omitempty"`
	CustomerID    int64  `json:"customerId,omitempty"`
}

// tenant is how a request names its publisher: directly or by an offer.
type tenant struct {
	PublisherID id     `json:"publisherId"`
	OfferID     string `json:"offerId"`
}

func (a *API) publisherOf(t tenant) (authstore.Publisher, error) {
	switch {
	case t.PublisherID != "":
		n, err := publisher.ParseID(string(t.PublisherID))
		if err != nil {
			return authstore.Publisher{}, errPublisher
		}
		if p, ok := a.Directory.ByID(n); ok {
			return p, nil
		}
		return authstore.Publisher{}, errPublisher
	case t.OfferID != "":
		if p, ok := a.Directory.ByOffer(t.OfferID); ok {
			return p, nil
		}
		return authstore.Publisher{}, errPublisher
	}
	return authstore.Publisher{}, errNoTenant
}

// decodeTenant is decode for bodies that name a publisher, which it finds.
func decodeTenant[T interface{ named() tenant }](a *API, c *call) (T, authstore.Publisher, error) {
	in, err := decode[T](c)
	if err != nil {
		return in, authstore.Publisher{}, err
	}
	p, err := a.publisherOf(in.named())
	return in, p, err
}

// named returns what a body that embeds a tenant says of its publisher.
func (t tenant) named() tenant { return t }

// offer returns the offer that named the publisher, if none was named directly.
func (t tenant) offer() string {
	if t.PublisherID != "" {
		return ""
	}
	return t.OfferID
}

// login is POST /auths, section 5.4.
func (a *API) login(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[struct {
		tenant
		Email      string `json:"email"`
		Password   string `json:"password"`
		CustomerIP string `json:"customerIP"`
	}](a, c)
	if err != nil {
		return nil, err
	}
	from, err := a.arriving(ctx, c, in.offer(), in.CustomerIP)
	if err != nil {
		return nil, err
	}
	if in.Password == "" {
		return nil, badBody("Invalid param password")
	}
	e, err := a.Customers.Login(ctx, p, in.Email, in.Password, from)
	if errors.Is(err, customer.ErrEmail) {
		return nil, badBody("Invalid param email")
	}
	if err != nil {
		return nil, err
	}
	return a.entry(ctx, e)
}

// register is POST /customers, section 5.3.
func (a *API) register(ctx context.Context, c *call) (any, error) {
	in, p, err := decodeTenant[struct {
		tenant
		Email        string          `json:"email"`
		Password     string          `json:"password"`
		Locale       string          `json:"locale"`
		Country      string          `json:"country"`
		Currency     string          `json:"currency"`
		FirstName    string          `json:"firstName"`
		LastName     string          `json:"lastName"`
		ExternalID   string          `json:"externalId"`
		ExternalData json.RawMessage `json:"externalData"`
		CustomerIP   string          `json:"customerIP"`
	}](a, c)
	if err != nil {
		return nil, err
	}
	from, err := c.arrival(in.offer(), in.CustomerIP)
	if err != nil {
		return nil, err
	}
	guess := a.guessed(ctx, c)
	profile := authstore.Customer{
		FirstName: in.FirstName, LastName: in.LastName, ExternalID: in.ExternalID,
		Locale: or(in.Locale, guess.Locale), Country: or(in.Country, guess.Country), Currency: or(in.Currency, guess.Currency),
	}
	if profile.ExternalData, err = externalData(in.ExternalData); err != nil {
		return nil, err
	}
	if err := checkProfile(profile); err != nil {
		return nil, err
	}
	e, err := a.Customers.Register(ctx, p, customer.Registration{
		Email: in.Email, Password: in.Password, Profile: profile,
	}, from)
	if err != nil {
		return nil, registrationError(err, in.Email, in.Password)
	}
	return a.entry(ctx, e)
}

// registrationError tells a failure of POST /customers so that the form of a
// published client, which shows REQ0001 for what it checks itself only, does not
// wait for ever: what passed its own check gets an answer of another kind.
func registrationError(err error, email, password string) error {
	switch {
	case errors.Is(err, customer.ErrEmail) && looksLikeEmail(email):
		return badBody("Email verification failed.")
	case isPassword(err) && utf8.RuneCountInString(password) >= 8 && strings.ContainsAny(password, "0123456789"):
		return failure(http.StatusBadRequest, "PWD0001", badPassword(err))
	}
	return err
}

// looksLikeEmail tells whether an address has the shape that the form asks for:
// letters, digits and a few marks, one @, and a top-level domain of letters.
func looksLikeEmail(s string) bool {
	local, domain, _ := strings.Cut(s, "@")
	top := domain[strings.LastIndexByte(domain, '.')+1:]
	return local != "" && len(top) < len(domain)-1 && letters(top, 2, len(top)) &&
		plain(local, "._%+-") && plain(domain, ".-")
}

// plain tells whether a text has letters and digits of ASCII and the given marks
// only.
func plain(s, marks string) bool {
	for i := range len(s) {
		if c := s[i : i+1]; !letters(c, 1, 1) && (c < "0" || c > "9") && !strings.Contains(marks, c) {
			return false
		}
	}
	return true
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// refresh is POST /auths/refresh_token, section 5.5.
func (a *API) refresh(ctx context.Context, c *call) (any, error) {
	in, err := decode[struct {
		RefreshToken string `json:"refreshToken"`
	}](c)
	if err != nil {
		return nil, err
	}
	if in.RefreshToken == "" {
		return nil, badBody("Missing or invalid parameter: refreshToken")
	}
	s, next, err := a.Sessions.Refresh(ctx, in.RefreshToken)
	if errors.Is(err, session.ErrReused) {
		a.tellReuse(ctx, c, s)
	}
	if errors.Is(err, session.ErrRefused) {
		return nil, errRefresh
	}
	if err != nil {
		return nil, err
	}
	jwt, _, err := a.Sessions.AccessToken(ctx, s, token.PublisherAudience(s.PublisherID))
	if errors.Is(err, session.ErrRefused) {
		return nil, errRefresh
	}
	return tokens{JWT: jwt, RefreshToken: next}, err
}

// tellReuse lets the customer know that a session of theirs was ended.
func (a *API) tellReuse(ctx context.Context, c *call, s authstore.Session) {
	owner, err := a.Store.Customer(ctx, s.CustomerID)
	if err != nil {
		a.Report(c.Request, err)
		return
	}
	if err := a.Notices.SessionEnded(ctx, owner); err != nil {
		a.Report(c.Request, err)
	}
}

func (a *API) entry(ctx context.Context, e customer.Entry) (any, error) {
	jwt, _, err := a.Sessions.AccessToken(ctx, e.Session, token.PublisherAudience(e.Customer.PublisherID))
	return tokens{
		JWT: jwt, RefreshToken: e.Secrets.Refresh, CustomerToken: secret.New(), CustomerID: e.Customer.ID,
	}, err
}

// arrival describes where a sign-in comes from. said is the customer's address
// by the client's word, or "": it goes on record and decides nothing.
func (c *call) arrival(offer, said string) (customer.Arrival, error) {
	addr, err := givenIP(said)
	if err != nil {
		return customer.Arrival{}, badBody("Invalid param customerIP")
	}
	from := session.Device{IP: ipText(c), UserAgent: c.UserAgent()}
	if addr.IsValid() {
		from.LastIP = addr.String()
	}
	return customer.Arrival{Device: from, Start: session.ByAPI, OfferID: offer}, nil
}

// arriving is arrival with the country that the request comes from.
func (a *API) arriving(ctx context.Context, c *call, offer, said string) (customer.Arrival, error) {
	from, err := c.arrival(offer, said)
	from.Country = a.Locale.CountryOf(locale.CountryFrom(ctx), clientIP(c.Request))
	return from, err
}

// guessed returns what a new customer is taken to prefer.
func (a *API) guessed(ctx context.Context, c *call) authstore.Customer {
	guess := a.Locale.Resolve(locale.CountryFrom(ctx), clientIP(c.Request), c.Header.Get("Accept-Language"))
	return authstore.Customer{Country: guess.Country, Currency: guess.Currency, Locale: guess.Locale}
}

// pair answers a sign-in with the tokens and nothing else.
func (a *API) pair(ctx context.Context, e customer.Entry) (any, error) {
	jwt, _, err := a.Sessions.AccessToken(ctx, e.Session, token.PublisherAudience(e.Customer.PublisherID))
	return tokens{JWT: jwt, RefreshToken: e.Secrets.Refresh}, err
}

func ipText(c *call) string {
	if addr := clientIP(c.Request); addr.IsValid() {
		return addr.String()
	}
	return ""
}

// claims returns what the valid token says that the request carries.
func (a *API) claims(c *call) (token.Claims, error) {
	header := c.Header.Get("Authorization")
	if header == "" {
		return token.Claims{}, errNoJWT
	}
	if len(header) < 8 || !strings.EqualFold(header[:7], "Bearer ") {
		return token.Claims{}, errJWT
	}
	claims, err := a.verify(header[7:])
	if err == nil && a.Sessions.Ended(claims.SessionID) {
		err = errJWT
	}
	return claims, err
}

// verified is what is remembered of a token that was found good.
type verified struct {
	token.Claims
	generation uint64 // of the keys by which it was judged
}

const (
	// verifiedBudget bounds what is remembered of tokens, in bytes.
	verifiedBudget = 16 << 20

	// verifiedSize is about what one takes.
	verifiedSize = 512
)

// verify judges a token, or remembers the judgement: a signature is dearer than
// the rest of most calls.
func (a *API) verify(raw string) (token.Claims, error) {
	key, ok := a.verified.Key(raw, "api", string(a.Hub))
	if !ok {
		return token.Claims{}, errJWT
	}
	now, generation := a.Store.Now(), a.Keys.Generation()
	v, verdict := a.verified.Get(key, now)
	switch {
	case verdict == recall.Good && v.generation == generation:
		return v.Claims, nil
	case verdict == recall.Refused:
		return token.Claims{}, errJWT
	}
	claims, err := a.Keys.VerifyForPublisher(raw)
	switch {
	case errors.Is(err, token.ErrExpired):
		return claims, errExpired
	case err != nil:
		a.verified.Refuse(key, now)
		return claims, errJWT
	}
	a.verified.Put(key, "", verified{claims, generation}, verifiedSize, claims.Expires, now)
	return claims, nil
}

// ownClaims is claims of the customer who is named in the path. A customer who
// is disabled or erased has no live session, and so none.
func (a *API) ownClaims(c *call) (token.Claims, error) {
	n, err := customerID(c)
	if err != nil {
		return token.Claims{}, err
	}
	claims, err := a.claims(c)
	if err == nil && n != claims.CustomerID {
		err = errJWT
	}
	return claims, err
}

// authenticated returns the customer who is named in the path, and whose valid
// token the request carries.
func (a *API) authenticated(ctx context.Context, c *call) (authstore.Customer, error) {
	claims, err := a.ownClaims(c)
	if err != nil {
		return authstore.Customer{}, err
	}
	found, err := a.Store.Customer(ctx, claims.CustomerID)
	if errors.Is(err, authstore.ErrNotFound) || err == nil && (found.Disabled || found.PublisherID != claims.PublisherID) {
		return authstore.Customer{}, errJWT
	}
	return found, err
}

// customerAndPublisher is authenticated, with the publisher of the customer.
func (a *API) customerAndPublisher(ctx context.Context, c *call) (authstore.Customer, authstore.Publisher, error) {
	who, err := a.authenticated(ctx, c)
	p, ok := a.Directory.ByID(who.PublisherID)
	if err == nil && !ok {
		err = errJWT // the publisher is not configured any more
	}
	return who, p, err
}

const (
	maxName         = 50   // contract, section 5.3
	maxExternalID   = 256  // stops an id from becoming a store
	maxExternalData = 4000 // contract, section 5.10
)

func checkProfile(c authstore.Customer) error {
	switch {
	case utf8.RuneCountInString(c.FirstName) > maxName:
		return badBody("firstName can have max 50 characters.")
	case utf8.RuneCountInString(c.LastName) > maxName:
		return badBody("lastName can have max 50 characters.")
	case len(c.ExternalID) > maxExternalID:
		return badBody("Invalid param externalId")
	case utf8.RuneCountInString(c.ExternalData) > maxExternalData:
		return badBody("Invalid param externalData")
	case !letters(c.Country, 2, 2):
		return badBody("Invalid param country")
	case !letters(c.Currency, 3, 3):
		return badBody("Invalid param currency")
	case len(c.Locale) > 16 || !letters(strings.NewReplacer("_", "", "-", "").Replace(c.Locale), 2, 16):
		return badBody("Invalid param locale")
	}
	return nil
}

func letters(s string, least, most int) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}
