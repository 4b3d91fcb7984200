// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	_ "embed" // for the list of common passwords
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	zxcvbn "github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/frequency"
)

// The library has made maps of its lists when it started, and does not read the
// lists again, which take a megabyte and a half.
func init() { clear(frequency.Lists) }

// What CheckPassword finds wrong. Each has a sentence of its own on our pages;
// the MediaStore API says "invalid param password" for all of them.
var (
	// ErrPasswordShort says that a password has fewer than 8 characters.
	ErrPasswordShort = errors.New("password is too short")

	// ErrPasswordLong says that a password has more than 128 characters.
	ErrPasswordLong = errors.New("password is too long")

	// ErrPasswordSimple says that a password has no letter, or nothing but letters.
	ErrPasswordSimple = errors.New("password needs a letter and a digit or symbol")

	// ErrPasswordCommon says that a password is among those that are guessed first.
	ErrPasswordCommon = errors.New("password is too common")
)

const (
	// minPassword is the contract's least number of characters, and that of
	// OWASP ASVS 5.0 (6.2.1): shorter ones fall to guessing.
	minPassword = 8

	// maxPassword is the most. The contract names 80 and ASVS (6.2.9) asks for at
	// least 64; beyond 128 nobody types, and what was pasted was not a password.
	maxPassword = 128

	// maxPasswordBytes is maxPassword in the widest UTF-8. Longer input is refused
	// before anything walks through it or hashes it.
	maxPasswordBytes = maxPassword * utf8.UTFMax

	// maxTrivial is how many characters around a common word do not make it a
	// good password: a year, "123!". Guessing programs try these first.
	maxTrivial = 4

	// minHint is the least length of a hint. Shorter ones turn up in good
	// passwords by chance.
	minHint = 3
)

// numbers are the runs of digits that guessers try with anything around them.
const numbers = "1234567890 123456789 12345678 1234567 123456 0987654321 987654321 654321 0123456789 " +
	"123123 123321 321321 112233 332211 121212 111222 147258369 147258 147852 159753 159357 456789 789456 " +
	"111111 222222 333333 444444 555555 666666 777777 888888 999999 000000 101010 131313 696969"

// counting is the other thing that is appended without a thought, at any length.
const counting = "1234567890"

// common is the list of words and passwords that are guessed first; its head
// explains its form.
//
//go:embed common.txt
var common string

// CheckPassword returns nil when password may be chosen: at least 8 and at most
// 128 characters, with a letter and something that is none (a digit, a symbol, a
// space), and not among the common ones. That is the MediaStore contract (POST
// /customers), read generously, and a blocklist (after OWASP ASVS 5.0, 6.2.4).
//
// hints are words that guessers know about this customer, such as the local part
// of the address and the publisher's name. A password that is little more than
// one of them is common, too (ASVS 6.2.11).
//
// Characters are code points, counted as they came in. Nothing is normalised:
// the hash is made of the very same bytes (ASVS 6.2.8), and a form that only
// some of the ways in apply would lock out those who come by another one.
//
// Errors are the four ErrPassword…, none of which repeats the password.
func CheckPassword(password string, hints ...string) error {
	length := utf8.RuneCountInString(password[:min(len(password), maxPasswordBytes)])
	switch {
	case len(password) > maxPasswordBytes || length > maxPassword:
		return ErrPasswordLong
	case length < minPassword:
		return ErrPasswordShort
	case !strings.ContainsFunc(password, isLetter) || !strings.ContainsFunc(password, isTrivial):
		return ErrPasswordSimple
	}
	lower := strings.ToLower(password)
	if isMonotone(lower) || isCommon(lower) {
		return ErrPasswordCommon
	}
	for _, hint := range append(strings.Fields(numbers), hints...) {
		if isMostly(lower, strings.ToLower(hint)) {
			return ErrPasswordCommon
		}
	}
	if isWeak(password, hints) {
		return ErrPasswordCommon
	}
	return nil
}

const (
	// leastBits refuses what a guessing program tries among its first 30,000
	// guesses. Sign-in is limited to far fewer tries; more would refuse passwords
	// that published clients' forms take.
	leastBits = 15

	// weighed is how much of a password is judged: what is strong so far only gets
	// stronger, and a judgement takes milliseconds for 40 characters, and grows
	// with their square.
	weighed = 40
)

// isWeak tells whether a password is made of little more than words, names and
// patterns that everybody knows, or hints.
func isWeak(password string, hints []string) bool {
	start := []rune(password)
	start = start[:min(len(start), weighed)]
	return zxcvbn.PasswordStrength(string(start), hints).Entropy < leastBits
}

// isCommon tells whether a password in lower case is on the list, or is a word
// of the list in the usual disguises.
func isCommon(lower string) bool {
	forms := []string{lower, unswap(lower)}
	// In "pa$$w0rd1!" the end comes off before letters are put back, in
	// "123password" the start too; "$unshine1" starts with a letter in disguise.
	for _, core := range []string{
		strings.TrimRightFunc(lower, isTrivial),
		strings.TrimFunc(lower, isTrivial),
	} {
		if before, after, _ := strings.Cut(lower, core); isLittle(before + after) {
			forms = append(forms, core, unswap(core))
		}
	}
	// The list is read from start to end each time. That takes 0.3 ms before a
	// hash of 30 or more; a map would take its memory for good.
	for line := range strings.Lines(common) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if slices.Contains(forms, word) {
				return true
			}
		}
	}
	return false
}

// isMonotone tells whether a password has at most two different characters.
func isMonotone(lower string) bool {
	first, _ := utf8.DecodeRuneInString(lower)
	rest := strings.ReplaceAll(lower, string(first), "")
	second, _ := utf8.DecodeRuneInString(rest)
	return strings.ReplaceAll(rest, string(second), "") == ""
}

// isMostly tells whether a password in lower case is little more than hint or
// one of its words: "novatv-2026" and "nova2026!" for "Nova TV".
func isMostly(lower, hint string) bool {
	words := strings.FieldsFunc(hint, func(r rune) bool { return !isLetterOrDigit(r) })
	words = append(words, strings.Join(words, ""))
	for _, form := range []string{compact(lower), compact(unswap(lower))} {
		for _, word := range words {
			before, after, found := strings.Cut(form, word)
			if found && utf8.RuneCountInString(word) >= minHint && isLittle(before+after) {
				return true
			}
		}
	}
	return false
}

// isLittle tells whether rest, added to a word, makes it no harder to guess.
func isLittle(rest string) bool {
	return utf8.RuneCountInString(rest) <= maxTrivial || strings.HasPrefix(counting, rest)
}

// unswap puts back the letters that people write as digits and symbols.
func unswap(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '0':
			return 'o'
		case '1', '!':
			return 'i'
		case '3':
			return 'e'
		case '4', '@':
			return 'a'
		case '5', '$':
			return 's'
		case '7':
			return 't'
		}
		return r
	}, s)
}

// compact leaves letters and digits only.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if isLetterOrDigit(r) {
			return r
		}
		return -1
	}, s)
}

// isLetter counts combining marks as part of their letter.
func isLetter(r rune) bool        { return unicode.IsLetter(r) || unicode.IsMark(r) }
func isTrivial(r rune) bool       { return !isLetter(r) }
func isLetterOrDigit(r rune) bool { return isLetter(r) || unicode.IsDigit(r) }
