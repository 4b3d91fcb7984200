// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/session"
)

func TestLimitsMustFitTokensAndCookies(t *testing.T) {
	tests := map[string]struct {
		idle, absolute time.Duration
		complaint      string // "" for none
	}{
		"none":                      {0, 0, ""},
		"shortest":                  {15 * time.Minute, 15 * time.Minute, ""},
		"longest":                   {400 * day, 400 * day, ""},
		"idle alone":                {time.Hour, 0, ""},
		"absolute alone":            {0, 7 * day, ""},
		"idle too short":            {15*time.Minute - 1, day, "idle 14m59.999999999s is shorter than an access token may live"},
		"idle negative":             {-1, 0, "idle -1ns is shorter"},
		"absolute too short":        {0, time.Minute, "absolute 1m0s is shorter than an access token may live"},
		"absolute negative":         {0, -day, "absolute -1d is shorter"},
		"absolute too long":         {0, 400*day + 1, "absolute 9600h0m0.000000001s is longer than browsers keep a cookie"},
		"idle beyond absolute":      {30 * day, 7 * day, "idle 30d is longer than absolute 7d"},
		"idle beyond the default":   {401 * day, 0, "idle 401d is longer than absolute 400d"},
		"both beyond what there is": {500 * day, 500 * day, "absolute 500d is longer"},
	}
	for name, tt := range tests {
		err := session.CheckLimits(authstore.SessionLimits{Idle: tt.idle, Absolute: tt.absolute})
		if tt.complaint == "" && err != nil || tt.complaint != "" && (err == nil || !strings.Contains(err.Error(), tt.complaint)) {
			t.Errorf("%s: %v, want %q", name, err, tt.complaint)
		}
	}
}

func TestTokenLifeIsAMinuteToAnHour(t *testing.T) {
	for d, good := range map[time.Duration]bool{
		0: true, time.Minute: true, time.Hour: true, time.Minute - 1: false, time.Hour + 1: false, -time.Minute: false,
	} {
		if err := session.CheckTokenLife(d); (err == nil) != good {
			t.Errorf("%v: %v", d, err)
		}
	}
}

// limit reloads the configuration with other limits.
func (w *world) limit(t *testing.T, idle, absolute time.Duration) {
	t.Helper()
	w.limits = authstore.SessionLimits{Idle: idle, Absolute: absolute}
	if err := w.store.DeclarePublishers(t.Context(), []authstore.Publisher{nova(w.limits)}); err != nil {
		t.Fatal(err)
	}
	w.Manager = w.another(t)
}

func (w *world) mustFlush(t *testing.T) {
	t.Helper()
	if err := w.memory.Flush(t.Context(), w.store); err != nil {
		t.Fatal(err)
	}
}

func TestSessionEndsByItsLimitsAtTheHubAtSitesAndInTheAPI(t *testing.T) {
	const idle, absolute = time.Hour, 3 * time.Hour
	for name, tt := range map[string]struct {
		used time.Duration // the last time, after the start
		end  time.Duration
	}{
		"unused":                    {0, idle},
		"used":                      {45 * time.Minute, 45*time.Minute + idle},
		"used until the very end":   {absolute - time.Minute, absolute},
		"used until shortly before": {absolute - idle, absolute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.limit(t, idle, absolute)
			_, atHub := w.mustStart(t, session.AtHub)
			atSite, proof := w.mustStartAtSite(t)
			_, api := w.mustStart(t, session.ByAPI)
			refresh := api.Refresh
			use := func() []error {
				hub := w.useAtHub(t, atHub.Hub)
				_, site := w.AtSite(t.Context(), atSite.ID, site, proof)
				_, next, api := w.Refresh(t.Context(), refresh)
				refresh = next
				return []error{hub, site, api}
			}
			const step = 15 * time.Minute
			for after := step; after <= tt.used; after += step {
				w.clock.Add(step)
				if err := errors.Join(use()...); err != nil {
					t.Fatalf("after %v: %v", after, err)
				}
				w.mustFlush(t)
			}
			w.clock.Add(tt.used % step)
			if err := errors.Join(use()...); err != nil {
				t.Fatalf("after %v: %v", tt.used, err)
			}
			w.mustFlush(t)
			w.clock.Add(tt.end - tt.used - time.Millisecond)
			live, err := w.store.CustomerSessions(t.Context(), w.customer.ID)
			if len(live) != 3 || err != nil {
				t.Errorf("just before the end %d live, %v", len(live), err)
			}
			w.clock.Add(time.Millisecond)
			for i, err := range use() {
				if !errors.Is(err, session.ErrRefused) {
					t.Errorf("%d at the end: %v, want ErrRefused", i, err)
				}
			}
			if live, err := w.store.CustomerSessions(t.Context(), w.customer.ID); len(live) != 0 || err != nil {
				t.Errorf("at the end %d live, %v", len(live), err)
			}
		})
	}
}

func TestLowerLimitEndsSessionsThatExistAndGreaterBringsNoneBack(t *testing.T) {
	w := newWorld(t)
	_, given := w.mustStart(t, session.AtHub)
	_, api := w.mustStart(t, session.ByAPI)
	w.clock.Add(2 * time.Hour)
	for _, limits := range []time.Duration{time.Hour, 3 * time.Hour, session.Idle} {
		w.limit(t, limits, 0)
		if err := w.useAtHub(t, given.Hub); !errors.Is(err, session.ErrRefused) {
			t.Errorf("with %v: AtHub: %v, want ErrRefused", limits, err)
		}
		if _, _, err := w.Refresh(t.Context(), api.Refresh); !errors.Is(err, session.ErrRefused) {
			t.Errorf("with %v: Refresh: %v, want ErrRefused", limits, err)
		}
	}
}

func TestAccessTokenDiesWithItsSession(t *testing.T) {
	tests := map[string]struct {
		idle, absolute time.Duration
		age            time.Duration // of the session when the token is made
		life           time.Duration
		own            time.Duration // of tokens, as the publisher says
	}{
		"defaults":                 {0, 0, 0, 15 * time.Minute, 0},
		"idle of days":             {day, 0, 0, 15 * time.Minute, 0},
		"idle of 75 minutes":       {75 * time.Minute, 0, 0, 15 * time.Minute, 0},
		"idle of an hour":          {time.Hour, 0, 0, 12 * time.Minute, 0},
		"shortest idle":            {15 * time.Minute, 0, 0, 3 * time.Minute, 0},
		"long before the end":      {day, day, 10 * time.Hour, 15 * time.Minute, 0},
		"ten minutes before":       {day, day, day - 10*time.Minute, 10 * time.Minute, 0},
		"a second before":          {day, day, day - time.Second, time.Second, 0},
		"just as long as it lives": {day, day, day - 15*time.Minute, 15 * time.Minute, 0},
		"shorter by the publisher": {0, 0, 0, time.Minute, time.Minute},
		"longer by the publisher":  {0, 0, 0, time.Hour, time.Hour},
		"longer than idle allows":  {time.Hour, 0, 0, 12 * time.Minute, time.Hour},
		"longer than is left":      {day, day, day - 20*time.Minute, 20 * time.Minute, time.Hour},
	}
	for name, tt := range tests {
		w := newWorld(t)
		w.tokenLife = tt.own
		w.limit(t, tt.idle, tt.absolute)
		s, _ := w.mustStart(t, session.AtHub)
		w.clock.Add(tt.age)
		raw, c, err := w.AccessToken(t.Context(), s, site)
		if err != nil || c.Expires.Sub(w.store.Now()) != tt.life {
			t.Errorf("%s: lives %v, %v; want %v", name, c.Expires.Sub(w.store.Now()), err, tt.life)
		}
		w.clock.Add(tt.life)
		if _, err := w.keys.Verify(raw, site); err == nil {
			t.Errorf("%s: it lives longer than it says", name)
		}
	}
	w := newWorld(t)
	w.limit(t, 0, day)
	s, _ := w.mustStart(t, session.AtHub)
	w.clock.Add(day)
	if raw, _, err := w.AccessToken(t.Context(), s, site); !errors.Is(err, session.ErrRefused) || raw != "" {
		t.Errorf("of a session that is over: %q, %v; want ErrRefused", raw, err)
	}
}

// A page may keep itself busy with one site: then nothing is seen but that its
// tokens are renewed.
func TestWhoIsAtItStaysSignedInWithTheShortestIdleLimit(t *testing.T) {
	w := newWorld(t)
	w.limit(t, session.ShortestIdle, 0)
	s, proof := w.mustStartAtSite(t)
	expires := w.store.Now()
	for minute := range 6 * 60 {
		if !w.store.Now().Before(expires) {
			got, err := w.AtSite(t.Context(), s.ID, site, proof)
			if err != nil {
				t.Fatalf("minute %d: %v", minute, err)
			}
			_, c, err := w.AccessToken(t.Context(), got, site)
			if err != nil {
				t.Fatal(err)
			}
			expires = c.Expires
		}
		w.clock.Add(time.Minute)
		w.mustFlush(t)
	}
}

// The store learns of a use within a minute. Until then this process knows.
func TestUseCountsBeforeItIsWritten(t *testing.T) {
	const idle = 15 * time.Minute
	w := newWorld(t)
	w.limit(t, idle, 0)
	s, given := w.mustStart(t, session.AtHub)
	atSite, proof := w.mustStartAtSite(t)
	elsewhere := *w // another node
	elsewhere.restart(t)
	w.clock.Add(idle - time.Second)
	use := func() (error, error) {
		hub := w.useAtHub(t, given.Hub)
		_, site := w.AtSite(t.Context(), atSite.ID, site, proof)
		return hub, site
	}
	if hub, site := use(); hub != nil || site != nil {
		t.Fatal(hub, site)
	}
	w.clock.Add(30 * time.Second)
	if _, err := elsewhere.AtHub(t.Context(), given.Hub); !errors.Is(err, session.ErrRefused) {
		t.Errorf("elsewhere, where nobody could know: %v, want ErrRefused", err)
	}
	if hub, site := use(); hub != nil || site != nil {
		t.Errorf("here: %v, %v", hub, site)
	}
	if _, err := elsewhere.AtHub(t.Context(), given.Hub); err != nil {
		t.Errorf("elsewhere, when it is written: %v", err)
	}
	if got, err := w.store.Session(t.Context(), s.ID); err != nil || got.Seen.Sub(s.Created) != idle-time.Second {
		t.Errorf("seen %v after the start, %v", got.Seen.Sub(s.Created), err)
	}
	w.clock.Add(idle)
	if hub, site := use(); !errors.Is(hub, session.ErrRefused) || !errors.Is(site, session.ErrRefused) {
		t.Errorf("unused: %v, %v; want ErrRefused", hub, site)
	}
}

func TestUseIsNotedMoreOftenWithAShortIdleLimit(t *testing.T) {
	for idle, every := range map[time.Duration]time.Duration{
		15 * time.Minute: 45 * time.Second, time.Hour: 3 * time.Minute, 100 * time.Minute: 5 * time.Minute, day: 5 * time.Minute,
	} {
		w := newWorld(t)
		w.limit(t, idle, 0)
		s, given := w.mustStart(t, session.AtHub)
		seen := func(after time.Duration) time.Duration {
			t.Helper()
			w.clock.Add(after)
			if err := w.useAtHub(t, given.Hub); err != nil {
				t.Fatal(err)
			}
			w.mustFlush(t)
			got, err := w.store.Session(t.Context(), s.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got.Seen.Sub(s.Created)
		}
		first := seen(time.Minute)
		if again := seen(every - time.Millisecond); again != first {
			t.Errorf("idle %v: noted again after %v", idle, again-first)
		}
		if again := seen(time.Millisecond); again != first+every {
			t.Errorf("idle %v: noted after %v, want %v", idle, again-first, every)
		}
	}
}

func TestUseThatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	w, fault := newWorld(t), errors.New("disk on fire")
	w.limit(t, 15*time.Minute, 0)
	s, given := w.mustStart(t, session.AtHub)
	w.clock.Add(14 * time.Minute)
	if err := w.useAtHub(t, given.Hub); err != nil {
		t.Fatal(err)
	}
	w.faulty.FailUpdate(fault)
	if err := w.memory.Flush(t.Context(), w.store); !errors.Is(err, fault) {
		t.Errorf("got %v, want the fault", err)
	}
	w.clock.Add(2 * time.Minute)
	w.faulty.FailUpdate(fault)
	if err := w.useAtHub(t, given.Hub); !errors.Is(err, fault) || errors.Is(err, session.ErrRefused) {
		t.Errorf("while it cannot be known: %v, want the fault", err)
	}
	w.mustFlush(t)
	if got, err := w.store.Session(t.Context(), s.ID); err != nil || got.Seen.Sub(s.Created) != 14*time.Minute {
		t.Errorf("seen %v after the start, %v", got.Seen.Sub(s.Created), err)
	}
}

// A crash between the two must not leave the old session alive, nor end it for
// nothing.
func TestSessionThatIsReplacedEndsInTheSameStep(t *testing.T) {
	starts := map[string]func(w *world, old string) error{
		"login": func(w *world, old string) error {
			_, _, err := w.Start(t.Context(), w.customer, "", device, session.AtHub, old)
			return err
		},
		"registration": func(w *world, old string) error {
			_, err := w.Register(t.Context(), authstore.Registration{
				Customer: authstore.Customer{PublisherID: 100_000_001, Email: "bob@example.com"},
				Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: "bob@example.com"}, Replaces: old,
			})
			return err
		},
	}
	for name, start := range starts {
		w, fault := newWorld(t), errors.New("disk on fire")
		old, given := w.mustStart(t, session.AtHub)
		w.faulty.FailCommit(fault)
		if err := start(w, old.ID); !errors.Is(err, fault) || w.Ended(old.ID) {
			t.Errorf("%s: %v, ended %t", name, err, w.Ended(old.ID))
		}
		if err := w.useAtHub(t, given.Hub); err != nil {
			t.Errorf("%s: the old one: %v", name, err)
		}
		if err := start(w, old.ID); err != nil || !w.Ended(old.ID) {
			t.Errorf("%s: %v, ended %t", name, err, w.Ended(old.ID))
		}
		w.restart(t)
		if err := w.useAtHub(t, given.Hub); !errors.Is(err, session.ErrRefused) || !w.Ended(old.ID) {
			t.Errorf("%s: after a restart: %v, ended %t", name, err, w.Ended(old.ID))
		}
	}
}
