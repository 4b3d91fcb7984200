// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/secret"
)

// grace is how long a used refresh token still answers, with the successor it
// was given before: two tabs, or an answer that was lost on the way.
const grace = 10 * time.Second

// A refresh token reads <session>.<generation>.<secret>.<mark>. The mark tells
// a token that we once made from one that was made up, so that knowing a
// session's public id is not enough to have it ended as reused.
//
// The secret of each generation is made from the one before and a stored salt:
// whoever presents the old one again is given the same new one, and the store
// still holds digests only.

// maxRefreshToken bounds what is looked at; ours are under 110 bytes.
const maxRefreshToken = 160

func (m *Manager) refreshToken(id string, generation int, proof string) string {
	body := id + "." + strconv.Itoa(generation) + "." + proof
	return body + "." + m.mark.Mark(body)
}

func (m *Manager) parseRefresh(raw string) (id string, generation int, proof string, ok bool) {
	cut := strings.LastIndexByte(raw, '.')
	if len(raw) > maxRefreshToken || cut < 0 || !m.mark.Check(raw[:cut], raw[cut+1:]) {
		return "", 0, "", false
	}
	parts := strings.Split(raw[:cut], ".")
	if len(parts) != 3 {
		return "", 0, "", false
	}
	generation, err := strconv.Atoi(parts[1])
	return parts[0], generation, parts[2], err == nil
}

func successor(proof, salt string) string {
	h := hmac.New(sha256.New, []byte(proof))
	h.Write([]byte("usher/refresh/" + salt))
	return secret.Encoding.EncodeToString(h.Sum(nil))
}

// Refresh spends a refresh token and returns its session and the next one. The
// same token within the grace returns the same successor; later it ends the
// session, which is returned with ErrReused. Errors: ErrRefused, ErrReused.
func (m *Manager) Refresh(ctx context.Context, raw string) (authstore.Session, string, error) {
	id, generation, proof, ok := m.parseRefresh(raw)
	if !ok || m.memory.Ended(id) {
		return authstore.Session{}, "", ErrRefused
	}
	var next string
	var verdict authstore.Verdict
	s, err := m.store.JudgeSession(ctx, id, endedFor, func(s *authstore.Session) (authstore.Verdict, error) {
		next, verdict = rotate(s, generation, proof, m.store.Now())
		return verdict, nil
	})
	switch {
	case errors.Is(err, authstore.ErrNotFound):
		return s, "", ErrRefused
	case err != nil:
		return s, "", fmt.Errorf("refreshing: %w", err)
	case verdict == authstore.End:
		m.memory.end(id, m.store.Now().Add(endedFor))
		return s, "", ErrReused
	}
	return s, m.refreshToken(id, s.Refresh.Generation, next), nil
}

// rotate decides what a genuine refresh token is worth and returns the secret
// of the next one.
func rotate(s *authstore.Session, generation int, proof string, now time.Time) (next string, v authstore.Verdict) {
	r := s.Refresh
	switch {
	case r == nil:
		return "", authstore.End
	case generation == r.Generation && secret.Matches(r.Digest, proof):
		salt := secret.NewID()
		next = successor(proof, salt)
		s.Refresh = &authstore.Refresh{Generation: generation + 1, Digest: secret.Digest(next), Salt: salt, Rotated: now}
		s.Touch(now)
		return next, authstore.Save
	case generation == r.Generation-1 && now.Before(r.Rotated.Add(grace)):
		if next = successor(proof, r.Salt); secret.Matches(r.Digest, next) {
			return next, authstore.Keep
		}
	}
	return "", authstore.End
}
