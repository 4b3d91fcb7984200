// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/caddymodule"
)

const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`

// mustSet changes what staff of the one publisher have set.
func (s *server) mustSet(t *testing.T, fn func(*authstore.Settings)) {
	t.Helper()
	store := caddymodule.OpenStore(s.store)
	have, err := store.Settings(context.Background(), 100_000_000)
	if err == nil {
		_, err = store.ChangeSettings(context.Background(), 100_000_000, have.Revision, func(s *authstore.Settings) error {
			fn(s)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mustPublish asks customers to accept a version of the terms.
func (s *server) mustPublish(t *testing.T, version string) {
	t.Helper()
	store, ctx := caddymodule.OpenStore(s.store), context.Background()
	v := authstore.ConsentVersion{Version: version, Label: "I accept the terms.", Required: true}
	err := store.SaveDraft(ctx, 100_000_000, authstore.ManagedConsent{Name: "terms", Kind: "terms"}, v)
	if err == nil {
		err = store.PublishVersion(ctx, 100_000_000, "terms", version, time.Time{}, time.Time{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// soon asks until something is so, which takes a node two seconds at most.
func soon(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 seconds", what)
		}
	}
}

func TestWhatStaffSetComesInForceWithoutAReload(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	b := s.browser(t)
	b.register("anna@example.com")
	b.signedIn("news", "/", "anna@example.com")

	id, err := caddymodule.OpenStore(s.store).PutPicture(context.Background(), 100_000_000, []byte(logo))
	if err != nil {
		t.Fatal(err)
	}
	s.mustPublish(t, "1")
	s.mustSet(t, func(set *authstore.Settings) {
		set.Name, set.Languages = "Nova", []string{"de"}
		set.Brand = &authstore.Brand{Color: "0a5bd3", Logo: id, Favicon: "gone", Links: []authstore.BrandLink{{Name: "privacy", URL: "https://nova.example/p"}}}
	})
	stranger := s.browser(t)
	soon(t, "the publisher's look", func() bool {
		page := stranger.get("hub", "/register").body
		return strings.Contains(page, `<html lang="de"`) && strings.Contains(page, "/assets/logo.") && strings.Contains(page, "/assets/brand.") &&
			strings.Contains(page, "https://nova.example/p") && strings.Contains(page, `alt="Nova"`) && strings.Contains(page, "I accept the terms.")
	})
	if a := b.get("news", "/", "Accept", "application/json"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "interaction_required") {
		t.Errorf("the gate answers %s %.300s", a.Status, a.body)
	}

	s.start(t, nil) // another configuration begins with it
	if page := stranger.get("hub", "/register").body; !strings.Contains(page, "/assets/logo.") || !strings.Contains(page, "I accept the terms.") {
		t.Errorf("after a reload the page is %s", page)
	}
	s.mustSet(t, func(set *authstore.Settings) { set.Brand, set.Consents = nil, nil })
	soon(t, "the plain look", func() bool { return !strings.Contains(stranger.get("hub", "/register").body, "/assets/logo.") })
	b.signedIn("news", "/", "anna@example.com")
}

func TestWhatTheConfigurationDeclaresIsNotChangedByStaff(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	s.mustSet(t, func(set *authstore.Settings) {
		set.Name, set.Languages, set.Brand = "Nova", []string{"de"}, &authstore.Brand{Color: "0a5bd3"}
	})
	s.start(t, object{"publishers": []object{{
		"id": 100_000_000, "name": "Declared", "languages": []string{"fr"}, "brand": object{"links": []object{{"name": "imprint", "url": "https://d.example"}}},
	}}})
	page := s.browser(t).get("hub", "/register").body
	if strings.Contains(page, "Nova") || strings.Contains(page, "/assets/brand.") || !strings.Contains(page, "Declared") ||
		!strings.Contains(page, `<html lang="fr"`) || !strings.Contains(page, "https://d.example") {
		t.Errorf("the page is %s", page)
	}
}

func TestTextThatStaffPublishedCannotBeDeclaredAnother(t *testing.T) {
	s := newServer(t)
	s.start(t, nil)
	s.mustPublish(t, "1")
	err := caddy.Load(s.config(t, object{"publishers": []object{{
		"id": 100_000_000, "consents": []object{{"name": "terms", "version": "1", "label": "Something else."}},
	}}}), true)
	for _, part := range []string{"100000000", "consent terms version 1", "give it a new version"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

func TestMailsOfASandboxAreFilesUnlessItSends(t *testing.T) {
	s := newServer(t)
	data := t.TempDir()
	t.Setenv("XDG_DATA_HOME", data)
	sending := object{"module": "smtp", "server": "127.0.0.1:1", "tls": "none"} // nobody listens
	outbox := filepath.Join(caddy.AppDataDir(), "usher", "outbox", "100000000")
	s.start(t, object{"mail": sending, "publishers": []object{{"id": 100_000_000, "sandbox": true, "verify_email": 0}}})
	b := s.browser(t)
	b.register("anna@example.com")
	mails := func() []string {
		list, _ := filepath.Glob(filepath.Join(outbox, "*.eml"))
		return list
	}
	soon(t, "the mail as a file", func() bool { return len(mails()) == 1 })
	mail, err := os.ReadFile(mails()[0])
	if err != nil || !strings.Contains(string(mail), "Subject: [Sandbox] ") {
		t.Errorf("%v: %s", err, mail)
	}
}

func TestOnlyASandboxIsToldToSendItsMails(t *testing.T) {
	s := newServer(t)
	err := caddy.Load(s.config(t, object{"publishers": []object{{"id": 100_000_000, "send_mail": true}}}), true)
	if err == nil || !strings.Contains(err.Error(), "send_mail is for a sandbox") {
		t.Errorf("loading: %v", err)
	}
}
