// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// everything is settings of which nothing is what a plain publisher has.
var everything = authstore.Settings{
	Name: "Set", Offers: []string{"S100000001_DE"}, ResetURLs: []string{"https://set.example"},
	Capture: &authstore.Capture{Enabled: true, Enforced: true}, Consents: []string{"news"}, Languages: []string{"de"},
	TokenLife: time.Minute, Session: authstore.SessionLimits{Idle: time.Hour}, TokenDigest: "set",
	VerifyEmail: &authstore.VerifyEmail{On: true, Within: time.Hour}, SendMail: true,
}

var begun = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var published = []authstore.ConsentVersion{{Name: "news", Version: "1", Label: "News", Begins: begun, Published: begun}}

func TestSettingsAreInForceWhereNothingIsDeclared(t *testing.T) {
	got := authstore.Publisher{ID: 1, Name: "1", Unnamed: true}.With(everything, published, begun)
	want := authstore.Publisher{
		ID: 1, Name: "Set", Unnamed: true, Offers: []string{"S100000001_DE"}, ResetURLs: []string{"https://set.example"},
		Capture: authstore.Capture{Enabled: true, Enforced: true}, Languages: []string{"de"}, TokenLife: time.Minute,
		Consents: []authstore.ConsentDefinition{{Name: "news", Version: "1", Label: "News"}},
		Session:  authstore.SessionLimits{Idle: time.Hour}, TokenDigest: "set", VerifyEmail: true, VerifyWithin: time.Hour, SendMail: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatIsDeclaredWins(t *testing.T) {
	declared := authstore.Publisher{
		ID: 1, Name: "Declared", Offers: []string{"S100000001_US"}, ResetURLs: []string{"https://declared.example"},
		Capture: authstore.Capture{Enabled: true}, Languages: []string{"en"}, TokenLife: time.Hour,
		Consents: []authstore.ConsentDefinition{{Name: "news", Version: "7", Label: "Declared news"}},
		Session:  authstore.SessionLimits{Absolute: time.Hour}, TokenDigest: "declared", VerifyEmail: true, SendMail: true,
	}
	want := declared
	want.Offers = []string{"S100000001_US", "S100000001_DE"}
	want.ResetURLs = []string{"https://declared.example", "https://set.example"}
	if got := declared.With(everything, published, begun); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(declared.Offers) != 1 || len(declared.Consents) != 1 {
		t.Errorf("the declared one became %+v", declared)
	}
}

func TestNothingSetChangesNothing(t *testing.T) {
	p := nova()
	if got := p.With(authstore.Settings{}, nil, begun); !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v\nwant %+v", got, p)
	}
}

func TestNextChangeIsWhenTheNextVersionBegins(t *testing.T) {
	at := func(after time.Duration, published time.Time) authstore.ConsentVersion {
		return authstore.ConsentVersion{Begins: begun.Add(after), Published: published}
	}
	versions := []authstore.ConsentVersion{at(3*time.Hour, begun), at(-time.Hour, begun), at(2*time.Hour, begun), at(time.Hour, time.Time{})}
	for after, want := range map[time.Duration]time.Time{
		0: begun.Add(2 * time.Hour), 2*time.Hour - 1: begun.Add(2 * time.Hour), 2 * time.Hour: begun.Add(3 * time.Hour), 3 * time.Hour: {},
	} {
		if got := authstore.NextChange(versions, begun.Add(after)); !got.Equal(want) {
			t.Errorf("after %v it is %v, want %v", after, got, want)
		}
	}
}

// The hash of a text is in everybody's evidence, so that of a text from before
// there were translations must stay as it was.
func TestTranslationsChangeTheHashOnlyWhereThereAreAny(t *testing.T) {
	d := nova().Consents[0]
	const pinned = "f8bd9f728de2104de0b2d25294cde5f60e2c0ab4990bf8db376f0a799f66836a"
	if got := d.TextHash(); got != pinned {
		t.Errorf("without translations %s, want %s", got, pinned)
	}
	d.Texts = map[string]authstore.ConsentText{}
	if got := d.TextHash(); got != pinned {
		t.Errorf("with none %s, want %s", got, pinned)
	}
	d.Texts["de"] = authstore.ConsentText{Label: "Ich stimme zu"}
	german := d.TextHash()
	d.Texts["de"] = authstore.ConsentText{Label: "Ich stimme allem zu"}
	if german == pinned || german == d.TextHash() {
		t.Error("a translation is not part of the hash")
	}
}

func TestTextInALanguageIsTheTranslationOrElseTheTextItself(t *testing.T) {
	d := authstore.ConsentDefinition{Label: "I agree", Value: "v", Texts: map[string]authstore.ConsentText{"de": {Label: "Ich stimme zu"}}}
	if text, language := d.In("de"); text.Label != "Ich stimme zu" || text.Value != "v" || language != "de" {
		t.Errorf("de: %+v in %q", text, language)
	}
	if text, language := d.In("fr"); text.Label != "I agree" || text.Value != "v" || language != "" {
		t.Errorf("fr: %+v in %q", text, language)
	}
}

// An answer that was written down before answers had a language verifies still.
func TestEvidenceFromBeforeVerifies(t *testing.T) {
	w := newWorld(t)
	const hash = "203656c24223606cec882acb07dc66714aadf6d30edb1b770cd7abb26aeebe99"
	record := `{"sequence":1,"publisherId":100000001,"customerId":123456789,"name":"terms","version":"1","textHash":"hash of 1",` +
		`"state":"accepted","time":"2026-03-01T12:00:00Z","ip":"192.0.2.7","previous":"","hash":"` + hash + `"}`
	err := w.Backend().Update(context.Background(), func(tx authstore.Tx) error {
		if err := tx.Put("consent_head", "123456789", []byte(`{"sequence":1,"hash":"`+hash+`"}`)); err != nil {
			return err
		}
		return tx.Put("consent_log", "123456789\x00000000001", []byte(record))
	})
	if err != nil {
		t.Fatal(err)
	}
	if history, err := w.ConsentHistory(t.Context(), 123_456_789); err != nil || len(history) != 1 {
		t.Errorf("history %v, %v", history, err)
	}
}

func TestLanguageOfAnAnswerIsPartOfTheEvidence(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	german := answer("terms", "1", authstore.Accepted)
	german.Language = "de"
	w.mustAnswer(t, c, german, answer("terms", "1", authstore.Accepted))
	history, err := w.ConsentHistory(t.Context(), c.ID)
	if err != nil || len(history) != 2 || history[0].Language != "de" || history[1].Language != "" {
		t.Errorf("history %+v, %v", history, err)
	}
}
