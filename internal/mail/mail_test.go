// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
)

var testTime = time.Date(2026, 3, 1, 12, 30, 45, 678, time.UTC)

// valid returns a message that may be sent, for tests to spoil.
func valid() Message {
	return Message{
		From:     "no-reply@nova.example",
		FromName: "Nova TV",
		To:       "ann@example.com",
		Subject:  "Reset your password",
		Text:     "Open https://hub.example/reset?ticket=abc\n",
	}
}

// mustCompose returns the RFC 5322 text of m.
func mustCompose(t *testing.T, m Message) string {
	t.Helper()
	m.ID = cmp.Or(m.ID, "id1")
	msg, err := compose(m, testTime)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := msg.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// mustRead parses RFC 5322 text.
func mustRead(t *testing.T, text string) *mail.Message {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return msg
}

// header returns a header, decoded as mail programs do.
func header(t *testing.T, msg *mail.Message, name string) string {
	t.Helper()
	if n := len(msg.Header[name]); n != 1 {
		t.Fatalf("%d headers %s, want 1", n, name)
	}
	text, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get(name))
	if err != nil {
		t.Fatalf("header %s: %v", name, err)
	}
	return text
}

func TestHeaders(t *testing.T) {
	m := valid()
	m.ReplyTo = "help@nova.example"
	msg := mustRead(t, mustCompose(t, m))
	for name, want := range map[string]string{
		"From":                     `"Nova TV" <no-reply@nova.example>`,
		"To":                       "<ann@example.com>",
		"Reply-To":                 "<help@nova.example>",
		"Subject":                  "Reset your password",
		"Date":                     "Sun, 01 Mar 2026 12:30:45 +0000",
		"Message-Id":               "<id1@nova.example>",
		"Mime-Version":             "1.0",
		"Auto-Submitted":           "auto-generated",
		"X-Auto-Response-Suppress": "All",
	} {
		if got := header(t, msg, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"User-Agent", "X-Mailer"} {
		if got := msg.Header.Get(name); got != "" {
			t.Errorf("%s: %s tells the library in use", name, got)
		}
	}
}

func TestTextSurvivesComposing(t *testing.T) {
	names := []string{
		"Nova TV",
		`Nova "TV", <the best> \ channel`,
		"Żółta Łódź 📺",
		"Nova; TV: (a) comment",
		strings.Repeat("ż", maxHeaderBytes/2),
		strings.Repeat("a", maxHeaderBytes),
	}
	for _, name := range names {
		m := valid()
		m.FromName, m.Subject = name, name
		text := mustCompose(t, m)
		msg := mustRead(t, text)
		from, err := msg.Header.AddressList("From")
		if err != nil || len(from) != 1 {
			t.Fatalf("%q: From: %v, %v", name, from, err)
		}
		if from[0].Name != name || from[0].Address != m.From {
			t.Errorf("name %q arrived as %q", name, from[0])
		}
		if got := header(t, msg, "Subject"); got != name {
			t.Errorf("subject %q arrived as %q", name, got)
		}
		for line := range strings.Lines(text) {
			if len(line) > 1000 {
				t.Errorf("%q made a line of %d bytes", name, len(line))
			}
		}
	}
}

func TestWhiteSpaceInHeadersIsSqueezed(t *testing.T) {
	m := valid()
	m.Subject = "  Reset" + strings.Repeat(" ", 200) + "your \u00a0 password "
	m.FromName = " Nova  TV "
	text := mustCompose(t, m)
	msg := mustRead(t, text)
	if got, want := header(t, msg, "Subject"), "Reset your password"; got != want {
		t.Errorf("Subject: %q, want %q", got, want)
	}
	if got, want := header(t, msg, "From"), `"Nova TV" <no-reply@nova.example>`; got != want {
		t.Errorf("From: %q, want %q", got, want)
	}
}

func TestBodyWithoutHTMLIsPlainText(t *testing.T) {
	m := valid()
	m.Text = "Zażółć gęślą jaźń\n.\n" + strings.Repeat("long ", 300)
	msg := mustRead(t, mustCompose(t, m))
	if got, want := msg.Header.Get("Content-Type"), "text/plain; charset=UTF-8"; got != want {
		t.Errorf("Content-Type: %s, want %s", got, want)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(string(body), "\r\n", "\n"); got != m.Text {
		t.Errorf("body %q, want %q", got, m.Text)
	}
}

func TestBodyWithHTMLIsAlternative(t *testing.T) {
	m := valid()
	m.HTML = "<p>Zażółć <a href=\"https://hub.example/reset?ticket=abc\">gęślą</a></p>"
	msg := mustRead(t, mustCompose(t, m))
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type: %s, %v", kind, err)
	}
	// RFC 2046 section 5.1.4: the best alternative comes last.
	want := []struct{ kind, body string }{
		{"text/plain; charset=UTF-8", m.Text},
		{"text/html; charset=UTF-8", m.HTML},
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for _, w := range want {
		part, err := parts.NextPart() // decodes quoted-printable
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if got := part.Header.Get("Content-Type"); got != w.kind {
			t.Errorf("part is %s, want %s", got, w.kind)
		}
		if got := strings.ReplaceAll(string(body), "\r\n", "\n"); got != w.body {
			t.Errorf("part %q, want %q", got, w.body)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("after the last part: %v, want EOF", err)
	}
}

func TestInvalidMessages(t *testing.T) {
	bad := map[string]func(m *Message, s string){
		"from":      func(m *Message, s string) { m.From = s },
		"from name": func(m *Message, s string) { m.FromName = s },
		"to":        func(m *Message, s string) { m.To = s },
		"reply-to":  func(m *Message, s string) { m.ReplyTo = s },
		"subject":   func(m *Message, s string) { m.Subject = s },
		"text":      func(m *Message, s string) { m.Text = s },
		"html":      func(m *Message, s string) { m.HTML = s },
	}
	injections := []string{
		"x\r\nBcc: eve@evil.example", "x\nBcc: eve@evil.example", "x\rBcc: eve@evil.example",
		"x\r\n\r\nbody", "x\n", "\nx", "x\x00y", "x\x7f", "x\v", "x\u0085y", "x\u2028y", "x\u2029y", "x\xffy", " ",
		"=?utf-8?q?=0D=0ABcc:_eve@evil.example?=", strings.Repeat("x", maxHeaderBytes+1),
	}
	addresses := []string{
		"ann", "@", "ann@", "@example.com", "ann@example.com\r\nBcc: eve@evil.example", "ann@example.com\n",
		"ann@example.com, eve@evil.example", "ann@example.com,", "ann@example.com eve@evil.example",
		"Ann <ann@example.com>", "<ann@example.com>", "ann@example.com (Ann)", "group: ann@example.com;",
		`"a b"@example.com`, `"ann"@example.com`, " ann@example.com", "ann@example.com ", "ann@exa mple.com",
		"änn@example.com", "ann@exämple.com", "=?utf-8?q?ann?= <ann@example.com>", "ann@example.com>\t<eve@evil.example",
		strings.Repeat("a", maxAddressBytes) + "@example.com",
	}
	bodies := []string{"x\x00y", "x\xffy", strings.Repeat("x", maxBodyBytes+1)}
	tests := map[string][]string{
		"from":      append([]string{""}, addresses...),
		"to":        append([]string{""}, addresses...),
		"reply-to":  addresses,
		"from name": injections,
		"subject":   append([]string{""}, injections...),
		"text":      append([]string{""}, bodies...),
		"html":      bodies,
	}
	for field, values := range tests {
		for _, value := range values {
			m := valid()
			bad[field](&m, value)
			_, err := compose(m, testTime)
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s %.60q: %v, want ErrInvalid", field, value, err)
				continue
			}
			if !strings.HasPrefix(err.Error(), "invalid message: "+field+" ") {
				t.Errorf("%s %.60q: %q does not name the field", field, value, err)
			}
			if strings.Contains(err.Error(), "example") || strings.Contains(err.Error(), "xx") {
				t.Errorf("%s: %q repeats the value", field, err)
			}
		}
	}
}

func TestValidAddresses(t *testing.T) {
	for _, address := range []string{
		"ann@example.com", "ann+tag@example.com", "o'brien@example.com", "a.b-c_d@sub.example.co.uk",
		"ann@xn--exmple-cua.com", "ann@localhost", "ANN@EXAMPLE.COM",
	} {
		m := valid()
		m.To, m.From = address, address
		msg := mustRead(t, mustCompose(t, m))
		if got := msg.Header.Get("To"); got != "<"+address+">" {
			t.Errorf("To: %s, want <%s>", got, address)
		}
	}
}

// FuzzCompose holds that whatever the values, the headers are ours and no other.
func FuzzCompose(f *testing.F) {
	f.Add("no-reply@nova.example", "Nova TV", "ann@example.com", "Hello", "text", "<p>html</p>")
	f.Add("a@b", "Żółw\r\nBcc: x@y", "c@d", "=?utf-8?q?x?=", "\r\n.\r\n", "")
	f.Add("a@b", `"\`, "c@d", "  two  spaces  ", "--", "\n\n")
	ours := map[string]bool{
		"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true,
		"Auto-Submitted": true, "X-Auto-Response-Suppress": true, "Content-Type": true, "Content-Transfer-Encoding": true,
	}
	f.Fuzz(func(t *testing.T, from, name, to, subject, text, html string) {
		m := Message{From: from, FromName: name, To: to, Subject: subject, Text: text, HTML: html}
		if _, err := compose(m, testTime); errors.Is(err, ErrInvalid) {
			return
		}
		msg := mustRead(t, mustCompose(t, m))
		for key, values := range msg.Header {
			if !ours[key] || len(values) != 1 {
				t.Errorf("header %s: %q", key, values)
			}
		}
		list, err := msg.Header.AddressList("To")
		if err != nil || len(list) != 1 || list[0].Address != to {
			t.Errorf("To %q arrived as %v, %v", to, list, err)
		}
		headers, _, _ := strings.Cut(mustCompose(t, m), "\r\n\r\n")
		for line := range strings.SplitSeq(headers, "\r\n") {
			if strings.TrimSpace(line) == "" {
				t.Errorf("a blank line among the headers: %q", headers)
			}
		}
	})
}
