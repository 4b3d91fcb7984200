// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/secret"
)

// Deletion is what became of a wish, told by a provider, to delete what it has told of
// somebody.
type Deletion struct {
	Received time.Time
	Accounts int // those that are erased
	Links    int // those that go on without the provider's identity and what it has told
}

// DeletionPath is where the hub's page tells what was done for a code, which follows.
const DeletionPath = "/deletion/"

// DeletionLife is how long Deletion can tell what was done.
const DeletionLife = 90 * 24 * time.Hour

// purposeDeletion is the purpose of the tickets that keep what was done.
const purposeDeletion authstore.Purpose = "social deletion"

// The names in the Data of those.
const (
	deletionReceived = "received"
	deletionAccounts = "accounts"
	deletionLinks    = "links"
)

// maxSigned bounds a signed request; Facebook's have some hundred bytes.
const maxSigned = 4096

// clocks is how far Facebook's clock may be behind ours.
const clocks = 5 * time.Minute

// Delete carries out a signed request for deletion by somebody who has removed the app
// (https://developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback),
// and returns a code under which Deletion tells what was done. A customer who has other
// ways to sign in keeps their account, without what is known by the provider alone; one
// who has not is erased. The same request
// again does nothing, and has the same code; nor does it concern whoever has come back
// after it was made. Errors: ErrRefused when no provider of the hub has signed it.
func (s *Service) Delete(ctx context.Context, signed string) (code string, err error) {
	wish, providers, err := s.readDeletion(signed)
	if err != nil {
		return "", err
	}
	code = wish.code
	now := s.store.Now()
	d := authstore.IdentityDeletion{
		Until: wish.issued.Add(clocks), Digest: deletionDigest(code), Kills: customer.Erases(),
		Usable: func(i authstore.Identity) bool { return s.usable(i.PublisherID)(i) },
		Ticket: func(erased, kept int) authstore.Ticket {
			return authstore.Ticket{Purpose: purposeDeletion, Expires: now.Add(DeletionLife), Data: map[string]string{
				deletionReceived: now.Format(time.RFC3339), deletionAccounts: strconv.Itoa(erased), deletionLinks: strconv.Itoa(kept),
			}}
		},
	}
	for publisher, provider := range providers {
		d.Identities = append(d.Identities, authstore.Identity{PublisherID: publisher, Provider: provider.issuer, Subject: wish.subject})
		d.Tell = []authstore.Mail{{Kind: notice.WayRemoved, Data: map[string]string{notice.Provider: provider.Called()}}}
	}
	err = s.Sessions.EndByDeletion(ctx, d)
	if err != nil && !errors.Is(err, authstore.ErrUsed) {
		return "", fmt.Errorf("deleting what a provider has told: %w", err)
	}
	s.Notices.Wake()
	return code, nil
}

func deletionDigest(code string) string { return secret.Digest("deletion/" + code) }

// deletionWish is what a signed request says.
type deletionWish struct {
	subject string
	issued  time.Time
	code    string
}

// readDeletion reads a signed request, and returns whose apps it is to, by publisher.
// Errors: ErrRefused.
func (s *Service) readDeletion(signed string) (deletionWish, map[int64]*Provider, error) {
	signature, payload, ok := strings.Cut(signed, ".")
	sum, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(signature, "="))
	if !ok || err != nil || len(signed) > maxSigned {
		return deletionWish{}, nil, fmt.Errorf("%w: it is no signed request", ErrRefused)
	}
	providers := s.signers(sum, payload)
	if len(providers) == 0 {
		return deletionWish{}, nil, fmt.Errorf("%w: no app of a publisher's has signed it", ErrRefused)
	}
	var said struct {
		Algorithm string `json:"algorithm"`
		UserID    string `json:"user_id"`
		IssuedAt  int64  `json:"issued_at"`
	}
	content, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil || json.Unmarshal(content, &said) != nil || !strings.EqualFold(said.Algorithm, "HMAC-SHA256") || said.UserID == "" || said.IssuedAt <= 0 {
		return deletionWish{}, nil, fmt.Errorf("%w: the signed request does not say whom it is about", ErrRefused)
	}
	// Derived, so that the same request has the same code, and nobody can guess it.
	mark := hmac.New(sha256.New, s.Root.Derive("social deletion"))
	mark.Write(sum) // of the payload, and of which app it is to
	return deletionWish{said.UserID, time.Unix(said.IssuedAt, 0), hex.EncodeToString(mark.Sum(nil)[:codeBytes])}, providers, nil
}

// codeBytes is the size of a deletion's code.
const codeBytes = 16

// signers returns the providers, one of each publisher, whose app has signed a payload.
func (s *Service) signers(sum []byte, payload string) map[int64]*Provider {
	found := map[int64]*Provider{}
	for publisher, providers := range s.Providers {
		for _, p := range providers {
			if p.brand != "facebook" || p.ClientSecret == "" {
				continue
			}
			want := hmac.New(sha256.New, []byte(p.ClientSecret))
			want.Write([]byte(payload))
			if hmac.Equal(want.Sum(nil), sum) {
				found[publisher] = p
			}
		}
	}
	return found
}

// Deletion returns what was done for a code. Errors: authstore.ErrNotFound.
func (s *Service) Deletion(ctx context.Context, code string) (Deletion, error) {
	t, err := s.store.Ticket(ctx, deletionDigest(code), purposeDeletion)
	if err != nil {
		return Deletion{}, err
	}
	var d Deletion
	var bad [3]error
	d.Received, bad[0] = time.Parse(time.RFC3339, t.Data[deletionReceived])
	d.Accounts, bad[1] = strconv.Atoi(t.Data[deletionAccounts])
	d.Links, bad[2] = strconv.Atoi(t.Data[deletionLinks])
	if err := errors.Join(bad[:]...); err != nil {
		return Deletion{}, fmt.Errorf("reading a deletion: %w", err)
	}
	return d, nil
}
