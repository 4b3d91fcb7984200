// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package backchannel_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/backchannel"
)

func TestReceiverIsReadAsBrowsersWouldWriteIt(t *testing.T) {
	for _, tt := range []struct{ address, audience, wantURL, wantAudience string }{
		{"https://app.example.com/logout", "", "https://app.example.com/logout", "https://app.example.com"},
		{"https://APP.example.com:443", "", "https://app.example.com/", "https://app.example.com"},
		{"https://app.example.com:8443/a%2Fb/?tenant=7&x=%20", "", "https://app.example.com:8443/a%2Fb/?tenant=7&x=%20", "https://app.example.com:8443"},
		{"https://bücher.example/ende", "", "https://xn--bcher-kva.example/ende", "https://xn--bcher-kva.example"},
		{"https://192.0.2.7/logout", "", "https://192.0.2.7/logout", "https://192.0.2.7"},
		{"http://localhost:3000/logout", "", "http://localhost:3000/logout", "http://localhost:3000"},
		{"http://player.localhost/logout", "", "http://player.localhost/logout", "http://player.localhost"},
		{"http://127.0.0.1:80", "radio", "http://127.0.0.1/", "radio"},
		{"http://[::1]:3000/", "urn:example:radio", "http://[::1]:3000/", "urn:example:radio"},
	} {
		r, err := backchannel.ParseReceiver(tt.address, tt.audience)
		if want := (authstore.Receiver{URL: tt.wantURL, Audience: tt.wantAudience}); err != nil || r != want {
			t.Errorf("%s %q: %+v, %v; want %+v", tt.address, tt.audience, r, err, want)
		}
	}
}

func TestReceiverIsRefusedWithoutTellingASecret(t *testing.T) {
	for _, tt := range []struct{ address, audience, want string }{
		{"", "", "write it like"},
		{"app.example.com/logout", "", "write it like"},
		{"/logout", "", "write it like"},
		{"https:///logout", "", "write it like"},
		{"https://app.example.com/\x00", "", "write it like"},
		{"https://app.example.com/%zz?key=secret", "", "write it like"},
		{"https://user:secret@app example.com/", "", "write it like"},
		{"ftp://app.example.com/", "", "write it like"},
		{"HTTPS+x://app.example.com/", "", "write it like"},
		{"http://app.example.com/logout", "", "use https"},
		{"http://localhost.example.com/logout", "", "use https"},
		{"http://192.0.2.7/logout", "", "use https"},
		{"http://localhost@app.example.com/", "", "remove it"},
		{"https://user:secret@app.example.com/", "", "remove it"},
		{"https://app.example.com/#top", "", "remove it"},
		{"https://app.example.com/#", "", "remove it"},
		{"https://app.example.com/{env.PATH}", "", "write {$NAME}"},
		{"https://*.example.com/", "", "one name"},
		{"https://app.example.com:0/", "", "write it like"},
		{"https://app.example.com:99999/", "", "write it like"},
		{"https://app.example.com/" + strings.Repeat("a", 1024), "", "shorter"},
		{"https://app.example.com/", "my radio", "blanks"},
		{"https://app.example.com/", "radio\n", "blanks"},
		{"https://app.example.com/", "\xff", "no audience"},
		{"https://app.example.com/", "{env.AUDIENCE}", "braces"},
		{"https://app.example.com/", strings.Repeat("a", 257), "shorter"},
	} {
		r, err := backchannel.ParseReceiver(tt.address, tt.audience)
		if err == nil || r != (authstore.Receiver{}) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") || len(err.Error()) > 250 {
			t.Errorf("%s %q: %+v, %v; want %q", tt.address, tt.audience, r, err, tt.want)
		}
	}
}

func TestReceiversOfAPublisherAreFewAndDifferent(t *testing.T) {
	var list []authstore.Receiver
	for i := range 16 {
		r, err := backchannel.ParseReceiver(fmt.Sprintf("https://app.example.com/%d", i), "")
		if err == nil {
			list, err = backchannel.AddReceiver(list, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	same := authstore.Receiver{URL: "https://app.example.com/7", Audience: "another"}
	if _, err := backchannel.AddReceiver(list, same); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("the same: %v", err)
	}
	if _, err := backchannel.AddReceiver(list, authstore.Receiver{URL: "https://app.example.com/x"}); err == nil || !strings.Contains(err.Error(), "16") {
		t.Errorf("the 17th: %v", err)
	}
}
