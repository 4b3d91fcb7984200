// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// list is a part of an index: the keys of a table that begin with a prefix. What
// follows the prefix is a place in the list. It ends in the customer's id, except
// for external ids, where the value is the id.
type list struct{ table, prefix string }

// reader walks a list. It reads ahead, little where lists are skipped through and
// much where they are walked along.
type reader struct {
	list
	ahead []string // places that were read and not passed
	n     int      // how many were to be read last
	used  int      // how many seeks they have answered
	end   bool     // there are none after those
}

const (
	fewAhead  = 4
	manyAhead = 256
)

// seek returns the first place in the list that is not before at, or "" at the
// end. at never goes back.
func (r *reader) seek(l *lister, at, to string) (string, error) {
	for len(r.ahead) > 0 && r.ahead[0] < at {
		r.ahead = r.ahead[1:]
	}
	if len(r.ahead) == 0 && !r.end {
		if err := r.read(l, at, to); err != nil {
			return "", err
		}
	}
	if len(r.ahead) == 0 {
		return "", nil
	}
	r.used++
	return r.ahead[0], nil
}

func (r *reader) read(l *lister, at, to string) error {
	if r.used > r.n/4 {
		r.n *= 4
	} else {
		r.n /= 4
	}
	r.n = min(max(r.n, fewAhead), manyAhead)
	r.ahead, r.used, r.end = make([]string, 0, r.n), 0, true
	end := r.prefix + to
	if to == "" {
		end = r.prefix + "\xff"
	}
	err := l.tx.Scan(r.table, r.prefix+at, end, func(k string, _ []byte) error {
		if len(r.ahead) == r.n {
			r.end = false
			return ErrStop
		}
		r.ahead = append(r.ahead, k[len(r.prefix):])
		return nil
	})
	l.effort += scanEffort + len(r.ahead)
	l.page.Examined += len(r.ahead)
	return err
}

// lister makes one page.
type lister struct {
	tx     Tx
	q      CustomerQuery
	phases []phase
	page   CustomerPage
	effort int
}

// from fills the page, from a place on.
func (l *lister) from(at whereabouts) error {
	for ; at.phase < len(l.phases); at = (whereabouts{phase: at.phase + 1}) {
		p := l.phases[at.phase]
		if at.place < p.from {
			at.place = p.from
		}
		next, more, err := l.walk(p, at.place)
		if err != nil {
			return err
		}
		if more {
			l.page.Next = l.q.next(whereabouts{at.phase, next})
			return nil
		}
	}
	return nil
}

// walk goes through one phase until the page is full or enough was looked at, and
// returns where to go on if there is more.
func (l *lister) walk(p phase, at string) (next string, more bool, err error) {
	lists, without := readers(p.lists), readers(p.without)
	for {
		if l.effort >= maxEffort {
			l.page.Partial = len(l.page.Customers) < l.q.Limit
			return at, true, nil
		}
		place, agreed, err := l.agree(lists, at, p.to)
		if err != nil || place == "" {
			return "", false, err
		}
		at = place
		if !agreed {
			continue
		}
		excluded, err := l.inAny(without, place, p.to)
		if err != nil {
			return "", false, err
		}
		if !excluded {
			full, err := l.take(p, place)
			if err != nil || full {
				return place, full, err
			}
		}
		at = place + "\x00"
	}
}

func readers(lists []list) []*reader {
	all := make([]*reader, len(lists))
	for i, l := range lists {
		all[i] = &reader{list: l}
	}
	return all
}

// agree moves all lists to the first place that is not before at. They have it in
// common if they agreed; otherwise nothing before it is common. "" is the end of
// one of them.
func (l *lister) agree(lists []*reader, at, to string) (place string, agreed bool, err error) {
	place, agreed = at, true
	for i, r := range lists {
		found, err := r.seek(l, place, to)
		if err != nil || found == "" {
			return "", false, err
		}
		if i > 0 && found != place {
			agreed = false
		}
		place = found
	}
	return place, agreed, nil
}

func (l *lister) inAny(lists []*reader, place, to string) (bool, error) {
	for _, r := range lists {
		found, err := r.seek(l, place, to)
		if err != nil || found == place {
			return err == nil, err
		}
	}
	return false, nil
}

// take adds the customer at a place to the page, if it is one that is asked for.
// It tells when there is no room for them.
func (l *lister) take(p phase, place string) (full bool, err error) {
	l.effort += recordEffort
	l.page.Examined++
	id := place[strings.LastIndexByte(place, 0)+1:]
	if p.lists[0].table == tableExternalIDs {
		n, err := get[int64](l.tx, tableExternalIDs, p.lists[0].prefix+place)
		if err != nil {
			return false, err
		}
		id = idKey(n)
	}
	c, err := get[Customer](l.tx, tableCustomers, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil || !l.q.wanted(c) || !p.found(c) {
		return false, err
	}
	if answered, err := l.answered(c); err != nil || !answered {
		return false, err
	}
	if len(l.page.Customers) == l.q.Limit {
		return true, nil
	}
	l.page.Customers = append(l.page.Customers, c)
	return false, nil
}

// answered tells whether a customer has given the answer that is asked for, or has
// not given any, if that is asked for.
func (l *lister) answered(c Customer) (bool, error) {
	if l.q.Consent == "" {
		return true, nil
	}
	given, notGiven := l.q.consentLists()
	for _, in := range append(given, notGiven...) {
		has, err := exists(l.tx, in.table, in.prefix+registrationPlace(c))
		if err != nil || has {
			return has == (l.q.ConsentState != ""), err
		}
	}
	return l.q.ConsentState == "", nil
}

// whereabouts is where a list goes on.
type whereabouts struct {
	phase int
	place string
}

// shape stands for a query in its cursors: pages of one query have the same.
func (q CustomerQuery) shape() string {
	q.After, q.Limit = "", 0
	b, _ := json.Marshal(q)
	sum := sha256.Sum256(b)
	return string(sum[:shapeSize])
}

const (
	shapeSize = 8
	maxPlace  = 700  // bytes; with what is before it, a key
	maxCursor = 1400 // characters; longer than any that is made
)

// next returns the cursor of a place. It is no secret and proves nothing: whatever
// it says, the query decides whose customers there are.
func (q CustomerQuery) next(at whereabouts) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s%d%s", q.shape(), at.phase, at.place))
}

// cursor reads where the page begins. Errors: ErrCursor.
func (q CustomerQuery) cursor(phases int) (whereabouts, error) {
	if q.After == "" {
		return whereabouts{}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(q.After)
	if err != nil || len(q.After) > maxCursor || len(b) <= shapeSize || string(b[:shapeSize]) != q.shape() {
		return whereabouts{}, ErrCursor
	}
	at := whereabouts{int(b[shapeSize]) - '0', string(b[shapeSize+1:])}
	if at.phase < 0 || at.phase >= phases || len(at.place) > maxPlace {
		return whereabouts{}, ErrCursor
	}
	return at, nil
}
