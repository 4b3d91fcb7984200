// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/usher-sso/usher/internal/secret"
)

// jwk is the public part of a key (RFC 7517, RFC 7518 section 6, RFC 8037).
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
}

func publicSet(keys map[string]key, now time.Time) ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	ordered := make([]key, 0, len(keys))
	for _, k := range keys {
		if k.verifies(now) {
			ordered = append(ordered, k)
		}
	}
	slices.SortFunc(ordered, func(a, b key) int { return b.activates.Compare(a.activates) })
	for _, k := range ordered {
		j, err := publicKey(k)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, j)
	}
	return json.Marshal(set)
}

func publicKey(k key) (jwk, error) {
	b64 := secret.Encoding.EncodeToString
	j := jwk{Use: "sig", ID: k.id, Algorithm: k.method.Alg()}
	switch public := k.private.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 0x04, X, Y
		if err != nil {
			return j, fmt.Errorf("encoding the public key %s: %w", k.id, err)
		}
		half := (len(point) - 1) / 2
		j.Type, j.Curve, j.X, j.Y = "EC", "P-256", b64(point[1:1+half]), b64(point[1+half:])
	case ed25519.PublicKey:
		j.Type, j.Curve, j.X = "OKP", "Ed25519", b64(public)
	case *rsa.PublicKey:
		j.Type, j.N, j.E = "RSA", b64(public.N.Bytes()), b64(big.NewInt(int64(public.E)).Bytes())
	default:
		return j, fmt.Errorf("encoding the public key %s: unknown type %T", k.id, public)
	}
	return j, nil
}
