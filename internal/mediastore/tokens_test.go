// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// opened returns the header and the claims of a JWT, as clients read them.
func opened(t *testing.T, jwt string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", jwt)
	}
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		must(t, err)
		*into, _ = exactly(t, string(b)).(map[string]any)
	}
	return header, claims
}

func TestTokensOnTheWire(t *testing.T) {
	w := newWorld(t)
	made := w.call(t, "POST", "/customers", registration(nil))
	for name, tt := range map[string]struct {
		answer  answer
		members []string
		offer   any
	}{
		"registration":    {made, []string{"customerId", "customerToken", "jwt", "refreshToken"}, nil},
		"login":           {w.call(t, "POST", "/auths", login("anna@example.com", password)), []string{"customerId", "customerToken", "jwt", "refreshToken"}, nil},
		"login by offer":  {w.call(t, "POST", "/auths", `{"email":"anna@example.com","password":"`+password+`","offerId":"S100000001_US"}`), []string{"customerId", "customerToken", "jwt", "refreshToken"}, "S100000001_US"},
		"refresh":         {w.call(t, "POST", "/auths/refresh_token", refresh(made.text(t, "refreshToken"))), []string{"jwt", "refreshToken"}, nil},
		"trusted login":   {w.call(t, "POST", "/sso/auths", `{"customerEmail":"anna@example.com"}`, proof()...), []string{"jwt", "refreshToken"}, nil},
		"publisher first": {w.call(t, "POST", "/auths", `{"email":"anna@example.com","password":"`+password+`","offerId":"S100000001_US","publisherId":"100000001"}`), []string{"customerId", "customerToken", "jwt", "refreshToken"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var data map[string]any
			d, _ := exactly(t, tt.answer.body).(map[string]any)
			data, _ = d["responseData"].(map[string]any)
			if got := slices.Sorted(maps.Keys(data)); !slices.Equal(got, tt.members) {
				t.Errorf("members %q, want %q", got, tt.members)
			}
			header, claims := opened(t, tt.answer.text(t, "jwt"))
			if header["alg"] != "ES256" || header["typ"] != "JWT" || header["kid"] == nil {
				t.Errorf("header %v", header)
			}
			id, _ := claims["customerId"].(string)
			want := map[string]any{
				"customerId": id, "publisherId": json.Number("100000001"), "exp": json.Number("1772367300"), "iat": json.Number("1772366400"),
				"email": "anna@example.com", "offerId": tt.offer,
			}
			for claim, value := range want {
				if claims[claim] != value {
					t.Errorf("claim %s is %v, want %v", claim, claims[claim], value)
				}
			}
			if _, there := data["customerId"]; there && data["customerId"] != json.Number(id) || len(id) != 9 {
				t.Errorf("customerId %v, in the token %q", data["customerId"], id)
			}
		})
	}
}

// It belongs to another API.
func TestCustomerTokenIsAcceptedNowhere(t *testing.T) {
	w := newWorld(t)
	made := w.call(t, "POST", "/customers", registration(nil))
	token := made.text(t, "customerToken")
	w.call(t, "DELETE", "/refresh_tokens", "", bearer(token)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	w.call(t, "POST", "/auths/refresh_token", refresh(token)).refused(t, 401, "AUTH0003", "Refresh token is expired or does not exist")
}

func TestJWTLivesAQuarterOfAnHour(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	w.clock.Add(15*time.Minute - time.Second)
	if a := w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...); a.status != http.StatusOK {
		t.Errorf("a second before: %d %s", a.status, a.body)
	}
	w.clock.Add(time.Second)
	w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).refused(t, 401, "AUTH0003", "token expired")
}

func TestRefreshTokenLivesAHundredDays(t *testing.T) {
	w := newWorld(t)
	_, token, _ := w.mustRegister(t, ours, "anna@example.com")
	w.clock.Add(100*24*time.Hour - time.Second)
	a := w.call(t, "POST", "/auths/refresh_token", refresh(token))
	if a.status != http.StatusOK {
		t.Fatalf("a second before: %d %s", a.status, a.body)
	}
	w.clock.Add(100 * 24 * time.Hour)
	w.call(t, "POST", "/auths/refresh_token", refresh(a.text(t, "refreshToken"))).refused(t, 401, "AUTH0003", "Refresh token is expired or does not exist")
}

func TestSaidAddressIsTheLastOneAndNothingElse(t *testing.T) {
	for _, tt := range []struct {
		said any
		want string
	}{
		{nil, client}, {"", client}, {"192.0.2.9", "192.0.2.9"}, {"::ffff:192.0.2.9", "192.0.2.9"}, {"2001:DB8::1", "2001:db8::1"},
	} {
		w := newWorld(t)
		made := w.call(t, "POST", "/customers", registration(map[string]any{"customerIP": tt.said}))
		_, claims := opened(t, made.text(t, "jwt"))
		id, _ := claims["customerId"].(string)
		if got := w.mustRead(t, id).LastIP; got != tt.want {
			t.Errorf("registered from %v: %q, want %q", tt.said, got, tt.want)
		}
		body := map[string]any{"email": "anna@example.com", "password": password, "publisherId": "100000001", "customerIP": tt.said}
		w.call(t, "POST", "/auths", login("anna@example.com", password))
		if got := w.mustRead(t, id).LastIP; got != client {
			t.Errorf("logged in without one: %q", got)
		}
		w.call(t, "POST", "/auths", document(body))
		c := w.mustRead(t, id)
		if c.LastIP != tt.want {
			t.Errorf("logged in from %v: %q, want %q", tt.said, c.LastIP, tt.want)
		}
		w.call(t, "PUT", "/customers/"+id+"/consents", `{"consents":[{"name":"terms","version":"2","state":"accepted"}]}`, bearer(made.text(t, "jwt"))...)
		history, err := w.store.ConsentHistory(context.Background(), c.ID)
		must(t, err)
		live, err := w.store.CustomerSessions(context.Background(), c.ID)
		must(t, err)
		if len(history) != 1 || history[0].IP != client || len(live) != 3 {
			t.Errorf("evidence %+v, %d sessions", history, len(live))
		}
		for _, s := range live {
			if s.IP != client {
				t.Errorf("a session's address is %q, want that of the connection", s.IP)
			}
		}
	}
}

func TestSaidAddressThatDoesNotParseIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []any{"x", "1.2.3", "300.1.1.1", "fe80::1%eth0", "8.8.8.8:80", " 8.8.8.8", "8.8.8.0/24", 5} {
		w.call(t, "POST", "/customers", registration(map[string]any{"customerIP": bad})).refused(t, 400, "REQ0001", "Invalid param customerIP")
		body := map[string]any{"email": "anna@example.com", "password": password, "publisherId": "100000001", "customerIP": bad}
		w.call(t, "POST", "/auths", document(body)).refused(t, 400, "REQ0001", "Invalid param customerIP")
		if t.Failed() {
			t.Fatal(bad)
		}
	}
}
