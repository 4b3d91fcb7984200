// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package notice

import "strings"

// maxUserAgent bounds what a client can make us keep.
const maxUserAgent = 256

// printable returns a User-Agent as the store can keep it.
func printable(userAgent string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, userAgent[:min(len(userAgent), maxUserAgent)])
}

// naming maps a word in a User-Agent to what people call it.
type naming struct{ word, name string }

// The words are tried in this order: many clients also name those that they
// want to be taken for.
var (
	browsers = []naming{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Vivaldi", "Vivaldi"},
		{"Firefox", "Firefox"}, {"FxiOS", "Firefox"}, {"CriOS", "Chrome"}, {"Chrome", "Chrome"}, {"Safari", "Safari"},
	}
	systems = []naming{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"AppleTV", "Apple TV"}, {"tvOS", "Apple TV"}, {"Tizen", "Samsung TV"},
		{"Web0S", "LG TV"}, {"webOS", "LG TV"}, {"Roku", "Roku"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Macintosh", "Mac"}, {"Mac OS X", "Mac"}, {"Linux", "Linux"},
	}
)

// DeviceName returns what a customer would call a client, such as "Firefox, Mac",
// or "". It says nothing that the client made up: a User-Agent such as "You won,
// visit evil.example" would otherwise be mailed under our name.
func DeviceName(userAgent string) string {
	var known []string
	for _, list := range [][]naming{browsers, systems} {
		for _, n := range list {
			if strings.Contains(userAgent, n.word) {
				known = append(known, n.name)
				break
			}
		}
	}
	return strings.Join(known, ", ")
}
