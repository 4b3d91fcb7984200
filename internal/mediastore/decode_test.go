// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// anything has a member of every kind that bodies of the contract have.
type anything struct {
	tenant
	Text   string          `json:"text"`
	Number int             `json:"number"`
	Flag   bool            `json:"flag"`
	Raw    json.RawMessage `json:"raw"`
}

// FuzzDecode holds that what is taken is one JSON object that every reader
// understands alike, and that what is refused is told in the contract's way.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"text":"a","number":1,"flag":true,"raw":[{}],"publisherId":100000001,"offerId":"S100000001_US"}`, `{"a":1,"A":2}`,
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
		oneOfEach(t, body)
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
