// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	acts "github.com/usher-sso/usher/internal/admin"
)

func customerPages() []page {
	return []page{{"customers", SectionCustomers, customersPage}, {customerPath, SectionCustomers, customerPage}}
}

const customerPath = "customers/{customerId}"

func customerOutcomes() map[string]outcome {
	return map[string]outcome{
		"customer.sendReset":        {page: customerPath, says: "A mail with the way to a new password is on its way."},
		"customer.sendVerification": {page: customerPath, says: "A mail with a link to verify the address is on its way."},
		"customer.verify":           {page: customerPath, says: "The address counts as verified."},
		"customer.disable":          {page: customerPath, says: "The account is disabled, and all its sessions have ended."},
		"customer.enable":           {page: customerPath, says: "The customer can sign in again."},
		"customer.signOut":          {page: customerPath, says: "The customer is signed out."},
		"customer.changeEmail":      {page: customerPath, says: "The customer has another address."},
		"customer.export":           {page: customerPath},
		"customer.erase":            {page: customerPath, says: "The customer is erased. Only the evidence of consents is kept."},
	}
}

func customersPage(v *visit) (View, error) {
	list, err := read[acts.CustomerList](v, "customer.list", v.query)
	if err != nil && !v.refusedQuery(err) {
		return nil, err
	}
	consents, err := read[acts.ConsentList](v, "consent.list", nil)
	if err != nil {
		return nil, err
	}
	view := &Customers{
		Chrome: v.chrome, Query: v.query, Pager: v.pager(list.Next, len(list.Customers), "customers"), Partial: list.Partial,
	}
	for _, c := range consents.Consents {
		view.Consents = append(view.Consents, Option{Value: c.Name, Text: c.Name})
	}
	for _, c := range list.Customers {
		view.Rows = append(view.Rows, customerRow(c))
	}
	return view, nil
}

func customerRow(c acts.CustomerRow) CustomerRow {
	id, _ := strconv.ParseInt(c.ID, 10, 64) // as the act has written it
	return CustomerRow{
		ID: id, Email: c.Email, Name: strings.TrimSpace(c.FirstName + " " + c.LastName), ExternalID: c.ExternalID,
		Registered: c.Registered, LastLogin: c.LastLogin, Unverified: !c.Verified, Disabled: c.Disabled, Erased: c.Erased,
	}
}

func customerPage(v *visit) (View, error) {
	c, err := read[acts.CustomerDetail](v, "customer.get", nil)
	if err != nil {
		return nil, err
	}
	view := &Customer{
		Chrome: v.chrome, CustomerRow: customerRow(c.CustomerRow), LastIP: c.LastIP, LastCountry: c.LastCountry,
		Country: c.Country, Locale: c.Locale, Currency: c.Currency, Verified: c.EmailVerified, ErasedAt: c.ErasedAt, External: string(c.ExternalData),
		Consents: consentStates(c), Broken: c.Broken, Submitted: c.Submitted,
		Acts: v.customerActs(c), MayLook: !v.may("customer.disable"),
	}
	for _, i := range c.Identities {
		view.Identities = append(view.Identities, Identity{providerName(i.Provider), i.Subject, i.Created})
	}
	for _, a := range c.Answers {
		view.Answers = append(view.Answers, Answer{answerName(a), a.Value})
	}
	for _, s := range c.Sessions {
		place := s.IP
		if s.Country != "" {
			place += ", " + s.Country
		}
		view.Sessions = append(view.Sessions, CustomerSession{s.ID, s.Device, place, s.Created, s.Seen, s.Sites})
	}
	return view, nil
}

// customerActs returns what the member may do with a customer as it is now.
func (v *visit) customerActs(c acts.CustomerDetail) (list []CustomerAct) {
	for _, one := range []struct {
		name string
		act  CustomerAct
		fits bool
	}{
		{"customer.sendReset", ActSendReset, !c.Erased && !c.Disabled},
		{"customer.sendVerification", ActSendVerify, !c.Erased && !c.Verified},
		{"customer.verify", ActVerify, !c.Erased && !c.Verified},
		{"customer.changeEmail", ActChangeEmail, !c.Erased},
		{"customer.signOut", ActSignOut, !c.Erased && len(c.Sessions) > 0},
		{"customer.export", ActExport, true},
		{"customer.disable", ActDisable, !c.Erased && !c.Disabled},
		{"customer.enable", ActEnable, !c.Erased && c.Disabled},
		{"customer.erase", ActErase, !c.Erased},
	} {
		if one.fits && v.may(one.name) {
			list = append(list, one.act)
		}
	}
	return list
}

// consentStates returns the consents that are asked for, and those that a customer
// has answered before, each with its history.
func consentStates(c acts.CustomerDetail) (list []ConsentState) {
	for _, asked := range c.Consents {
		list = append(list, ConsentState{
			Name: asked.Name, Required: asked.Required, Version: asked.Asked,
			Answer: ConsentAnswer{Version: asked.Version, State: string(asked.State), Time: asked.Time},
		})
	}
	for _, h := range c.History { // newest first
		answer := ConsentAnswer{h.Version, string(h.State), h.Time, h.IP, h.Language, h.Hash}
		i := slices.IndexFunc(list, func(s ConsentState) bool { return s.Name == h.Name })
		if i < 0 {
			i, list = len(list), append(list, ConsentState{Name: h.Name, Answer: answer})
		}
		list[i].History = append(list[i].History, answer)
	}
	return list
}

func providerName(provider string) string {
	if provider == "password" {
		return "E-mail and password"
	}
	return provider
}

// answerNames are the questions that every publisher can ask.
var answerNames = map[string]string{
	"email": "E-mail", "firstName": "First name", "lastName": "Last name", "birthDate": "Birth date", "address": "Address", "address2": "Address, second line",
	"city": "City", "state": "State", "postCode": "Postcode", "country": "Country", "phoneNumber": "Phone", "companyName": "Company",
}

func answerName(a acts.AnswerView) string { return cmp.Or(a.Question, answerNames[a.Field], a.Field) }
