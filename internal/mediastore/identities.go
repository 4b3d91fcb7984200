// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/social"
)

// The failures of changes of how a customer signs in.
var (
	errIdentityTaken = failure(http.StatusUnprocessableEntity, "SOC0007", "Identity belongs to another account")
	errLastWay       = failure(http.StatusUnprocessableEntity, "SOC0008", "Identity is the last way to sign in")
	errNotFresh      = failure(http.StatusForbidden, "SOC0009", "Sign in again, or send the password")
)

// identityView is a way in which a customer signs in, as clients see it.
type identityView struct {
	ID        string `json:"id"`
	Provider  string `json:"provider"`
	Label     string `json:"label"`
	Brand     string `json:"brand"`
	Created   string `json:"created"`
	Removable bool   `json:"removable"`
}

type identityViews struct {
	Identities []identityView `json:"identities"`
}

// identityID names an identity to its customer, without what the provider calls them.
func identityID(w social.Way) string { return secret.Digest(w.Issuer + "\x00" + w.Subject) }

// identities is GET /customers/{customerId}/identities.
func (a *API) identities(ctx context.Context, c *call) (any, error) {
	who, p, err := a.customerAndPublisher(ctx, c)
	if err != nil {
		return nil, err
	}
	return a.waysOf(ctx, p, who)
}

func (a *API) waysOf(ctx context.Context, p authstore.Publisher, who authstore.Customer) (any, error) {
	ways, err := a.Social.Ways(ctx, p, who)
	if err != nil {
		return nil, err
	}
	views := identityViews{[]identityView{}}
	for _, w := range ways {
		v := identityView{ID: identityID(w), Created: w.Created.UTC().Format(time.DateTime), Removable: removable(w)}
		switch {
		case w.Issuer == authstore.ProviderPassword:
			v.Provider = authstore.ProviderPassword
		case w.Provider != nil:
			v.Provider, v.Label, v.Brand = w.Provider.Name, w.Provider.Called(), w.Provider.Brand()
		}
		views.Identities = append(views.Identities, v)
	}
	return views, nil
}

// removable tells whether a way can be removed here.
func removable(w social.Way) bool { return !w.Last && w.Issuer != authstore.ProviderPassword }

// linkIdentity is POST /customers/{customerId}/identities.
func (a *API) linkIdentity(ctx context.Context, c *call) (any, error) {
	who, p, err := a.customerAndPublisher(ctx, c)
	if err != nil {
		return nil, err
	}
	in, err := decode[struct {
		brought
		Password string `json:"password"`
	}](c)
	if err != nil {
		return nil, err
	}
	if err := a.proved(ctx, c, who, in.Password); err != nil {
		return nil, err
	}
	person, err := a.person(ctx, c, p, in.brought)
	if err != nil {
		return nil, err
	}
	if err := a.Social.Link(ctx, p, who, person); err != nil {
		return nil, err
	}
	return a.waysOf(ctx, p, who)
}

// unlinkIdentity is DELETE /customers/{customerId}/identities/{identityId}. The session
// that asks goes on; the others end.
func (a *API) unlinkIdentity(ctx context.Context, c *call) (any, error) {
	who, p, err := a.customerAndPublisher(ctx, c)
	if err != nil {
		return nil, err
	}
	var in struct {
		Password string `json:"password"`
	}
	if len(c.body) > 0 {
		if in, err = decode[struct {
			Password string `json:"password"`
		}](c); err != nil {
			return nil, err
		}
	}
	ways, err := a.Social.Ways(ctx, p, who)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(ways, func(w social.Way) bool { return identityID(w) == c.PathValue("identityId") })
	if i < 0 || ways[i].Issuer == authstore.ProviderPassword {
		return nil, errNotFound
	}
	if err := a.proved(ctx, c, who, in.Password); err != nil {
		return nil, err
	}
	claims, err := a.claims(c)
	if err != nil {
		return nil, err
	}
	err = a.Social.Unlink(ctx, p, who, ways[i].Issuer, ways[i].Subject, claims.SessionID)
	if errors.Is(err, authstore.ErrNotFound) {
		return nil, errNotFound // overtaken
	}
	if err != nil {
		return nil, err
	}
	return a.waysOf(ctx, p, who)
}

// proved tells whether a customer has proved who they are: by the password just now, or
// lately by signing in.
func (a *API) proved(ctx context.Context, c *call, who authstore.Customer, password string) error {
	if password != "" {
		return a.Customers.Proved(ctx, who, password, ipText(c))
	}
	claims, err := a.claims(c)
	if err != nil {
		return err
	}
	s, err := a.Store.OwnSession(ctx, who.ID, claims.SessionID)
	if errors.Is(err, authstore.ErrNotFound) {
		return errJWT
	}
	if err == nil && !a.Social.IsFresh(s) {
		return errNotFresh
	}
	return err
}
