// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/usher-sso/usher/internal/publisher"
)

// What an operator may write of providers. Errors say what to write instead.

// nameForm is what the name of a provider may be: it is a segment of addresses.
var nameForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// reserved are no names of providers: the hub's addresses have them.
var reserved = []string{"callback"}

const (
	// maxLabel bounds what has to fit on a button, in bytes.
	maxLabel = 64

	// maxRedirects and maxRedirect bound what is compared for each app that asks.
	maxRedirects = 32
	maxRedirect  = 512
)

// CheckOptions judges what is said of a publisher's providers. questions are the names
// of the answers that the publisher may ask for.
func CheckOptions(list []Options, questions map[string]bool) error {
	names, automatic := map[string]bool{}, ""
	for _, o := range list {
		if err := o.check(questions); err != nil {
			return fmt.Errorf("login %s: %w", o.Name, err)
		}
		if names[o.Name] {
			return fmt.Errorf("login %s is configured twice; remove one, or give it another name", o.Name)
		}
		names[o.Name] = true
		if o.Automatic && automatic != "" {
			return fmt.Errorf("logins %s and %s are both automatic; only one can be", automatic, o.Name)
		}
		if o.Automatic {
			automatic = o.Name
		}
	}
	return nil
}

func (o Options) check(questions map[string]bool) error {
	switch {
	case !nameForm.MatchString(o.Name):
		return fmt.Errorf("the name %.40q is not of small letters, digits and hyphens, 32 at most; use one such as corporate", o.Name)
	case slices.Contains(reserved, o.Name):
		return fmt.Errorf("the name %q is taken by an address of the hub; use another", o.Name)
	case len(o.Label) > maxLabel:
		return fmt.Errorf("the label is longer than %d bytes; use a shorter one", maxLabel)
	case o.ClientID == "":
		return errors.New("client_id is missing or empty; write the one that the provider shows for your app")
	case slices.Contains(o.NativeClientIDs, ""):
		return errors.New("one of native_client_ids is empty; remove it")
	case o.Trusted && o.Claims["externalId"] == "":
		return errors.New("trusted needs a claim that tells the customer, such as: claim externalId sub")
	}
	for _, field := range slices.Sorted(maps.Keys(o.Claims)) {
		if err := checkField(field, questions); err != nil {
			return err
		}
		if o.Claims[field] == "" {
			return fmt.Errorf("claim %s has no name; write the one that the provider tells it by, such as sub", field)
		}
	}
	return nil
}

// checkField judges where a claim is kept.
func checkField(field string, questions map[string]bool) error {
	switch {
	case field == "firstName" || field == "lastName" || field == "externalId":
		return nil
	case field == "email":
		return errors.New("claim email cannot be chosen; the address is always the provider's email, remove it")
	case questions[field]:
		return nil
	}
	return fmt.Errorf("claim %.40q is none that is kept; use firstName, lastName, externalId or an answer that the publisher's capture asks for", field)
}

// CheckRedirects judges the addresses that a publisher's apps are led back to.
func CheckRedirects(list []string) error {
	if len(list) > maxRedirects {
		return fmt.Errorf("more than %d addresses of apps are configured; remove some", maxRedirects)
	}
	for i, address := range list {
		if err := checkRedirect(address); err != nil {
			return err
		}
		if slices.Contains(list[:i], address) {
			return fmt.Errorf("%q is given twice; remove one", address)
		}
	}
	return nil
}

// checkRedirect judges an address by the three kinds of RFC 8252, section 7: a scheme
// that is the app's alone, a page that the app has claimed, or a port of the machine.
func checkRedirect(address string) error {
	u, err := url.Parse(address)
	const form = "write it like com.example.app:/signed-in, https://app.example.com/signed-in or http://127.0.0.1/signed-in"
	switch {
	case err != nil || u.Scheme == "" || u.Opaque != "" || len(address) > maxRedirect || strings.ContainsAny(address, "*{} "):
		return fmt.Errorf("%.80q is no address of an app; %s", address, form)
	case u.User != nil || u.Fragment != "" || strings.HasSuffix(address, "#"):
		return fmt.Errorf("%.80q has a user or a fragment; remove it", u.Redacted())
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && publisher.Loopback(strings.Trim(u.Hostname(), "[]")):
		return nil
	case strings.Contains(u.Scheme, "."):
		return nil
	}
	return fmt.Errorf("%.80q can be taken by other apps; %s", address, form)
}
