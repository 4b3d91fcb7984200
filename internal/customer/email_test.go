// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/customer"
)

func TestSpellingsOfAnAddressShareOneKey(t *testing.T) {
	const want = "ann.o'neil@xn--bcher-kva.example"
	for _, s := range []string{
		"ann.o'neil@bücher.example", "Ann.O'Neil@BÜCHER.example", " ann.o'neil@xn--bcher-kva.example ", "ANN.O'NEIL@XN--BCHER-KVA.EXAMPLE",
	} {
		got, err := customer.ParseEmail(s)
		if err != nil || got.Key != want {
			t.Errorf("%q: key %q, %v; want %q", s, got.Key, err, want)
		}
	}
	composed, _ := customer.ParseEmail("Jo@caf\u00e9.example")
	decomposed, err := customer.ParseEmail("Jo@cafe\u0301.example")
	if err != nil || composed.Key != decomposed.Key || composed.Mailbox != "Jo@xn--caf-dma.example" {
		t.Errorf("composition splits a key: %+v and %+v, %v", composed, decomposed, err)
	}
}

func TestBadAddressesAreRefused(t *testing.T) {
	for _, s := range []string{
		"", "a", "a@", "@b.example", "a@b", "a b@c.example", "a@b@c.example", "Ann <a@b.example>", "<a@b.example>",
		"a@b.example\r\nBcc: x@y.example", "a@b..example", "a@-b.example", "a@b.example.", "a@[127.0.0.1]",
		"a,b@c.example", "a@b.example,c@d.example", "a\x00@b.example", `"a b"@c.example`, "\xff@b.example", "é@b.example", "a@\xff.example",
		strings.Repeat("a", 250) + "@b.example",
	} {
		if got, err := customer.ParseEmail(s); !errors.Is(err, customer.ErrEmail) {
			t.Errorf("%q: got %+v, %v", s, got, err)
		}
	}
}

func FuzzParseEmail(f *testing.F) {
	f.Add("a@b.example")
	f.Add("Ünï@bücher.example")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := customer.ParseEmail(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(e.Address, "\r\n\x00<>") || len(e.Address) > 254 {
			t.Fatalf("%q was accepted", e.Address)
		}
		again, err := customer.ParseEmail(e.Key)
		if err == nil && again.Key != e.Key {
			t.Fatalf("the key of %q is not its own key: %q", e.Key, again.Key)
		}
	})
}
