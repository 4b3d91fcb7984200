// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// success is the envelope of every answer that is no error.
type success struct {
	ResponseData any      `json:"responseData"`
	Errors       []string `json:"errors"`
}

// done is the responseData of what has no other.
var done = map[string]bool{"success": true}

// allow lets pages of any origin read the answer. That is safe because the API
// knows no cookies: what it tells, it tells to whoever holds a token.
func allow(h http.Header) { h["Access-Control-Allow-Origin"] = anyOrigin }

// allowAsking answers a preflight: any page may send what the contract has.
func allowAsking(h http.Header) {
	allow(h)
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, X-Requested-By")
	h.Set("Access-Control-Max-Age", "7200") // browsers keep it no longer
}

// Header values that every answer has. They are shared and never changed, so
// that an answer costs no allocation for them.
var (
	anyOrigin = []string{"*"}
	typeJSON  = []string{"application/json"}
	noStore   = []string{"no-store"}
	noSniff   = []string{"nosniff"}
)

func write(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("encoding an answer of the API: " + err.Error()) // our own types always encode
	}
	h := w.Header()
	h["Content-Type"], h["Cache-Control"], h["X-Content-Type-Options"] = typeJSON, noStore, noSniff
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body)
}

const (
	// maxBody stops a sender from filling memory; the largest body of the
	// contract, a customer with externalData, is under 8 KiB.
	maxBody = 64 << 10

	// maxMembers stops bodies of thousands of fields; the contract's largest has
	// some twenty, and externalData a few dozen.
	maxMembers = 500

	// maxDepth stops deeply nested documents, which cost stack.
	maxDepth = 32
)

// readBody returns the body of a request that may have one. A body of another
// type than JSON is refused unread; one of no type is taken for JSON.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil, nil
	}
	if given := r.Header.Get("Content-Type"); given != "" && r.ContentLength != 0 {
		if kind, _, err := mime.ParseMediaType(given); err != nil || kind != "application/json" {
			return nil, errBodyType
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, badBody("body is larger than 64 KiB")
	}
	if err != nil {
		return nil, badBody("body cannot be read")
	}
	return body, nil
}

// decode reads the JSON object in a body into a T. Fields that T does not have
// are passed over, as the contract says; everything else that is odd is
// refused, because another reader might understand it differently.
func decode[T any](c *call) (T, error) {
	var v T
	if err := checkStrict(c.body); err != nil {
		return v, err
	}
	if err := json.Unmarshal(c.body, &v); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return v, badBody("Invalid param " + wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:])
		}
		return v, errBody
	}
	return v, nil
}

// checkStrict refuses documents that are no single object, nest too deeply or
// name a member twice.
func checkStrict(b []byte) error {
	if !utf8.Valid(b) {
		return errBody
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return errBody
	}
	c := strictness{Decoder: d}
	if err := c.object(1); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errBody
	}
	return nil
}

// strictness walks through one document.
type strictness struct {
	*json.Decoder
	members int
}

func (d *strictness) object(depth int) error {
	seen := map[string]bool{}
	for d.More() {
		if d.members++; d.members > maxMembers {
			return badBody("body has too many members")
		}
		t, err := d.Token()
		name, _ := t.(string)
		if err != nil || oddText(name) {
			return errBody
		}
		// Go matches names without regard to case, so they clash that way too;
		// upper case first, because some letters share only that.
		if folded := strings.ToLower(strings.ToUpper(name)); seen[folded] {
			return badBody(fmt.Sprintf("member %q is given twice", name))
		} else {
			seen[folded] = true
		}
		if err := d.value(depth); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return errBody
	}
	return nil
}

// oddText tells whether a text holds a NUL, which stores cannot keep, or what
// is no character at all, which readers replace as they like.
func oddText(s string) bool { return strings.ContainsAny(s, "\x00\uFFFD") }

func (d *strictness) value(depth int) error {
	t, err := d.Token()
	if err != nil {
		return errBody
	}
	delim, ok := t.(json.Delim)
	text, _ := t.(string)
	switch {
	case oddText(text):
		return errBody
	case !ok:
		return nil
	case depth >= maxDepth:
		return badBody("body is nested too deeply")
	case delim == '{':
		return d.object(depth + 1)
	}
	for d.More() {
		if d.members++; d.members > maxMembers {
			return badBody("body has too many members")
		}
		if err := d.value(depth + 1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return errBody
	}
	return nil
}

// id is an id that clients send as a string or as a number.
type id string

func (i *id) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*i = id(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil || strings.ContainsAny(string(n), ".eE-") {
		return &json.UnmarshalTypeError{Value: "value"} // the decoder adds the field
	}
	*i = id(n)
	return nil
}

// clientIP returns the address of the client without the port.
func clientIP(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
