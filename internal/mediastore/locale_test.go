// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/locale"
)

// dataFrom sends a request of which a CDN says the country, and returns the
// answer's responseData.
func (w *world) dataFrom(t *testing.T, country, method, target, body string, headers ...string) map[string]any {
	t.Helper()
	r := httptest.NewRequestWithContext(locale.WithCountry(t.Context(), country), method, target, strings.NewReader(body))
	r.RemoteAddr = client + ":50000"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, r)
	var answer struct {
		Data map[string]any `json:"responseData"`
	}
	must(t, json.Unmarshal(recorder.Body.Bytes(), &answer))
	if answer.Data == nil {
		t.Fatalf("%s %s: %d %s", method, target, recorder.Code, recorder.Body)
	}
	return answer.Data
}

func TestLocalesFollowTheSaidCountryUnlessAnotherAddressIsAskedFor(t *testing.T) {
	w := newWorld(t)
	tests := []struct{ said, target, want string }{
		{"PL", "/locales", "pl_PL"},
		{"PL", "/locales?customerIP=", "pl_PL"},
		{"PL", "/locales?customerIP=193.99.144.80", "de_DE"},
		{"PL", "/locales?customerIP=192.168.1.1", "en_US"},
		{"PL", "/locales?customerIP=" + client, "en_US"},
		{"XX", "/locales", "en_US"},
	}
	for _, tt := range tests {
		if got := w.dataFrom(t, tt.said, "GET", tt.target, "")["locale"]; got != tt.want {
			t.Errorf("%s from %s: %v, want %s", tt.target, tt.said, got, tt.want)
		}
	}
}

func TestRegistrationTakesTheSaidCountryForWhatIsLeftOut(t *testing.T) {
	w := newWorld(t)
	for email, tt := range map[string]struct {
		change map[string]any
		want   [3]string
	}{
		"a@example.com": {map[string]any{"locale": nil, "country": nil, "currency": nil}, [3]string{"PL", "PLN", "pl_PL"}},
		"b@example.com": {nil, [3]string{"AT", "EUR", "de_AT"}},
	} {
		body := map[string]any{"email": email}
		for name, v := range tt.change {
			body[name] = v
		}
		id, _ := w.dataFrom(t, "PL", "POST", "/customers", registration(body))["customerId"].(float64)
		c, err := w.store.Customer(context.Background(), int64(id))
		must(t, err)
		if got := [3]string{c.Country, c.Currency, c.Locale}; got != tt.want {
			t.Errorf("%s: %v, want %v", email, got, tt.want)
		}
	}
}
