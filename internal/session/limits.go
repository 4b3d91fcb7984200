// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"fmt"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// The use of a session is seen at the hub, when a site renews an access token and
// when a refresh token is spent, and not at each request that a token answers for.
// So a token lives a fifth of a short idle limit: who is at it comes by often enough
// to stay signed in. Counted from the last click, a session ends by its idle limit
// at the earliest tokenLife and noteEvery early, which is a quarter of the limit
// or 5 minutes and a token's life, and never late. What is noted reaches the store, and so other
// nodes, with the next Flush, within a minute; a crash loses that minute.
//
// A token that was made before a limit was lowered lives out its time.

const (
	// TokenLife is how long an access token lives at most (MediaStore contract,
	// section 4), unless its publisher says otherwise.
	TokenLife = 15 * time.Minute

	// ShortestTokenLife is the least that a publisher can say: below it, clocks that
	// differ would refuse tokens that were just made.
	ShortestTokenLife = time.Minute

	// LongestTokenLife is all that a publisher can say, and so how long a node
	// remembers an ended session.
	LongestTokenLife = time.Hour

	// Idle is how long a session lives without use, unless its publisher says
	// otherwise.
	Idle = authstore.DefaultIdle

	// Longest is how long a session lives at all, and all that a publisher can say.
	Longest = authstore.DefaultAbsolute

	// ShortestIdle is the least that a publisher can say. Below a token's life the
	// idle limit would be a matter of when tokens are made, not of use.
	ShortestIdle = TokenLife
)

// CheckLimits judges the limits that a publisher sets; zeros stand for defaults.
func CheckLimits(l authstore.SessionLimits) error {
	in := l.InForce()
	switch {
	case l.Absolute != 0 && in.Absolute < ShortestIdle:
		return fmt.Errorf("absolute %s is shorter than an access token may live; write at least 15m", written(in.Absolute))
	case in.Absolute > Longest:
		return fmt.Errorf("absolute %s is longer than browsers keep a cookie; write at most 400d", written(in.Absolute))
	case in.Idle < ShortestIdle:
		return fmt.Errorf("idle %s is shorter than an access token may live, and use is seen when one is renewed; write at least 15m", written(in.Idle))
	case in.Idle > in.Absolute:
		return fmt.Errorf("idle %s is longer than absolute %s, which ends the session before; make it at most as long", written(in.Idle), written(in.Absolute))
	}
	return nil
}

// CheckTokenLife judges the life of access tokens that a publisher sets; zero stands
// for the default.
func CheckTokenLife(d time.Duration) error {
	if d != 0 && (d < ShortestTokenLife || d > LongestTokenLife) {
		return fmt.Errorf("token life %s is not from 1m to 1h; write one that is, such as 10m", written(d))
	}
	return nil
}

// written returns a duration as operators write it.
func written(d time.Duration) string {
	if day := 24 * time.Hour; d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

// tokenLife is how long an access token of a session lives, where its publisher says
// own, or nothing.
func tokenLife(own time.Duration, l authstore.SessionLimits) time.Duration {
	return min(cmp.Or(own, TokenLife), l.Idle/5)
}

// noteEvery is how often the use of a session is noted at most: the store is not
// written for every request, and an idle limit of days needs no seconds.
func noteEvery(l authstore.SessionLimits) time.Duration { return min(longestNote, l.Idle/20) }

// longestNote is the most that noteEvery returns.
const longestNote = 5 * time.Minute

// limits returns the limits of a publisher's sessions.
func (m *Manager) limits(publisher int64) authstore.SessionLimits {
	p, _ := m.directory.ByID(publisher)
	return p.Session.InForce()
}
