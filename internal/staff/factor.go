// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package staff

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"image/png"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/secret"
)

const (
	stepSeconds = 30 // how long a code is shown
	codeDigits  = 6

	// recoveryCodes is how many codes stand in for a lost second factor, and
	// recoverySize how many characters of base32 each has: 80 bits.
	recoveryCodes = 10
	recoverySize  = 16

	qrPixels = 256
)

// codeOptions are those that every authenticator app knows.
var codeOptions = hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}

// SecondFactor completes a sign-in by a code of the second factor or a recovery
// code. The proof from before is worthless from then on. Errors: ErrCode,
// ErrRefused, *customer.LimitError.
func (s *Service) SecondFactor(ctx context.Context, session authstore.StaffSession, code string, d Device) (Entry, error) {
	if session.Complete {
		return Entry{}, ErrRefused
	}
	m, err := s.owner(ctx, session)
	if err != nil {
		return Entry{}, err
	}
	if err := s.limits.take(s.codeKey(d, m.EmailKey), networkKey(d.IP)); err != nil {
		return Entry{}, err
	}
	p, err := s.readCode(m, code)
	if err != nil {
		return Entry{}, err
	}
	return s.prove(ctx, session, p, d)
}

// StepUp notes that the owner of a complete session has proved again who they
// are, by the password and, when they have one, the second factor. It returns
// the session's next proof. Errors: ErrIncomplete, ErrConfirmation, ErrRefused,
// customer.ErrBusy, *customer.LimitError.
func (s *Service) StepUp(ctx context.Context, session authstore.StaffSession, password, code string, d Device) (proof string, err error) {
	if !session.Complete {
		return "", ErrIncomplete
	}
	m, err := s.owner(ctx, session)
	if err != nil {
		return "", err
	}
	if err := s.limits.take(s.passwordKey(d, m.EmailKey), s.codeKey(d, m.EmailKey), networkKey(d.IP)); err != nil {
		return "", err
	}
	if err := s.checkPassword(ctx, m, password); errors.Is(err, ErrCredentials) {
		return "", ErrConfirmation
	} else if err != nil {
		return "", err
	}
	p := authstore.StaffProof{}
	if len(m.TOTP) > 0 {
		p, err = s.readCode(m, code)
	}
	p.Password = m.Password
	e := Entry{}
	if err == nil {
		e, err = s.prove(ctx, session, p, d)
	}
	if errors.Is(err, ErrCode) {
		return "", ErrConfirmation
	}
	return e.Proof, err
}

// prove uses up what was read of a code and renews the session.
func (s *Service) prove(ctx context.Context, session authstore.StaffSession, p authstore.StaffProof, d Device) (Entry, error) {
	proof, digest := newProof(session.ID)
	p.Session, p.Digest, p.Renewed = session.ID, session.Digest, digest
	m, session, err := s.store.ProveStaff(ctx, p)
	switch {
	case errors.Is(err, authstore.ErrUsed):
		return Entry{}, ErrCode
	case errors.Is(err, authstore.ErrNotFound):
		return Entry{}, ErrRefused
	case err != nil:
		return Entry{}, fmt.Errorf("storing the proof of a staff member: %w", err)
	}
	s.limits.throttle.Forgive(s.codeKey(d, m.EmailKey))
	return s.entry(m, session, proof, d), nil
}

// readCode tells what a typed code is: one of the second factor, in which case
// it must be right, or a recovery code, which the store judges. Errors: ErrCode.
func (s *Service) readCode(m authstore.Staff, code string) (authstore.StaffProof, error) {
	code = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code))
	switch {
	case len(m.TOTP) == 0:
		return authstore.StaffProof{}, ErrCode
	case len(code) == codeDigits && strings.Trim(code, "0123456789") == "":
		key, err := s.factors.Open(string(m.TOTP), factorOf(m.ID))
		if err != nil {
			return authstore.StaffProof{}, fmt.Errorf("opening the second factor of staff member %s: %w", m.ID, err)
		}
		step, err := s.step(string(key), code)
		return authstore.StaffProof{TOTP: m.TOTP, Step: step}, err
	case len(code) == recoverySize:
		return authstore.StaffProof{Recovery: secret.Digest(code)}, nil
	}
	return authstore.StaffProof{}, ErrCode
}

// step returns the number of the half minute that a code belongs to: this one,
// the one before, or the next, because clocks differ. Errors: ErrCode.
func (s *Service) step(key, code string) (int64, error) {
	now := s.store.Now().Unix() / stepSeconds
	for _, step := range []int64{now, now - 1, now + 1} {
		right, err := hotp.ValidateCustom(code, uint64(step), key, codeOptions)
		if err != nil {
			return 0, fmt.Errorf("checking a code: %w", err)
		}
		if right {
			return step, nil
		}
	}
	return 0, ErrCode
}

// The contexts that sealed secrets are bound to: an account, or the session in
// which one is being set up.
func factorOf(id string) string         { return "staff/" + id }
func enrolmentIn(session string) string { return "session/" + session }

// Enrolment is a second factor that is being set up. Nothing of it is stored
// until it is confirmed.
type Enrolment struct {
	Secret string // for typing: base32
	URL    string // for apps: otpauth://…
	QR     []byte // URL as a PNG image
	Sealed string // for ConfirmEnrolment, in the same session
}

// Enrol begins to set up a second factor, also in place of an earlier one. Who
// has been signed in for a while must step up first. Errors: ErrIncomplete,
// ErrStepUp, ErrRefused.
func (s *Service) Enrol(ctx context.Context, session authstore.StaffSession) (Enrolment, error) {
	if err := s.mayEnrol(session); err != nil {
		return Enrolment{}, err
	}
	m, err := s.owner(ctx, session)
	if err != nil {
		return Enrolment{}, err
	}
	return s.enrolment(m, session, nil)
}

// Resume returns an enrolment that Enrol began in the same session, for another try
// after a wrong code. Errors: those of Enrol; ErrCode for what Enrol did not make.
func (s *Service) Resume(ctx context.Context, session authstore.StaffSession, sealed string) (Enrolment, error) {
	if err := s.mayEnrol(session); err != nil {
		return Enrolment{}, err
	}
	m, err := s.owner(ctx, session)
	if err != nil {
		return Enrolment{}, err
	}
	key, err := s.factors.Open(sealed, enrolmentIn(session.ID))
	if err != nil {
		return Enrolment{}, ErrCode
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(key))
	if err != nil {
		return Enrolment{}, fmt.Errorf("reading a second factor: %w", err)
	}
	return s.enrolment(m, session, raw)
}

// enrolment describes a second factor with a secret; nil makes one.
func (s *Service) enrolment(m authstore.Staff, session authstore.StaffSession, raw []byte) (Enrolment, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: s.issuer, AccountName: m.Email, Secret: raw})
	if err != nil {
		return Enrolment{}, fmt.Errorf("making a second factor: %w", err)
	}
	image, err := key.Image(qrPixels, qrPixels)
	if err != nil {
		return Enrolment{}, fmt.Errorf("drawing a QR code: %w", err)
	}
	var qr bytes.Buffer
	if err := png.Encode(&qr, image); err != nil {
		return Enrolment{}, fmt.Errorf("drawing a QR code: %w", err)
	}
	return Enrolment{
		Secret: key.Secret(), URL: key.URL(), QR: qr.Bytes(),
		Sealed: s.factors.Seal([]byte(key.Secret()), enrolmentIn(session.ID)),
	}, nil
}

func (s *Service) mayEnrol(session authstore.StaffSession) error {
	switch {
	case !session.Complete:
		return ErrIncomplete
	case !s.SteppedUp(session):
		return ErrStepUp
	}
	return nil
}

// ConfirmEnrolment stores a second factor whose code shows that the app has it.
// It returns the recovery codes, to be shown once, and the session's next proof;
// all other sessions of the owner end. Errors: ErrCode, also for what Enrol did
// not make in this session; ErrIncomplete, ErrStepUp, ErrRefused.
func (s *Service) ConfirmEnrolment(ctx context.Context, session authstore.StaffSession, sealed, code string) (recovery []string, proof string, err error) {
	if err := s.mayEnrol(session); err != nil {
		return nil, "", err
	}
	key, err := s.factors.Open(sealed, enrolmentIn(session.ID))
	if err != nil {
		return nil, "", ErrCode
	}
	code = strings.ReplaceAll(code, " ", "")
	if len(code) != codeDigits {
		return nil, "", ErrCode
	}
	step, err := s.step(string(key), code)
	if err != nil {
		return nil, "", err
	}
	recovery, digests := newRecovery()
	proof, digest := newProof(session.ID)
	_, _, err = s.store.EnrolStaff(ctx, authstore.StaffEnrolment{
		Session: session.ID, Digest: session.Digest, Renewed: digest,
		TOTP: []byte(s.factors.Seal(key, factorOf(session.StaffID))), Step: step, Recovery: digests,
	})
	if errors.Is(err, authstore.ErrNotFound) {
		return nil, "", ErrRefused
	}
	if err != nil {
		return nil, "", fmt.Errorf("storing a second factor: %w", err)
	}
	return recovery, proof, nil
}

// newRecovery returns recovery codes as they are shown, in groups of four, and
// their digests.
func newRecovery() (codes, digests []string) {
	for range recoveryCodes {
		code := rand.Text()[:recoverySize]
		codes = append(codes, strings.Join([]string{code[:4], code[4:8], code[8:12], code[12:]}, "-"))
		digests = append(digests, secret.Digest(code))
	}
	return codes, digests
}
