// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/token"
)

// Nothing but the token that was signed is accepted, and nothing else but
// ErrInvalid is said of what was not.
func FuzzVerify(f *testing.F) {
	r := newRing(f)
	raw := mustSign(f, r.Keyring, r.claims())
	parts := strings.Split(raw, ".")
	f.Add(parts[0], parts[1], parts[2])
	f.Add("", "", "")
	f.Add(b64.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)), parts[1], "")
	f.Add(parts[0]+"=", parts[1], parts[2]+".")
	f.Add(parts[0], b64.EncodeToString([]byte(`{"aud":["https://news.example"],"exp":9e99}`)), parts[2])
	f.Fuzz(func(t *testing.T, header, claims, signature string) {
		forged := header + "." + claims + "." + signature
		got, err := r.Verify(forged, site)
		switch {
		case forged == raw:
			if err != nil || !reflect.DeepEqual(got, inSeconds(r.claims())) {
				t.Errorf("the genuine token: %+v, %v", got, err)
			}
		case !errors.Is(err, token.ErrInvalid):
			t.Errorf("%q: %+v, %v; want ErrInvalid", forged, got, err)
		}
		if _, err := r.VerifyForPublisher(forged); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%q for the publisher: %v; want ErrInvalid", forged, err)
		}
	})
}
