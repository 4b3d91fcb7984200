// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package staff_test

import (
	"bytes"
	"errors"
	"image/png"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/staff"
)

func TestOnlyOwnersNeedASecondFactor(t *testing.T) {
	for _, tt := range []struct {
		member authstore.Staff
		want   bool
	}{
		{authstore.Staff{Roles: roles{nova: authstore.RoleOwner}}, true},
		{authstore.Staff{Roles: roles{nova: authstore.RoleReadOnly, orbit: authstore.RoleOwner}}, true},
		{authstore.Staff{Roles: roles{nova: authstore.RoleOwner}, TOTP: []byte("sealed")}, false},
		{authstore.Staff{Roles: roles{nova: authstore.RoleEditor, orbit: authstore.RoleSupport}}, false},
		{authstore.Staff{}, false},
	} {
		if got := staff.NeedsSecondFactor(tt.member); got != tt.want {
			t.Errorf("%+v: %t", tt.member, got)
		}
	}
}

func TestEnrolmentStoresNothingUntilTheAppIsProved(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	other := w.mustSignIn(t, "ann@example.com")
	before := w.records()
	started, err := w.Enrol(t.Context(), e.Session)
	if err != nil || w.records() != before {
		t.Fatal(err)
	}
	if want := "otpauth://totp/id.example.com%208443:ann@example.com?"; !strings.HasPrefix(started.URL, want) || !strings.Contains(started.URL, started.Secret) {
		t.Errorf("URL %s, want %s", started.URL, want)
	}
	if qr, err := png.DecodeConfig(bytes.NewReader(started.QR)); err != nil || qr.Width != 256 {
		t.Errorf("QR code %+v, %v", qr, err)
	}
	f := &factor{w: w, secret: started.Secret}
	for name, tt := range map[string]struct {
		session authstore.StaffSession
		sealed  string
		code    string
	}{
		"wrong code":      {e.Session, started.Sealed, f.bad(t)},
		"no code":         {e.Session, started.Sealed, ""},
		"long code":       {e.Session, started.Sealed, f.code(t) + "0"},
		"sealed by hand":  {e.Session, started.Secret, f.code(t)},
		"another session": {other.Session, started.Sealed, f.code(t)},
	} {
		recovery, proof, err := w.ConfirmEnrolment(t.Context(), tt.session, tt.sealed, tt.code)
		if !errors.Is(err, staff.ErrCode) || recovery != nil || proof != "" || w.records() != before {
			t.Errorf("%s: %v, %v", name, recovery, err)
		}
	}
	recovery, proof, err := w.ConfirmEnrolment(t.Context(), e.Session, started.Sealed, f.code(t))
	if err != nil || len(recovery) != 10 || !regexp.MustCompile(`^([A-Z2-7]{4}-){3}[A-Z2-7]{4}$`).MatchString(recovery[0]) {
		t.Fatal(recovery, err)
	}
	w.wantProof(t, "the next proof", proof, true)
	w.wantProof(t, "the proof from before", e.Proof, false)
	w.wantProof(t, "the other session", other.Proof, false)
	for _, hidden := range append(recovery, started.Secret, strings.ReplaceAll(recovery[0], "-", "")) {
		if strings.Contains(w.records(), hidden) {
			t.Errorf("%s is stored", hidden)
		}
	}
}

func TestSecondFactorCannotBeSkipped(t *testing.T) {
	w := newWorld(t)
	f, _ := w.mustEnrol(t, w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner}))
	e := w.mustSignIn(t, "ann@example.com")
	s := w.mustAuthenticate(t, e.Proof)
	if s.Complete || e.Session.Complete || e.Known != "" || w.SteppedUp(s) {
		t.Fatalf("by the password alone: %+v", e)
	}
	if _, err := w.Enrol(t.Context(), s); !errors.Is(err, staff.ErrIncomplete) {
		t.Errorf("another second factor: %v", err)
	}
	if _, _, err := w.ConfirmEnrolment(t.Context(), s, "", ""); !errors.Is(err, staff.ErrIncomplete) {
		t.Errorf("confirmed: %v", err)
	}
	if _, err := w.ChangePassword(t.Context(), s, password, "zu3p wkqx hbd", atWork); !errors.Is(err, staff.ErrIncomplete) {
		t.Errorf("another password: %v", err)
	}
	if _, err := w.StepUp(t.Context(), s, password, f.next(t), atWork); !errors.Is(err, staff.ErrIncomplete) {
		t.Errorf("step-up: %v", err)
	}
	s.Complete = true // who held a session from before could not pass it off as complete
	if _, err := w.ChangePassword(t.Context(), s, password, "zu3p wkqx hbd", atWork); !errors.Is(err, staff.ErrRefused) {
		t.Errorf("another password, by a changed session: %v", err)
	}
	w.clock.Add(10 * time.Minute)
	w.wantProof(t, "after ten minutes", e.Proof, false)
}

func TestSecondFactorRenewsTheSession(t *testing.T) {
	w := newWorld(t)
	f, _ := w.mustEnrol(t, w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner}))
	e := w.mustSignIn(t, "ann@example.com")
	full, err := w.SecondFactor(t.Context(), e.Session, f.next(t), atWork)
	if err != nil || !full.Session.Complete || full.Proof == e.Proof || full.Known == "" || !w.SteppedUp(full.Session) {
		t.Fatalf("got %+v, %v", full, err)
	}
	w.wantProof(t, "the proof from before", e.Proof, false)
	w.wantProof(t, "the next proof", full.Proof, true)
	if _, err := w.SecondFactor(t.Context(), full.Session, f.next(t), atWork); !errors.Is(err, staff.ErrRefused) {
		t.Errorf("once more: %v", err)
	}
	if _, err := w.SecondFactor(t.Context(), e.Session, f.code(t), atWork); !errors.Is(err, staff.ErrRefused) {
		t.Errorf("by the session from before: %v", err)
	}
}

func TestClocksMayDifferByOneCode(t *testing.T) {
	for d, want := range map[time.Duration]error{
		0: nil, -30 * time.Second: nil, 30 * time.Second: nil, -60 * time.Second: staff.ErrCode, 60 * time.Second: staff.ErrCode,
	} {
		w := newWorld(t)
		f, _ := w.mustEnrol(t, w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner}))
		w.clock.Add(5 * time.Minute)
		e := w.mustSignIn(t, "ann@example.com")
		code := f.at(t, d)
		if _, err := w.SecondFactor(t.Context(), e.Session, code[:3]+" "+code[3:], atWork); !errors.Is(err, want) {
			t.Errorf("off by %v: %v, want %v", d, err, want)
		}
	}
}

func TestCodeIsGoodOnce(t *testing.T) {
	w := newWorld(t)
	f, _ := w.mustEnrol(t, w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner}))
	if _, err := w.SecondFactor(t.Context(), w.mustSignIn(t, "ann@example.com").Session, f.code(t), atWork); !errors.Is(err, staff.ErrCode) {
		t.Errorf("the code that enrolled: %v", err)
	}
	code := f.next(t)
	sessions := make([]authstore.StaffSession, 4)
	for i := range sessions {
		sessions[i] = w.mustSignIn(t, "ann@example.com").Session
	}
	n, failures := parallel(4, func(i int) error {
		_, err := w.SecondFactor(t.Context(), sessions[i], code, atWork)
		return err
	})
	if n != 1 {
		t.Errorf("%d of 4 came in by one code", n)
	}
	for _, err := range failures {
		if !errors.Is(err, staff.ErrCode) && !limited(err) {
			t.Error(err)
		}
	}
}

func TestRecoveryCodeIsGoodOnce(t *testing.T) {
	w := newWorld(t)
	f, _ := w.mustEnrol(t, w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner}))
	first := w.mustSignIn(t, "ann@example.com")
	e, err := w.SecondFactor(t.Context(), first.Session, strings.ToLower(f.recovery[3]), atWork)
	if err != nil || len(e.Staff.Recovery) != 9 {
		t.Fatalf("left %v, %v", e.Staff.Recovery, err)
	}
	for name, code := range map[string]string{"again": f.recovery[3], "made up": "AAAA-AAAA-AAAA-AAAA", "short": f.recovery[4][:9], "empty": ""} {
		if _, err := w.SecondFactor(t.Context(), w.mustSignIn(t, "ann@example.com").Session, code, atWork); !errors.Is(err, staff.ErrCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.SecondFactor(t.Context(), w.mustSignIn(t, "ann@example.com").Session, f.recovery[4], atWork); err != nil {
		t.Errorf("another: %v", err)
	}
}

func TestNewSignInDoesNotRestartTheCountOfCodes(t *testing.T) {
	w := newWorld(t)
	f, _ := w.mustEnrol(t, w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner}))
	w.clock.Add(time.Hour)
	for i := range 5 {
		e := w.mustSignIn(t, "ann@example.com")
		if _, err := w.SecondFactor(t.Context(), e.Session, f.bad(t), atWork); !errors.Is(err, staff.ErrCode) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	e := w.mustSignIn(t, "ann@example.com")
	if _, err := w.SecondFactor(t.Context(), e.Session, f.code(t), atWork); !limited(err) {
		t.Errorf("the right code after five wrong ones: %v", err)
	}
	w.clock.Add(3 * time.Minute)
	if _, err := w.SecondFactor(t.Context(), e.Session, f.code(t), atWork); err != nil {
		t.Errorf("later: %v", err)
	}
}

func TestStrangersDoNotUseUpTheCodesOfAKnownBrowser(t *testing.T) {
	w := newWorld(t)
	first := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	f, _ := w.mustEnrol(t, first)
	for range 5 {
		e := w.mustSignIn(t, "ann@example.com")
		_, _ = w.SecondFactor(t.Context(), e.Session, f.bad(t), atWork)
	}
	d := atWork
	d.Known = first.Known
	if _, err := w.SecondFactor(t.Context(), w.mustSignIn(t, "ann@example.com").Session, f.next(t), d); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestStepUpNeedsPasswordAndSecondFactor(t *testing.T) {
	w := newWorld(t)
	first := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	f, proof := w.mustEnrol(t, first)
	w.clock.Add(20 * time.Minute)
	s := w.mustAuthenticate(t, proof)
	if w.SteppedUp(s) {
		t.Error("a sign-in counts as fresh for more than ten minutes")
	}
	if _, err := w.Enrol(t.Context(), s); !errors.Is(err, staff.ErrStepUp) {
		t.Errorf("another second factor without step-up: %v", err)
	}
	for name, given := range map[string][2]string{
		"wrong password": {wrong, f.code(t)}, "wrong code": {password, f.bad(t)}, "no code": {password, ""}, "no password": {"", f.code(t)},
	} {
		if _, err := w.StepUp(t.Context(), s, given[0], given[1], atWork); err != staff.ErrConfirmation {
			t.Errorf("%s: %v", name, err)
		}
	}
	next, err := w.StepUp(t.Context(), s, password, f.code(t), atWork)
	if err != nil {
		t.Fatal(err)
	}
	w.wantProof(t, "the proof from before", proof, false)
	s = w.mustAuthenticate(t, next)
	if !w.SteppedUp(s) {
		t.Error("not stepped up")
	}
	if _, err := w.StepUp(t.Context(), s, password, f.code(t), atWork); err != staff.ErrConfirmation {
		t.Errorf("the same code again: %v", err)
	}
	w.clock.Add(10 * time.Minute)
	if w.SteppedUp(s) {
		t.Error("stepped up for more than ten minutes")
	}
}

func TestStepUpOfWhoHasNoSecondFactorIsByPassword(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleSupport})
	w.clock.Add(20 * time.Minute)
	if _, err := w.StepUp(t.Context(), e.Session, wrong, "", atWork); err != staff.ErrConfirmation {
		t.Errorf("wrong password: %v", err)
	}
	proof, err := w.StepUp(t.Context(), e.Session, password, "", atWork)
	if err != nil || !w.SteppedUp(w.mustAuthenticate(t, proof)) {
		t.Errorf("got %v", err)
	}
}

func TestStepUpIsThrottledAsASignIn(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleSupport})
	for range 5 {
		if _, err := w.StepUp(t.Context(), e.Session, wrong, "", atWork); err != staff.ErrConfirmation {
			t.Fatal(err)
		}
	}
	if _, err := w.StepUp(t.Context(), e.Session, password, "", atWork); !limited(err) {
		t.Errorf("got %v", err)
	}
}

func TestResetSecondFactorBringsBackSignInByPassword(t *testing.T) {
	w := newWorld(t)
	ann := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleOwner})
	bob := w.mustEmploy(t, "bob@example.com", roles{nova: authstore.RoleOwner})
	f, _ := w.mustEnrol(t, bob)
	if err := w.ResetSecondFactor(t.Context(), ann.Staff.ID, bob.Staff.ID); err != nil {
		t.Fatal(err)
	}
	e := w.mustSignIn(t, "bob@example.com")
	if !e.Session.Complete || !staff.NeedsSecondFactor(e.Staff) || len(e.Staff.Recovery) != 0 {
		t.Errorf("got %+v", e)
	}
	if _, err := w.SecondFactor(t.Context(), e.Session, f.recovery[0], atWork); err == nil {
		t.Error("an old recovery code is good")
	}
}

func TestEnrolmentIsResumedAsItWas(t *testing.T) {
	w := newWorld(t)
	e := w.mustEmploy(t, "ann@example.com", roles{nova: authstore.RoleReadOnly})
	begun, err := w.Enrol(t.Context(), e.Session)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Resume(t.Context(), e.Session, begun.Sealed)
	if err != nil || again.Secret != begun.Secret || again.URL != begun.URL || !bytes.Equal(again.QR, begun.QR) {
		t.Errorf("%+v, want %+v; error %v", again, begun, err)
	}
	other := e.Session
	other.ID = "another"
	if _, err := w.Resume(t.Context(), other, begun.Sealed); !errors.Is(err, staff.ErrCode) {
		t.Errorf("in another session: %v", err)
	}
	if _, err := w.Resume(t.Context(), e.Session, "made up"); !errors.Is(err, staff.ErrCode) {
		t.Errorf("for what was made up: %v", err)
	}
}
