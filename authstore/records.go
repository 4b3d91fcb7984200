// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"cmp"
	"time"
)

// Publisher is a tenant: it owns customers, consents, capture settings, sites
// and offers.
type Publisher struct {
	ID       int64               `json:"id"`
	Name     string              `json:"name"`
	Sites    []string            `json:"sites,omitempty"` // origins, or patterns such as https://*.clubs.example
	Offers   []string            `json:"offers,omitempty"`
	Consents []ConsentDefinition `json:"consents,omitempty"`
	Capture  Capture             `json:"capture"`

	// ResetURLs are the origins, besides its sites, that a reset mail may link
	// to.
	ResetURLs []string `json:"resetUrls,omitempty"`

	// RevealUnknownEmail says that a reset for an address without an account is
	// answered as such through the API.
	RevealUnknownEmail bool `json:"revealUnknownEmail,omitempty"`

	// VerifyEmail says that customers must prove that they read mail at their
	// address, at the latest VerifyWithin after they registered: at once if it is
	// zero.
	VerifyEmail  bool          `json:"verifyEmail,omitempty"`
	VerifyWithin time.Duration `json:"verifyWithin,omitempty"`

	// TokenDigest is the digest of the secret by which the publisher's own
	// servers prove themselves; empty for none.
	TokenDigest string `json:"tokenDigest,omitempty"`

	// Session is when its sessions end by time.
	Session SessionLimits `json:"session,omitzero"`

	// Receivers are told of the end of each session.
	Receivers []Receiver `json:"receivers,omitempty"`

	// Unnamed says that the configuration gives it no name, and Name stands in.
	Unnamed bool `json:"unnamed,omitempty"`

	// Sandbox says that the publisher is for trying things out. Its mails are kept
	// from people unless SendMail says otherwise.
	Sandbox  bool `json:"sandbox,omitempty"`
	SendMail bool `json:"sendMail,omitempty"`

	// Languages are the BCP 47 tags of what its pages may be shown in; empty for all
	// there are.
	Languages []string `json:"languages,omitempty"`

	// TokenLife is how long its access tokens live; 0 for the default.
	TokenLife time.Duration `json:"tokenLife,omitempty"`

	// Branded says that the configuration declares how its pages look.
	Branded bool `json:"branded,omitempty"`

	// Declared says that the server's configuration names this publisher. One
	// that is no longer declared keeps its customers and loses its sites.
	Declared bool `json:"declared"`
}

// Receiver is an app's address that takes logout tokens (OpenID Connect
// Back-Channel Logout 1.0).
type Receiver struct {
	URL      string `json:"url"`
	Audience string `json:"audience"` // who the app is to itself
}

// ConsentDefinition is what a publisher asks its customers to agree to, in its
// newest version.
type ConsentDefinition struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Label    string `json:"label"`           // plain text; one link may be written [text](https://…)
	Value    string `json:"value,omitempty"` // URL of the terms, or the marketing text
	Required bool   `json:"required"`

	// TransitionUntil is the end of the time in which customers who accepted an
	// earlier version may go on without this one; zero for none.
	TransitionUntil time.Time `json:"transitionUntil,omitzero"`

	// EnabledByDefault pre-ticks the box.
	EnabledByDefault bool `json:"enabledByDefault"`

	// Texts are translations of label and value, by BCP 47 tag.
	Texts map[string]ConsentText `json:"texts,omitempty"`
}

// In returns the text in a language, by its tag. Where there is no translation it is
// the one that the consent has by itself, whose language is "". A translation without
// a value has that of the text itself.
func (d ConsentDefinition) In(tag string) (t ConsentText, language string) {
	if t, ok := d.Texts[tag]; ok {
		t.Value = cmp.Or(t.Value, d.Value)
		return t, tag
	}
	return ConsentText{Label: d.Label, Value: d.Value}, ""
}

// Capture is what a publisher wants to know of its customers.
type Capture struct {
	Enabled bool           `json:"enabled"`
	Fields  []CaptureField `json:"fields,omitempty"`

	// Enforced says that gates stop customers who have not answered everything
	// that is required.
	Enforced bool `json:"enforced,omitempty"`
}

// CaptureField is one question. Key is one of the contract's names, or
// custom_1, custom_2 and so on for the publisher's own.
type CaptureField struct {
	Key      string   `json:"key"`
	Required bool     `json:"required"`
	Question string   `json:"question,omitempty"`
	Choices  []string `json:"choices,omitempty"`
}

// Customer is a viewer's record at one publisher.
type Customer struct {
	ID           int64     `json:"id"` // nine digits
	PublisherID  int64     `json:"publisherId"`
	Email        string    `json:"email"` // as the customer wrote it
	FirstName    string    `json:"firstName,omitempty"`
	LastName     string    `json:"lastName,omitempty"`
	Country      string    `json:"country,omitempty"`
	Currency     string    `json:"currency,omitempty"`
	Locale       string    `json:"locale,omitempty"`
	ExternalID   string    `json:"externalId,omitempty"`
	ExternalData string    `json:"externalData,omitempty"` // a JSON document
	Registered   time.Time `json:"registered"`
	LastLogin    time.Time `json:"lastLogin"`
	LastIP       string    `json:"lastIp,omitempty"`
	Disabled     bool      `json:"disabled,omitempty"`

	// EmailVerified is when the customer proved to read mail at Email; zero: not
	// yet.
	EmailVerified time.Time `json:"emailVerified,omitzero"`
	Erased        time.Time `json:"erased,omitzero"` // anonymized then; Disabled too
}

// Identity is a way to sign in. Subject is unique within publisher and
// provider.
type Identity struct {
	PublisherID int64     `json:"publisherId"`
	Provider    string    `json:"provider"`
	Subject     string    `json:"subject"` // for a password: the address in its comparable form
	CustomerID  int64     `json:"customerId"`
	Password    string    `json:"password,omitempty"` // encoded hash; empty for other providers
	Created     time.Time `json:"created"`

	// Told is what is known of the customer by the provider alone: firstName, lastName
	// and answers to capture, as they were told. It goes when that is to be deleted.
	Told map[string]string `json:"told,omitempty"`
}

// ProviderPassword is the Identity provider of e-mail and password.
const ProviderPassword = "password"

// ConsentState is the answer to a consent.
type ConsentState string

// The two answers of the MediaStore contract, section 5.11.
const (
	Accepted ConsentState = "accepted"
	Declined ConsentState = "declined"
)

// ConsentRecord is one answer, kept for ever as evidence. The records of a
// customer form a chain: each names the hash of the one before.
type ConsentRecord struct {
	Sequence    int          `json:"sequence"`
	PublisherID int64        `json:"publisherId"`
	CustomerID  int64        `json:"customerId"`
	Name        string       `json:"name"`
	Version     string       `json:"version"`
	TextHash    string       `json:"textHash"` // of the text the customer saw
	State       ConsentState `json:"state"`
	Time        time.Time    `json:"time"`
	IP          string       `json:"ip,omitempty"`
	Language    string       `json:"language,omitempty"` // of the translation that was shown; "" for the text itself
	Previous    string       `json:"previous"`           // hash of the record before, empty for the first
	Hash        string       `json:"hash"`
}

// ConsentAnswer is the answer in force to one consent: what reading it takes,
// without the evidence.
type ConsentAnswer struct {
	Version string       `json:"version"`
	State   ConsentState `json:"state"`
	Time    time.Time    `json:"time"`

	Language string `json:"language,omitempty"` // see ConsentRecord
}

// Session is one sign-in on one device; it spans the publisher's sites.
type Session struct {
	ID          string    `json:"id"` // public: it is in every token
	PublisherID int64     `json:"publisherId"`
	CustomerID  int64     `json:"customerId"`
	OfferID     string    `json:"offerId,omitempty"` // when the sign-in named an offer
	Created     time.Time `json:"created"`
	Seen        time.Time `json:"seen"` // when it was last used

	// Confirmed is when the customer last proved who they are, where that is not when
	// the session was created: again in the middle of it, or before it, in the one that
	// it comes from. Else it is the zero time. See SignedIn.
	Confirmed time.Time `json:"confirmed,omitzero"`

	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"userAgent,omitempty"`

	// HubDigest is the digest of the secret in the hub's cookie; empty for a
	// session that was started through the API.
	HubDigest string `json:"hubDigest,omitempty"`

	Refresh *Refresh `json:"refresh,omitempty"`

	// Sites holds the site sessions by origin.
	Sites map[string]SiteSession `json:"sites,omitempty"`
}

// SignedIn returns when the customer last proved who they are.
func (s Session) SignedIn() time.Time {
	if s.Confirmed.IsZero() {
		return s.Created
	}
	return s.Confirmed
}

// Refresh is the state of a session's refresh token.
type Refresh struct {
	Generation int       `json:"generation"`
	Digest     string    `json:"digest"`
	Salt       string    `json:"salt"`    // makes the current token from the one before
	Rotated    time.Time `json:"rotated"` // when the one before was used
}

// SiteSession is a session's cookie at one site.
type SiteSession struct {
	Digest string    `json:"digest"` // of the secret that renews the access token
	Since  time.Time `json:"since"`

	// Earlier are the digests of those before, newest first: of tabs that sign in
	// at once, the browser keeps the cookie that arrives last, which need not be
	// the one that was made last.
	Earlier []string `json:"earlier,omitempty"`
}

// maxEarlier is how many tabs may sign in at once, beside one.
const maxEarlier = 4

// Digests returns the digests of all secrets that are good at the site.
func (s SiteSession) Digests() []string { return append([]string{s.Digest}, s.Earlier...) }

// Purpose is what a ticket is good for. Purposes are constants of the packages
// that use them, so a ticket of one can never serve another.
type Purpose string

// Ticket is a single-use secret bound to one purpose and one subject. The
// store knows it by its digest alone.
type Ticket struct {
	Purpose     Purpose           `json:"purpose"`
	PublisherID int64             `json:"publisherId"`
	CustomerID  int64             `json:"customerId"`
	SessionID   string            `json:"sessionId,omitempty"`
	Data        map[string]string `json:"data,omitempty"`

	// Code is the mark of a short code that was mailed beside the secret, or "".
	Code string `json:"code,omitempty"`

	Expires time.Time `json:"expires"`
	Used    time.Time `json:"used,omitzero"`
}

// Key is a secret of the installation: a signing key, or the root that other
// keys are derived from.
type Key struct {
	ID        string    `json:"id"`
	Algorithm string    `json:"algorithm"` // ES256, EdDSA, RS256; empty for the root
	Secret    []byte    `json:"secret"`    // PKCS #8, or the root's bytes
	Created   time.Time `json:"created"`
	Activates time.Time `json:"activates"` // signs from then on
	Expires   time.Time `json:"expires"`   // verifies until then
}

// RootKeyID is the id of the Key that holds the installation's root secret.
const RootKeyID = "root"
