// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import "encoding/base64"

// This file is about what apps on phones get from the providers, without a server
// of their publisher's.

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// nativeGrant is what a person lets an app know; the caller holds mu. The app need
// not be registered.
func (in *Internet) nativeGrant(p Provider, clientID string, person Person, nonce string) *grant {
	client := in.providers[p].clients[clientID]
	client.ID = clientID
	return &grant{client: client, person: person, nonce: nonce, scope: []string{"openid", "email", "profile"}}
}

// GoogleIDToken is a token that an app, authorized, has got for its server,
// audience. Both are client ids.
func (in *Internet) GoogleIDToken(authorized, audience string, person Person, nonce string, lies ...Lie) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.googleIDToken(in.nativeGrant(Google, authorized, person, nonce), audience).write(lies)
}

// FacebookIDToken is a token of Limited Login: what an app gets where the phone
// does not let it track people. Nothing can be asked with it.
func (in *Internet) FacebookIDToken(clientID string, person Person, nonce string, lies ...Lie) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.facebookIDToken(in.nativeGrant(Facebook, clientID, person, nonce)).write(lies)
}

// AppleIDToken is a token that an app has got from the phone.
func (in *Internet) AppleIDToken(clientID string, person Person, nonce string, lies ...Lie) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.appleIDToken(in.nativeGrant(Apple, clientID, person, nonce)).write(lies)
}
