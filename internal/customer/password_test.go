// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckPassword(t *testing.T) {
	tests := []struct {
		name     string
		password string
		want     error
	}{
		// Length, in code points.
		{"empty", "", ErrPasswordShort},
		{"seven", "kq7vrtz", ErrPasswordShort},
		{"eight", "kq7vrtzm", nil},
		{"eight of several bytes", "żół7ćęśą", nil},
		{"seven of several bytes", "żół7ćęś", ErrPasswordShort},
		{"four emoji are four", "🐴🔋📎🪣", ErrPasswordShort},
		{"a mark of its own counts", "kq7vrte\u0301", nil},
		{"eighty, the contract's most", strings.Repeat("kq7v", 20), nil},
		{"128", strings.Repeat("kq7v", 32), nil},
		{"129", strings.Repeat("kq7v", 32) + "k", ErrPasswordLong},
		{"128 of four bytes", strings.Repeat("𝔞𝔟7𝔠", 32), nil},
		{"a megabyte", strings.Repeat("kq7v", 1<<18), ErrPasswordLong},
		{"a megabyte of bytes that are no characters", strings.Repeat("\xff", 1<<20), ErrPasswordLong},

		// A letter and something else: the contract and no more.
		{"lower case and digit, as the OTT form asks", "kqzvrtm7", nil},
		{"upper case and digit", "KQZVRTM7", nil},
		{"letter and !", "kqzvrtm!", nil},
		{"letter and @", "kqzvrtm@", nil},
		{"letter and #", "kqzvrtm#", nil},
		{"letter and $", "kqzvrtm$", nil},
		{"letter and %", "kqzvrtm%", nil},
		{"letter and ^", "kqzvrtm^", nil},
		{"letter and &", "kqzvrtm&", nil},
		{"letter and another symbol", "kqzvrtm-", nil},
		{"letters and space", "kqz vrtm wfl", nil},
		{"letters and emoji", "kqzvrtm🐴", nil},
		{"letters of another script and digit", "пёсмурмур7", nil},
		{"letters without case and digit", "密碼密語文字詞句7", nil},
		{"digits and one letter", "7204918k", nil},
		{"letters only", "kqzvrtmwfl", ErrPasswordSimple},
		{"marks are no symbols", "kqzvrte\u0301e\u0300", ErrPasswordSimple},
		{"digits only", "7204918365", ErrPasswordSimple},
		{"digits and symbols", "7204-9183-65", ErrPasswordSimple},
		{"spaces only", "          ", ErrPasswordSimple},

		// Common ones.
		{"with an end", "password1", ErrPasswordCommon},
		{"any case", "PassWord1", ErrPasswordCommon},
		{"with a year", "Sunshine2026", ErrPasswordCommon},
		{"with a start", "123password", ErrPasswordCommon},
		{"with both", "1!monkey!1", ErrPasswordCommon},
		{"with counting", "football123456789", ErrPasswordCommon},
		{"with swapped letters", "P@ssw0rd", ErrPasswordCommon},
		{"with swapped letters and an end", "Pa$$w0rd1!", ErrPasswordCommon},
		{"starting with a swapped letter", "$un5h1ne", ErrPasswordCommon},
		{"starting with a swapped letter, with an end", "$unshine7", ErrPasswordCommon},
		{"a walk over the keyboard", "1qaz2wsx", ErrPasswordCommon},
		{"letters and counting", "abcd1234", ErrPasswordCommon},
		{"a run of digits with letters", "xx123456789", ErrPasswordCommon},
		{"a run of digits inside", "q123456q", ErrPasswordCommon},
		{"one key", "aaaaaaa1", ErrPasswordCommon},
		{"two keys", "a1a1a1a1", ErrPasswordCommon},
		{"one digit and a letter", "7777777a", ErrPasswordCommon},
		{"one character that is no UTF-8", "\xff\xff\xff\xff\xff\xff\xffa", ErrPasswordCommon},
		{"another language", "Hasło123", ErrPasswordCommon},

		{"words and patterns", "Test1234!", ErrPasswordCommon},

		// Ones that only look like it.
		{"a common word among others", "monkey wrench sonata", nil},
		{"a common word with much around it", "monkey-7204918", nil},
		{"letters on both sides", "kqpassword1zv", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := CheckPassword(tt.password); !errors.Is(err, tt.want) {
				t.Errorf("CheckPassword(%.40q) = %v, want %v", tt.password, err, tt.want)
			}
		})
	}
}

func TestPasswordThatIsLittleMoreThanAHintIsCommon(t *testing.T) {
	hints := []string{"Zbyszko.Kowalik+tv", "Orlica TV", "bo", "", "†"}
	tests := []struct {
		password string
		want     error
	}{
		{"zbyszko.kowalik+tv1", ErrPasswordCommon},
		{"zbyszkokowaliktv1", ErrPasswordCommon},
		{"Zbyszko1", ErrPasswordCommon},
		{"1Zbyszko!", ErrPasswordCommon},
		{"zbyszko2026", ErrPasswordCommon},
		{"zbyszko-123456789", ErrPasswordCommon},
		{"zby5zk0!", ErrPasswordCommon},
		{"kowalik-2026", ErrPasswordCommon},
		{"kowalikXYZ1", ErrPasswordCommon},
		{"orlicatv1", ErrPasswordCommon},
		{"Orlica-TV-2026", ErrPasswordCommon},
		{"or1icatv", nil}, // 1 for i is put back, 1 for l is not

		{"zbyszko-7204918", nil},
		{"kowalik sonata 7", nil},
		{"bokq7vrt", nil}, // "bo" is too short to count
		{"tvkq7vrt", nil}, // so is "tv"
	}
	for _, tt := range tests {
		if err := CheckPassword(tt.password, hints...); !errors.Is(err, tt.want) {
			t.Errorf("CheckPassword(%q) = %v, want %v", tt.password, err, tt.want)
		}
	}
	if err := CheckPassword("zbyszko2026"); err != nil {
		t.Errorf("without hints: %v", err)
	}
}

func TestPasswordErrorsDoNotRepeatThePassword(t *testing.T) {
	for _, password := range []string{"kq7", strings.Repeat("kq7v", 40), "kqzvrtmwfl", "password1"} {
		err := CheckPassword(password)
		if err == nil || strings.Contains(err.Error(), password) || errors.Unwrap(err) != nil {
			t.Errorf("%.10q: %v", password, err)
		}
	}
}

// The list is long enough, and every entry can match: in lower case, not hidden
// by another one, not of a length that the rules never reach.
func TestCommonPasswordsList(t *testing.T) {
	seen := make(map[string]bool)
	whole := 0
	for line := range strings.Lines(common) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if seen[word] {
				t.Errorf("%q is there twice", word)
			}
			seen[word] = true
			if word != strings.ToLower(word) || !utf8.ValidString(word) {
				t.Errorf("%q is not in lower case", word)
			}
			if utf8.RuneCountInString(word) < minPassword-maxTrivial {
				t.Errorf("%q is too short to matter", word)
			}
			if strings.ContainsFunc(word, isLetter) && strings.ContainsFunc(word, isTrivial) &&
				utf8.RuneCountInString(word) >= minPassword {
				whole++
				if err := CheckPassword(word); !errors.Is(err, ErrPasswordCommon) {
					t.Errorf("CheckPassword(%q) = %v", word, err)
				}
			}
			if strings.ContainsFunc(word, isTrivial) || len(seen)%20 != 0 {
				continue // of the words a sample, as each look reads the whole list
			}
			if err := CheckPassword(word + "2026"); !errors.Is(err, ErrPasswordCommon) {
				t.Errorf("CheckPassword(%q) = %v", word+"2026", err)
			}
		}
	}
	if whole < 300 {
		t.Errorf("%d whole passwords, want at least 300", whole)
	}
	t.Logf("%d entries, %d of them whole passwords", len(seen), whole)
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("Pa$$w0rd1!", "Ann.Smith")
	f.Add("aaaaaaa1", "")
	f.Add("\xff\xff\xff\xff\xff\xff\xffa", "\xff")
	f.Add("İstanbul2026", "İ")
	f.Fuzz(func(t *testing.T, password, hint string) {
		err := CheckPassword(password, hint)
		n := utf8.RuneCountInString(password)
		if short := n < minPassword; short != errors.Is(err, ErrPasswordShort) {
			t.Errorf("%q has %d characters: %v", password, n, err)
		}
		if long := n > maxPassword; long != errors.Is(err, ErrPasswordLong) {
			t.Errorf("%q has %d characters: %v", password, n, err)
		}
	})
}

func BenchmarkCheckPassword(b *testing.B) {
	for b.Loop() {
		if err := CheckPassword("kq7v rtzm wfl", "ann.smith", "Nova TV"); err != nil {
			b.Fatal(err)
		}
	}
}
