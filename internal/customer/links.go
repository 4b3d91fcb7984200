// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
)

// The hub's pages that mails lead to.
const (
	ResetPath   = "/reset"
	VerifyPath  = "/verify" // for a viewer who is signed in
	ConfirmPath = "/verify/confirm"
	UndoPath    = "/undo-email"
)

// Links makes the links that mails lead to and that prove something, each at the
// moment its mail is sent. It implements notice.Links.
type Links struct {
	service *Service
	hub     string
}

// Links returns the Links to the pages of a hub.
func (s *Service) Links(hub publisher.Origin) Links { return Links{s, string(hub)} }

// Mailbox returns a customer's address as mail servers want it.
func (Links) Mailbox(c authstore.Customer) (string, error) {
	email, err := ParseEmail(c.Email)
	return email.Mailbox, err
}

// page returns the address of one of the hub's pages with the secret for it, and
// a query that the mail was queued with.
func (l Links) page(path string, publisher int64, token, back string) string {
	address := l.hub + path + "?" + url.Values{"publisher": {strconv.FormatInt(publisher, 10)}, "token": {token}}.Encode()
	if back != "" {
		address += "&" + back
	}
	return address
}

// secrets is what a mail tells of a new ticket.
type secrets struct{ token, code string }

// issue stores a new ticket for a customer at an address, by the store's
// operation that says which older ones die.
func (l Links) issue(ctx context.Context, purpose authstore.Purpose, life time.Duration, c authstore.Customer, at Email,
	store func(context.Context, string, authstore.Ticket) error) (secrets, error) {
	made := secrets{secret.New(), newCode()}
	digest := secret.Digest(made.token)
	err := store(ctx, digest, authstore.Ticket{
		Purpose: purpose, PublisherID: c.PublisherID, CustomerID: c.ID, Expires: l.service.store.Now().Add(life),
		Data: map[string]string{authstore.Subject: at.Key, authstore.Address: at.Address}, Code: l.service.codeMark(digest, made.code),
	})
	if err != nil {
		return secrets{}, fmt.Errorf("storing a ticket for %s: %w", purpose, err)
	}
	return made, nil
}

// ResetLink makes the link by which a customer chooses a new password, good for
// ResetLife and the only one. It leads to the page that was asked for, if the
// publisher still allows that.
func (l Links) ResetLink(ctx context.Context, m authstore.Mail, c authstore.Customer) (notice.Link, error) {
	email, err := ParseEmail(c.Email)
	if err != nil || c.Disabled {
		return notice.Link{}, notice.ErrOutdated
	}
	p, err := l.service.store.Publisher(ctx, c.PublisherID)
	if err != nil {
		return notice.Link{}, fmt.Errorf("reading a publisher: %w", err)
	}
	page, err := resetPage(p, m.Data[notice.Page])
	if err != nil {
		return notice.Link{}, notice.ErrOutdated
	}
	made, err := l.issue(ctx, purposeReset, ResetLife, c, email, l.service.store.IssueNewest)
	if err != nil {
		return notice.Link{}, err
	}
	link := notice.Link{URL: l.page(ResetPath, c.PublisherID, made.token, m.Data[notice.Back]), Code: shown(made.code)}
	if page != nil {
		link.URL = withReset(*page, c, made.token)
	}
	return link, nil
}

// VerifyLink makes the link by which a customer proves to read mail at their
// address, good for VerifyLife and the only one.
func (l Links) VerifyLink(ctx context.Context, m authstore.Mail, c authstore.Customer) (notice.Link, error) {
	email, err := ParseEmail(c.Email)
	if err != nil || !c.EmailVerified.IsZero() {
		return notice.Link{}, notice.ErrOutdated
	}
	made, err := l.issue(ctx, purposeVerify, VerifyLife, c, email, l.service.store.IssueNewest)
	if err != nil {
		return notice.Link{}, err
	}
	return notice.Link{URL: l.page(ConfirmPath, c.PublisherID, made.token, m.Data[notice.Back]), Code: shown(made.code)}, nil
}

// UndoEmailLink makes the link by which the owner of an address gets back the
// account that was moved away from it, good for UndoLife and the only one for
// that address: who moves an account twice must not end the first one.
func (l Links) UndoEmailLink(ctx context.Context, m authstore.Mail, c authstore.Customer) (notice.Link, error) {
	from, err := ParseEmail(m.Data[notice.Address])
	now, bad := ParseEmail(c.Email)
	if errors.Join(err, bad) != nil || from.Key == now.Key {
		return notice.Link{}, notice.ErrOutdated
	}
	made, err := l.issue(ctx, purposeUndo, UndoLife, c, from, l.service.store.IssueNewestAt)
	if err != nil {
		return notice.Link{}, err
	}
	return notice.Link{URL: l.page(UndoPath, c.PublisherID, made.token, ""), Code: shown(made.code)}, nil
}

// Interface guard
var _ notice.Links = Links{}
