// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package notice owns what usher tells customers by mail about their accounts,
// and sees to it that telling holds up no request. It refuses to become a way
// to flood an address: whatever strangers do, one address gets few mails.
package notice

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/throttle"
)

const (
	// sendTime bounds one delivery.
	sendTime = 30 * time.Second

	// maxSending bounds how many deliveries run at once; beyond it, notices are
	// given up, because requests must not wait and memory must not grow.
	maxSending = 64
)

// perAddress bounds what strangers can make us send to one address.
var perAddress = throttle.Limit{Tries: 3, Window: time.Hour}

// Sender sends notices. Safe for concurrent use.
type Sender struct {
	hub     publisher.Origin
	mailer  mail.Mailer
	limits  *throttle.Throttle
	report  func(error)
	sending chan struct{}
}

// NewSender returns a Sender for the hub at the given origin, whose host is
// also the sender's address. report hears of mails that could not be sent.
func NewSender(hub publisher.Origin, mailer mail.Mailer, limits *throttle.Throttle, report func(error)) *Sender {
	return &Sender{hub: hub, mailer: mailer, limits: limits, report: report, sending: make(chan struct{}, maxSending)}
}

// AccountExists tells the owner of an address that somebody tried to register
// with it again. The registration form does not say so.
func (s *Sender) AccountExists(publisherName, address string) {
	s.send(publisherName, address, "You already have an account",
		"Somebody, probably you, tried to create an account at "+publisherName+" with this e-mail address.\n\n"+
			"You have one already. Sign in here:\n\n"+string(s.hub)+"/login\n\n"+
			"If it was not you, you need do nothing: your account has not changed.\n")
}

// SessionEnded tells a customer that a device was signed out because a secret
// of it was used twice, as a thief would.
func (s *Sender) SessionEnded(publisherName, address string) {
	s.send(publisherName, address, "One of your devices was signed out",
		"A device was signed out of your account at "+publisherName+", because its sign-in was used in two places.\n\n"+
			"If a device asks you to sign in again, please do. If you see sign-ins that you do not know, "+
			"choose a new password.\n")
}

// ResetPassword sends the link by which an address sets a new password. How
// often that may be asked for is limited where links are made.
func (s *Sender) ResetPassword(publisherName, address, link string) {
	s.deliver(publisherName, address, "Choose a new password",
		"Somebody, probably you, asked for a new password for your account at "+publisherName+". Choose it here:\n\n"+
			link+"\n\nThe link works once, within an hour, and only if it is the newest you were sent.\n\n"+
			"If it was not you, you need do nothing: your password has not changed.\n")
}

// PasswordChanged tells a customer that their password is a new one.
func (s *Sender) PasswordChanged(publisherName, address string) {
	s.send(publisherName, address, "Your password was changed",
		"The password of your account at "+publisherName+" was changed, and all your devices were signed out.\n\n"+
			"If it was not you, choose a new password at once:\n\n"+string(s.hub)+"/login\n")
}

// send is deliver for what strangers can bring about.
func (s *Sender) send(publisherName, address, subject, text string) {
	if _, ok := s.limits.Take(throttle.Key{Name: "mail/" + strings.ToLower(address), Limit: perAddress}); ok {
		s.deliver(publisherName, address, subject, text)
	}
}

// deliver sends in the background, and gives up rather than wait.
func (s *Sender) deliver(publisherName, address, subject, text string) {
	select {
	case s.sending <- struct{}{}:
	default:
		s.report(fmt.Errorf("sending a notice: %d are on their way already", maxSending))
		return
	}
	go func() {
		defer func() { <-s.sending }()
		ctx, cancel := context.WithTimeout(context.Background(), sendTime)
		defer cancel()
		err := s.mailer.Send(ctx, mail.Message{
			From: "no-reply@" + s.hub.Hostname(), FromName: publisherName,
			To: address, Subject: subject, Text: text,
		})
		if err != nil {
			s.report(fmt.Errorf("sending a notice: %w", err))
		}
	}()
}
