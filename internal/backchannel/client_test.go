// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"net/http"
	"testing"
)

// What goes to a loopback name may be in the clear, so it leaves the machine by
// no proxy.
func TestLoopbackNamesNeedNoProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		t.Setenv(name, "http://proxy.example.com:3128")
	}
	t.Setenv("NO_PROXY", "")
	for address, want := range map[string]bool{
		"https://app.example.com/": true, "http://localhost:3000/": false, "http://player.localhost/": false, "https://player.localhost/": false,
		"http://127.0.0.1:3000/": false, "http://[::1]:3000/": false,
	} {
		r, err := http.NewRequest("POST", address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if by, err := proxy(r); err != nil || (by != nil) != want {
			t.Errorf("%s goes by %v, %v", address, by, err)
		}
	}
}
