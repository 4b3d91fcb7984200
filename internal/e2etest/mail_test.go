// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// letter is a mail as its recipient reads it.
type letter struct{ to, subject, text string }

// letters returns the mails to an address, the oldest first.
func (s *server) letters(t testing.TB, to string) []letter {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.dir, "outbox", "*.eml")) // sorted, by time
	if err != nil {
		t.Fatal(err)
	}
	var all []letter
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		l, err := readLetter(f)
		f.Close()
		if err != nil {
			t.Fatalf("reading %s: %v", path, err)
		}
		if l.to == to {
			all = append(all, l)
		}
	}
	return all
}

func readLetter(r io.Reader) (letter, error) {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return letter{}, err
	}
	to, err := mail.ParseAddress(m.Header.Get("To"))
	if err != nil {
		return letter{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return letter{}, err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return letter{}, err
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextPart() // the text; HTML comes after it
	if err != nil {
		return letter{}, err
	}
	text, err := io.ReadAll(part)
	return letter{to: to.Address, subject: subject, text: string(text)}, err
}

// awaitLetter waits for the n-th mail with the given words in its subject.
func (s *server) awaitLetter(t testing.TB, to, subject string, n int) letter {
	t.Helper()
	var found []letter
	waitUntil(t, "the mail to "+to+" about "+subject, func() bool {
		found = nil
		for _, l := range s.letters(t, to) {
			if strings.Contains(l.subject, subject) {
				found = append(found, l)
			}
		}
		return len(found) >= n
	})
	return found[n-1]
}

var address = regexp.MustCompile(`https?://[^\s<>"]+`)

// link returns the first address in the mail.
func (l letter) link(t testing.TB) string {
	t.Helper()
	found := address.FindString(l.text)
	if found == "" {
		t.Fatalf("no link in the mail:\n%s", l.text)
	}
	return found
}
