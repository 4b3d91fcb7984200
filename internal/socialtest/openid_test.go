// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/usher-sso/usher/internal/socialtest"
)

// journey takes a person through an OpenID provider as clients in general do.
func journey(t *testing.T, issuer string, person socialtest.Person, consent func(string, socialtest.Person) (socialtest.Callback, error)) {
	t.Helper()
	ctx := oidc.ClientContext(context.Background(), &http.Client{Timeout: time.Minute})
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{
		ClientID: client, ClientSecret: secret, RedirectURL: callback, Endpoint: provider.Endpoint(), Scopes: []string{"openid", "email", "profile"},
	}
	ask := func() string {
		t.Helper()
		back, err := consent(config.AuthCodeURL("the state", oidc.Nonce("the nonce"), oauth2.S256ChallengeOption(verifier)), person)
		if err != nil {
			t.Fatal(err)
		}
		answer := values(t, back)
		if answer.Get("state") != "the state" {
			t.Errorf("the way back is %s", back.URL)
		}
		return answer.Get("code")
	}
	if _, err := config.Exchange(ctx, ask(), oauth2.VerifierOption(verifier+"!")); err == nil {
		t.Error("another verifier is as good")
	}
	code := ask()
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier)); err == nil {
		t.Error("a code is good twice")
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: client}).Verify(ctx, raw)
	if err != nil || id.Subject != person.Subject || id.Nonce != "the nonce" {
		t.Errorf("the token says %+v, %v", id, err)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != person.Subject || info.Email != person.Email || info.EmailVerified != (person.Email != "" && !person.Unverified) {
		t.Errorf("userinfo says %+v, %v", info, err)
	}
}

var doubtful = socialtest.Person{Subject: "7", Email: "doubtful@example.test", Unverified: true, GivenName: "Dan", FamilyName: "Doubt"}

func TestPeopleSignInWithARealOpenIDProvider(t *testing.T) {
	t.Parallel()
	p := socialtest.StartOpenID(t, []socialtest.Client{{ID: client, Secret: secret, RedirectURIs: []string{callback}}}, anna, nobody, doubtful)
	for _, person := range []socialtest.Person{anna, nobody, doubtful} {
		journey(t, p.Issuer, person, p.Consent)
	}
	if _, err := p.Consent(p.Issuer+"/auth?"+with(request, "redirect_uri", callback+"/").Encode(), anna); err == nil {
		t.Error("another address is as good")
	}
}

func TestPeopleSignInWithAMockOfOpenID(t *testing.T) {
	t.Parallel()
	m := socialtest.StartMock(t, socialtest.Client{ID: client, Secret: secret})
	for _, person := range []socialtest.Person{anna, nobody, doubtful} {
		journey(t, m.Issuer, person, m.Consent)
	}
}
