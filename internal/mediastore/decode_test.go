// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// anything has a member of every kind that bodies of the contract have.
type anything struct {
	tenant
	Text    string          `json:"text"`
	Touched *string         `json:"touched"`
	Raw     json.RawMessage `json:"raw"`
	List    *[]struct {
		Name  string  `json:"name"`
		Value *string `json:"value"`
	} `json:"list"`
}

// texts returns what was read as text.
func (a anything) texts() []string {
	all := []string{a.Text, string(a.PublisherID), a.OfferID}
	if a.Touched != nil {
		all = append(all, *a.Touched)
	}
	if a.List != nil {
		for _, item := range *a.List {
			all = append(all, item.Name)
		}
	}
	return all
}

// FuzzDecode holds that what is taken is one JSON object that every reader
// understands alike, and that what is refused is told in the contract's way.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"text":"a","touched":null,"raw":[{}],"publisherId":100000001,"offerId":"S100000001_US"}`, `{"a":1,"A":2}`,
		`{"list":[{"name":"a","value":null},{"name":"b","value":"c"}],"touched":""}`, `{"list":null}`, `{"list":{}}`, `{"list":[{"name":5}]}`,
		`{"text":"\u0000"}`, `{"publisherId":null}`, `{"publisherId":"1","PublisherID":1}`, `{"publisherId":-1}`,
		`{"a":{"b":[1,{"c":null}]}}`, `[]`, `{} x`, `{"text":5}`, `{"publisherId":1.5}`, "{\"te\u017ft\":1}", `{"a":"\ud800"}`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decode[anything](&call{body: body})
		if err != nil {
			var told *Error
			if !errors.As(err, &told) || told.Status != http.StatusBadRequest || told.Code != "REQ0001" || len(told.Message) != 1 || told.Message[0] == "" {
				t.Fatalf("%q is refused with %v", body, err)
			}
			if strings.Contains(told.Message[0], "tenant") || len(told.Message[0]) > len(body)*6+100 {
				t.Errorf("%q is refused with %q", body, told.Message[0])
			}
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
			t.Fatalf("%q is taken", body)
		}
		var again anything
		if err := json.Unmarshal(body, &again); err != nil || again.Text != got.Text || again.PublisherID != got.PublisherID {
			t.Errorf("%q is read as %+v and %+v, %v", body, got, again, err)
		}
		for _, text := range got.texts() {
			if strings.ContainsAny(text, "\x00\uFFFD") {
				t.Errorf("%q is read as %q", body, text)
			}
		}
		if strings.ContainsAny(string(got.PublisherID), ".eE-") && !bytes.Contains(body, []byte(`"`+string(got.PublisherID)+`"`)) && !bytes.Contains(body, []byte(`\u`)) {
			t.Errorf("%q names the publisher %q", body, got.PublisherID)
		}
		oneOfEach(t, body)
	})
}

// FuzzExternalData holds that what is kept is one compact object, that reading
// it again changes nothing, and that its text form is worth the same.
func FuzzExternalData(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a": [1.50, "x", null]}`, `"{\"a\": 1}"`, `""`, `null`, `[]`, `5`, `"x"`, `{"a":1,"A":2}`, `"{} {}"`, ` {"a":1} `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		kept, err := externalData(raw)
		if err != nil {
			var told *Error
			if !errors.As(err, &told) || told.Status != http.StatusBadRequest || told.Code != "REQ0001" || told.Message[0] != "Invalid param externalData" || kept != "" {
				t.Fatalf("%q is refused with %v and kept as %q", raw, err, kept)
			}
			return
		}
		if kept == "" {
			return
		}
		var short bytes.Buffer
		if err := json.Compact(&short, []byte(kept)); err != nil || short.String() != kept || kept[0] != '{' {
			t.Fatalf("%q is kept as %q: %v", raw, kept, err)
		}
		text, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range [][]byte{[]byte(kept), text} {
			if again, err := externalData(form); err != nil || again != kept {
				t.Errorf("%q is kept as %q, then %q, %v", raw, kept, again, err)
			}
		}
		oneOfEach(t, []byte(kept))
	})
}

// formOfTheClient is the check of a published client's form.
var formOfTheClient = regexp.MustCompile(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$`)

func FuzzLooksLikeEmail(f *testing.F) {
	for _, seed := range []string{"anna@example.com", "a..b@example..com", "@example.com", "a@.com", "a@b", "a@b@c.de", "a@b.c", "ä@example.com", "a@example.com\n", "A_%+-9@-.zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := looksLikeEmail(s), formOfTheClient.MatchString(s); got != want {
			t.Errorf("%q: %t, want %t", s, got, want)
		}
	})
}

func FuzzGivenIP(f *testing.F) {
	for _, seed := range []string{"", "8.8.8.8", "2001:DB8::1", "::ffff:8.8.8.8", "fe80::1%eth0", "1.2.3", "8.8.8.8:80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		addr, err := givenIP(s)
		if err == nil && s != "" && (!addr.IsValid() || addr.Zone() != "" || addr.Is4In6() || len(addr.String()) > 39) {
			t.Errorf("%q is taken for %v", s, addr)
		}
	})
}

// oneOfEach fails when two members of an object could be taken for each other.
func oneOfEach(t *testing.T, body []byte) {
	var members map[string]json.RawMessage
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&members); err != nil {
		t.Fatal(err)
	}
	for a := range members {
		for b := range members {
			if a != b && strings.EqualFold(a, b) {
				t.Errorf("%q has %q and %q", body, a, b)
			}
		}
	}
}
