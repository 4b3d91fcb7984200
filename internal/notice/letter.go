// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package notice

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/i18n"
)

//go:embed letter.html
var letterSource string

var letterPage = template.Must(template.New("letter").Parse(letterSource))

// Link is where a mail leads to, and the code that may be typed in its place.
type Link struct {
	URL  string // "" for a code alone
	Code string // "" for a link that proves nothing
}

// said is one message for the two parts of a mail.
type said struct {
	Plain string
	HTML  template.HTML
}

// letter is what a mail says.
type letter struct {
	Language  *i18n.Language
	Publisher string
	Subject   string
	Text      said
	Details   []said
	Button    string // "" without a link
	Link      Link
	Notes     []said // what is to be known of the link, and what to do if it was not you
}

// write says what a mail is about. Its messages are mail.<kind>.subject, .text,
// .other, .button for a link, .limit beside a code, and .code for a code alone.
func write(l *i18n.Language, publisherName string, m authstore.Mail, link Link) letter {
	id := "mail." + string(m.Kind) + "."
	say := func(id string, args ...any) said {
		args = append(args, "Publisher", publisherName, "Provider", m.Data[Provider])
		return said{l.Text(id, args...), l.HTML(id, args...)}
	}
	w := letter{
		Language: l, Publisher: publisherName, Link: link,
		Subject: say(id + "subject").Plain, Text: say(id + "text"), Details: details(l, m.Data, say),
	}
	codeID := "mail.code"
	if link.URL == "" {
		codeID = id + "code"
	} else {
		w.Button = say(id + "button").Plain
	}
	if link.Code != "" {
		code := say(codeID, "Code", link.Code)
		code.HTML = l.HTML(codeID, "Code", template.HTML(`<strong dir="ltr">`+template.HTMLEscapeString(link.Code)+`</strong>`))
		w.Notes = append(w.Notes, code, say(id+"limit"))
	}
	w.Notes = append(w.Notes, say(id+"other"))
	return w
}

// details tells where a sign-in came from, as far as it is known.
func details(l *i18n.Language, data map[string]string, say func(string, ...any) said) (list []said) {
	if name := DeviceName(data[device]); name != "" {
		list = append(list, say("mail.detail.device", "Device", name))
	}
	if name := l.Country(data[country]); name != "" {
		list = append(list, say("mail.detail.country", "Country", name))
	}
	if t, err := time.Parse(time.RFC3339, data[at]); err == nil {
		list = append(list, say("mail.detail.time", "Time", l.DateTime(t)))
	}
	return list
}

// plain returns the letter as text, which has one link at most.
func (w letter) plain() string {
	var b strings.Builder
	b.WriteString(w.Text.Plain + "\n\n")
	for _, d := range w.Details {
		b.WriteString(d.Plain + "\n")
	}
	if len(w.Details) > 0 {
		b.WriteString("\n")
	}
	if w.Button != "" {
		b.WriteString(w.Button + ":\n" + w.Link.URL + "\n\n")
	}
	for i, n := range w.Notes {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(n.Plain + "\n")
	}
	return b.String()
}

// html returns the letter as a page.
func (w letter) html() (string, error) {
	var b bytes.Buffer
	if err := letterPage.Execute(&b, w); err != nil {
		return "", fmt.Errorf("writing a mail: %w", err)
	}
	return b.String(), nil
}
