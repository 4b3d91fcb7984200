// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"strconv"
	"time"

	"github.com/usher-sso/usher/internal/i18n"
)

// The view models: one struct a page, holding exactly what its template
// shows. Every text is plain text and every URL a plain string: the renderer
// escapes the one and refuses the other when it is not a web address, so
// handlers pass stored values as they are. What templates say by themselves is
// in the language of the page; what handlers add to it they say in that one too.

// Chrome is what all pages share. Every view embeds it. Its zero value renders
// an English page.
type Chrome struct {
	Language *i18n.Language // of the page; nil is English

	// Here is the path and query of the page, for the links that show it in
	// another language; "" leaves them out, as on an answer to a form, where a
	// link would lose what was typed.
	Here string

	// Title is the page's one heading and the start of the window's title;
	// "" gives the page its own, such as "Sign in".
	Title string

	PublisherID   int64  // whose look the page has; 0 is the plain one
	PublisherName string // the wordmark, and the name in sentences; "" falls back to HubName
	HubName       string // what viewers know the hub by, such as "id.example.com"; named in the footer
	SiteName      string // the site the viewer is on the way to; "" when there is none

	// Languages are the tags of the languages that the publisher's pages may be shown
	// in, the first for viewers who read none of them; empty for all.
	Languages []string

	// Sandbox marks the page as one where accounts are not real.
	Sandbox bool

	// AccountURL leads to the viewer's account, from every page that is shown to
	// somebody who is signed in: what they may do there must not wait for a step
	// that they do not want to take. "" hides it.
	AccountURL string

	// WithoutURL is set on a step that only the page needs that the viewer asked for
	// at a site, named by SiteName: it leads to the site without the step. "" says
	// nothing of a page, and hides the link.
	WithoutURL string

	// AssetsPath is the prefix under which Renderer.Assets is mounted, such as
	// "/assets/" at the hub and "/.usher/assets/" at a site; "" is "/assets/".
	AssetsPath string

	// Face is the look, which the renderer finds.
	Face face

	// FormOrigins are the origins, besides the page's own, at which a form of
	// this page may end, such as "https://sports.example". Browsers built on
	// Chromium hold a policy's form-action against every redirect that follows
	// a form's POST: without the site's origin here, a sign-in that ends at a
	// site stops at a blank page. What is not an origin of http or https in
	// ASCII is left out, so that no value can add to the policy.
	FormOrigins []string

	// Gone are the origins at which the browser is to forget the pages that it kept
	// for the way back, by a picture that each has at GonePath; "" is the page's
	// own. Judged like FormOrigins.
	Gone []string
}

// Site is one of the publisher's sites, shown as a link.
type Site struct {
	Name string // "" shows the URL
	URL  string
}

// Consent is one checkbox. Its label is one sentence with at most one link:
// Before, LinkText and After follow one another as they are, so the spaces
// between them belong to the values.
//
// The checkbox is named by Field and has Version as its value: what comes back
// in the form says which version the viewer saw.
type Consent struct {
	Name    string // such as "terms"
	Version string // the version that the label and the link belong to

	Before   string // such as "I accept the "
	LinkText string // such as "terms of use"; "" when there is no link
	LinkURL  string // http, https or a path; anything else shows LinkText without a link
	After    string // such as "."

	Required bool   // the page says so in words, and the browser insists
	Checked  bool   // what the viewer ticked before; never true on a first showing
	Error    string // one sentence about this checkbox

	// For a viewer who is asked again:
	New     bool            // they never answered it
	Earlier *EarlierConsent // what they answered before, or nil
}

// Field returns the name of the consent's checkbox in the form.
func (c Consent) Field() string { return "consent." + c.Name }

// Login asks for an address and a password, as the fields "email" and
// "password".
type Login struct {
	Chrome

	FormAction  string // where the form posts to, with its query
	Email       string // what was typed before
	Error       string // one sentence; shown first, focused and announced
	Notice      string // one sentence that is no error, such as "You have been signed out."
	RegisterURL string // "" hides the way to a new account
	ForgotURL   string // "" hides the way to a new password

	Elsewhere []Elsewhere // other places to sign in
}

// Forgot asks for the address that a reset link is mailed to, as the field
// "email", and then tells to look for the mail.
type Forgot struct {
	Chrome

	FormAction string // where the form posts to, with its query
	Email      string // what was typed before
	EmailError string // one sentence below the address
	Error      string // one sentence about the whole form
	Sent       bool   // the mail is on its way, if there is an account
	LoginURL   string // "" hides the way back
	CodeAction string // where the form for the code in the mail posts to; "" hides it
	CodeError  string // one sentence below the code
}

// Reset asks for a new password, as the field "password", and then tells that
// it is set.
type Reset struct {
	Chrome

	FormAction    string // where the form posts to, with its query
	Email         string // whose password it is, for password managers
	PasswordError string // one sentence below the password
	Error         string // one sentence about the whole form
	Done          bool   // the password is changed
	LoginURL      string // "" hides the way to sign in
}

// Register creates an account: the fields "email" and "password", and one
// checkbox for each consent.
type Register struct {
	Chrome

	FormAction    string // where the form posts to, with its query
	Email         string // what was typed before
	EmailError    string // one sentence below the address
	PasswordError string // one sentence below the password
	Consents      []Consent
	Error         string // one sentence about the whole form
	LoginURL      string // "" hides the way to sign in instead

	Elsewhere []Elsewhere // other places to sign in
}

// Consents asks a signed-in viewer for what is missing or has changed before
// they may go on.
type Consents struct {
	Chrome

	FormAction    string // where the form posts to, with its query
	Email         string // who is signed in; "" leaves it out
	Consents      []Consent
	Error         string // one sentence about the whole form
	SignOutAction string // where the sign-out button posts to; "" hides it

	From     time.Time // when what is asked begins to apply; the zero time: it does now
	LaterURL string    // on without an answer; "" hides it
}

// Home is the hub's front page for a viewer who is signed in.
type Home struct {
	Chrome

	Email         string
	SignedInAt    time.Time // the zero time leaves it out
	Sites         []Site
	SignOutAction string // where the sign-out button posts to
	Announced     Announced
}

// Announced tells of new versions of consents that apply from a time to come.
type Announced struct {
	From        time.Time // the zero time: there are none
	ConsentsURL string    // where to read and accept them
}

// Welcome is the hub's front page for a viewer who is not signed in.
type Welcome struct {
	Chrome

	LoginURL    string
	RegisterURL string // "" hides the way to a new account
	Sites       []Site
}

// SignOut asks before a viewer is signed out, because only a POST may do it
// and a viewer may arrive by a link.
type SignOut struct {
	Chrome

	FormAction string // where the form posts to
	CancelURL  string // where "Stay signed in" leads; "" hides it
}

// SignedOut tells that the session has ended at every site.
type SignedOut struct {
	Chrome

	SiteURL  string // back to the site, named by SiteName; "" hides it
	LoginURL string // "" hides the way to sign in again
}

// Problem tells what went wrong and what to do next, for every status from 400
// up and for what has no status of its own: cookies blocked, sign-in expired.
// Its Title is the heading; "" says that something went wrong.
type Problem struct {
	Chrome

	Status      int    // the status of the answer; 0 is 500
	Sentence    string // what happened and what helps, in the viewer's words
	ActionLabel string // such as "Try again"
	ActionURL   string // "" hides the action
	Reference   string // a short id that the logs know too; "" leaves it out

	Elsewhere []Elsewhere // other places to sign in, shown before the action

	// Framed lets the page be shown inside another, where its action leads out
	// of the frame. Nothing on such a page is worth a stolen click.
	Framed bool
}

// fault is one line of a form's error summary. Target is the id of the field
// it speaks of, so that the line can lead there.
type fault struct {
	Target string
	Text   string
}

// faults is empty for a sign-in: to say which of the two fields is wrong would
// tell a stranger which addresses have an account.
func (v *Login) faults() []fault { return nil }

func (v *Register) faults() []fault {
	return append(fieldFaults(v.EmailError, v.PasswordError), consentFaults(v.Consents)...)
}

func (v *Forgot) faults() []fault { return fields("email", v.EmailError, "code", v.CodeError) }
func (v *Reset) faults() []fault  { return fieldFaults("", v.PasswordError) }

func fieldFaults(email, password string) []fault {
	var list []fault
	if email != "" {
		list = append(list, fault{"email", email})
	}
	if password != "" {
		list = append(list, fault{"password", password})
	}
	return list
}

func (v *Consents) faults() []fault { return consentFaults(v.Consents) }

func consentFaults(consents []Consent) []fault {
	var list []fault
	for i, c := range consents {
		if c.Error != "" {
			list = append(list, fault{consentID(i), c.Error})
		}
	}
	return list
}

// consentID names the checkbox in the page by its place, because a consent's
// own name may hold spaces, which an id must not.
func consentID(i int) string { return "consent-" + strconv.Itoa(i) }
