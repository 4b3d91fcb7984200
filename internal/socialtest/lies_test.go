// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"

	"github.com/usher-sso/usher/internal/socialtest"
)

// issuers are those who sign, with a token of each for an app.
var issuers = map[socialtest.Provider]struct {
	discovery string
	token     func(*socialtest.Internet, ...socialtest.Lie) string
}{
	socialtest.Google: {"https://accounts.google.com", func(in *socialtest.Internet, lies ...socialtest.Lie) string {
		return in.GoogleIDToken("the-phone", client, anna, "n", lies...)
	}},
	socialtest.Facebook: {"https://limited.facebook.com/.well-known/openid-configuration/", func(in *socialtest.Internet, lies ...socialtest.Lie) string {
		return in.FacebookIDToken(client, anna, "n", lies...)
	}},
	socialtest.Apple: {"https://appleid.apple.com", func(in *socialtest.Internet, lies ...socialtest.Lie) string {
		return in.AppleIDToken(client, anna, "n", lies...)
	}},
}

// TestALibraryTellsTruthFromLies holds the tokens to a reader that is not ours.
func TestALibraryTellsTruthFromLies(t *testing.T) {
	t.Parallel()
	in := start(t, time.Now)
	in.RegisterApple(t, client)
	c := &http.Client{Transport: in.Transport(t)}
	ctx := oidc.ClientContext(context.Background(), c)
	for p, issuer := range issuers {
		verifier := verifierOf(t, ctx, c, issuer.discovery)
		claims := struct {
			Email    string
			Verified bool `json:"email_verified"`
			AZP      string
		}{}
		truth, err := verifier.Verify(ctx, issuer.token(in))
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		if err := truth.Claims(&claims); err != nil || truth.Subject != anna.Subject || truth.Nonce != "n" || claims.Email != anna.Email {
			t.Errorf("%s says %+v and %+v, %v", p, truth, claims, err)
		}
		if p == socialtest.Google && (claims.AZP != "the-phone" || !claims.Verified) {
			t.Errorf("Google says %+v", claims)
		}
		for _, test := range []struct {
			lie  socialtest.Lie
			want string
		}{
			{socialtest.Says("iss", "https://accounts.google.example"), "different provider"},
			{socialtest.Says("aud", "another"), "expected audience"},
			{socialtest.Expired, "token is expired"},
			{socialtest.NotSigned, "unexpected signature algorithm"},
			{socialtest.SignedWithSecret, `unexpected signature algorithm "HS256"`},
			{socialtest.SignedWithPublicKey, `unexpected signature algorithm "HS256"`},
			{socialtest.SignedByStranger, "failed to verify signature"},
			{socialtest.UnknownKey, "failed to verify signature"},
		} {
			token := issuer.token(in, test.lie)
			if _, err := verifier.Verify(ctx, token); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want one that says %s, of %s", p, err, test.want, token)
			}
		}
		// What a library leaves to its user arrives as it was told.
		other, err := verifier.Verify(ctx, issuer.token(in, socialtest.Says("sub", "2"), socialtest.Says("nonce", nil)))
		if err != nil || other.Subject != "2" || other.Nonce != "" {
			t.Errorf("%s: %+v, %v", p, other, err)
		}
	}
}

// verifierOf returns what verifies the tokens of an issuer.
func verifierOf(t *testing.T, ctx context.Context, c *http.Client, discovery string) *oidc.IDTokenVerifier {
	t.Helper()
	if !strings.Contains(discovery, ".well-known") {
		provider, err := oidc.NewProvider(ctx, discovery)
		if err != nil {
			t.Fatal(err)
		}
		return provider.Verifier(&oidc.Config{ClientID: client})
	}
	_, metadata := get(t, c, discovery, nil) // Facebook's issuer is not where its document is
	keys := oidc.NewRemoteKeySet(ctx, metadata["jwks_uri"].(string))
	return oidc.NewVerifier(metadata["issuer"].(string), keys, &oidc.Config{ClientID: client})
}

func TestLiesAndRewritesLastUntilMended(t *testing.T) {
	t.Parallel()
	in := start(t, time.Now)
	c := &http.Client{Transport: in.Transport(t)}
	ctx := oidc.ClientContext(context.Background(), c)
	verifier := verifierOf(t, ctx, c, "https://accounts.google.com")
	token := func() (*oidc.IDToken, map[string]any) {
		t.Helper()
		_, body := post(t, c, addresses[socialtest.Google].token, exchange(code(t, in, socialtest.Google, request)))
		id, err := verifier.Verify(ctx, body["id_token"].(string))
		if err != nil {
			t.Fatal(err)
		}
		if err := id.VerifyAccessToken(body["access_token"].(string)); err != nil {
			t.Error(err)
		}
		_, profile := get(t, c, "https://openidconnect.googleapis.com/v1/userinfo", url.Values{"access_token": {body["access_token"].(string)}})
		return id, profile
	}
	if id, profile := token(); id.Nonce != "n" || id.Subject != anna.Subject || profile["sub"] != anna.Subject {
		t.Errorf("the truth is %+v, %v", id, profile)
	}
	in.Lie(socialtest.Google, socialtest.Says("sub", nobody.Subject), socialtest.Says("nonce", "m"))
	in.Rewrite(socialtest.Google, socialtest.Profile, func(body map[string]any) { body["email"] = "not an address" })
	if id, profile := token(); id.Nonce != "m" || id.Subject != nobody.Subject || profile["sub"] != anna.Subject || profile["email"] != "not an address" {
		t.Errorf("the lie is %+v, %v", id, profile)
	}
	in.Mend(socialtest.Google)
	if id, profile := token(); id.Nonce != "n" || id.Subject != anna.Subject || profile["email"] != anna.Email {
		t.Errorf("the truth is %+v, %v", id, profile)
	}
}

func TestEndpointsFailAsTheyAreTold(t *testing.T) {
	t.Parallel()
	in := start(t, time.Now)
	const userinfo = "https://openidconnect.googleapis.com/v1/userinfo"
	ask := func() (int, string, error) {
		c := &http.Client{Transport: in.Transport(t), Timeout: time.Minute}
		res, err := c.Get(userinfo)
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		return res.StatusCode, string(body), err
	}
	asked := in.Asked(socialtest.Google, socialtest.Profile)

	in.Break(socialtest.Google, socialtest.Failing)
	if status, body, err := ask(); status != 500 || strings.HasPrefix(body, "{") || err != nil {
		t.Errorf("failing: status %d, %q, %v", status, body, err)
	}
	in.Break(socialtest.Google, socialtest.Garbled)
	if status, body, err := ask(); status != 200 || strings.HasPrefix(body, "{") || err != nil {
		t.Errorf("garbled: status %d, %q, %v", status, body, err)
	}
	in.Break(socialtest.Google, socialtest.Endless)
	if status, body, err := ask(); status != 200 || len(body) != 1<<20 || !strings.HasPrefix(body, `{"`) || err != nil {
		t.Errorf("endless: status %d, %d bytes, %v", status, len(body), err)
	}
	if got := in.Asked(socialtest.Google, socialtest.Profile) - asked; got != 3 {
		t.Errorf("asked %d times", got)
	}
	in.Break(socialtest.Google, socialtest.Refusing)
	if status, _, err := ask(); err == nil {
		t.Errorf("refusing: status %d", status)
	}
	in.Break(socialtest.Google, socialtest.Refusing, socialtest.Tokens) // and so do all others
	if status, _, err := ask(); err == nil {
		t.Errorf("refusing: status %d", status)
	}
	if _, err := in.Consent(addresses[socialtest.Google].consent+"?"+request.Encode(), anna); err != nil {
		t.Errorf("people are refused too: %v", err)
	}
	in.Mend(socialtest.Google)
	if status, body, err := ask(); status != 401 || !strings.HasPrefix(body, "{") || err != nil {
		t.Errorf("mended: status %d, %q, %v", status, body, err)
	}
}

func TestHangingEndpointsOutlastTheirClient(t *testing.T) {
	t.Parallel()
	in := start(t, time.Now)
	in.Break(socialtest.Twitch, socialtest.Hanging, socialtest.Profile)
	c := &http.Client{Transport: in.Transport(t), Timeout: 100 * time.Millisecond}
	if res, err := c.Get("https://api.twitch.tv/helix/users"); !os.IsTimeout(err) {
		t.Errorf("it answers: %v, %v", res, err)
	}
}

// appleSecret signs a client's secret as goth does.
func appleSecret(t *testing.T, key socialtest.AppleKey, changes map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": key.Team, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "aud": "https://appleid.apple.com", "sub": client}
	for name, value := range changes {
		claims[name] = value
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = key.ID
	block, _ := pem.Decode([]byte(key.PEM))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := token.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestAppleBelievesTheClientsKeyAndSaysNamesOnce(t *testing.T) {
	t.Parallel()
	in := start(t, time.Now)
	key := in.RegisterApple(t, client, callback)
	c := &http.Client{Transport: in.Transport(t)}
	ctx := oidc.ClientContext(context.Background(), c)
	verifier := verifierOf(t, ctx, c, "https://appleid.apple.com")
	form := with(request, "scope", "name email", "response_mode", "form_post")
	at := addresses[socialtest.Apple]

	if _, err := in.Consent(at.consent+"?"+with(form, "response_mode", "").Encode(), anna); err == nil {
		t.Error("names are sent in an address")
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	strange := key
	strange.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	unnamed := key
	unnamed.ID = "another"
	for what, secret := range map[string]string{
		"none":             "",
		"no token":         "secret",
		"another key":      appleSecret(t, strange, nil),
		"another key's id": appleSecret(t, unnamed, nil),
		"another team":     appleSecret(t, key, map[string]any{"iss": "TEAM"}),
		"another client":   appleSecret(t, key, map[string]any{"sub": "another"}),
		"another audience": appleSecret(t, key, map[string]any{"aud": "https://accounts.google.com"}),
		"an old one":       appleSecret(t, key, map[string]any{"exp": time.Now().Add(-time.Second).Unix()}),
		"one for a year":   appleSecret(t, key, map[string]any{"exp": time.Now().AddDate(1, 0, 0).Unix()}),
	} {
		status, body := post(t, c, at.token, with(exchange(code(t, in, socialtest.Apple, form)), "client_secret", secret))
		if status != 400 || body["error"] != "invalid_client" {
			t.Errorf("secret, %s: status %d, %v", what, status, body)
		}
	}
	secret := appleSecret(t, key, nil)
	for i, want := range []string{`{"email":"anna@gmail.test","name":{"firstName":"Anna","lastName":"Alba"}}`, ""} {
		back, err := in.Consent(at.consent+"?"+form.Encode(), anna)
		if err != nil {
			t.Fatal(err)
		}
		if back.URL != callback || back.Form.Get("user") != want {
			t.Errorf("time %d: to %s with %q, want %q", i+1, back.URL, back.Form.Get("user"), want)
		}
		status, body := post(t, c, at.token, with(exchange(back.Form.Get("code")), "client_secret", secret))
		if status != 200 {
			t.Fatalf("status %d, %v", status, body)
		}
		id, err := verifier.Verify(ctx, body["id_token"].(string))
		if err != nil || id.Subject != anna.Subject || id.Nonce != "n" || id.VerifyAccessToken(body["access_token"].(string)) != nil {
			t.Errorf("time %d: %+v, %v", i+1, id, err)
		}
	}
}

func TestPagesOfPeopleNeedNoScript(t *testing.T) {
	t.Parallel()
	in := start(t, time.Now)
	in.Add(socialtest.Google, socialtest.Person{Subject: "3", Name: `<script>alert("hi")</script>`})
	res, err := (&http.Client{Transport: in.Transport(t)}).Get(addresses[socialtest.Google].consent + "?" + request.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || bytes.Contains(page, []byte("<script")) || !bytes.Contains(page, []byte("Continue as anna@gmail.test")) {
		t.Errorf("%v\n%s", err, page)
	}
}
