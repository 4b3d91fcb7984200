// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// mustHash hashes with the parameters in use.
func mustHash(t testing.TB, h *Hasher, password string) string {
	t.Helper()
	encoded, err := h.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestHashIsArgon2idInPHCForm(t *testing.T) {
	h := NewHasher(1, 1)
	one, two := mustHash(t, h, "kq7vrtzm"), mustHash(t, h, "kq7vrtzm")
	form := regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	if !form.MatchString(one) {
		t.Errorf("hash %q", one)
	}
	if one == two {
		t.Error("two hashes of one password are equal: no salt")
	}
	if NeedsRehash(one) {
		t.Error("a new hash needs no other")
	}
}

func TestVerify(t *testing.T) {
	h := NewHasher(1, 1)
	encoded := mustHash(t, h, "żółw kq7v")
	tests := []struct {
		name, encoded, password string
		want                    bool
	}{
		{"right", encoded, "żółw kq7v", true},
		{"wrong", encoded, "żółw kq7w", false},
		{"other case", encoded, "Żółw kq7v", false},
		{"other composition", encoded, "z\u0307ółw kq7v", false},
		{"longer", encoded, "żółw kq7v ", false},
		{"cut", encoded, "żółw kq7", false},
		{"empty", encoded, "", false},
		{"too long to be anybody's", encoded, strings.Repeat("k", maxPasswordBytes+1), false},
		{"no account", "", "żółw kq7v", false},
		{"no account, empty", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ok, err := h.Verify(t.Context(), tt.encoded, tt.password)
			if ok != tt.want || err != nil {
				t.Errorf("Verify = %v, %v, want %v, nil", ok, err, tt.want)
			}
		})
	}
}

// A vector from src/test.c of the reference implementation (phc-winner-argon2).
func TestVerifyReadsHashesOfOtherSoftware(t *testing.T) {
	const encoded = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, err := NewHasher(1, 1).Verify(t.Context(), encoded, "password")
	if !ok || err != nil {
		t.Errorf("Verify = %v, %v, want true, nil", ok, err)
	}
	if !NeedsRehash(encoded) {
		t.Error("other parameters need a new hash")
	}
}

func TestLongPasswordsAreNeitherHashedNorCut(t *testing.T) {
	h := NewHasher(1, 1)
	if _, err := h.Hash(t.Context(), strings.Repeat("k", maxPasswordBytes+1)); !errors.Is(err, ErrPasswordLong) {
		t.Errorf("Hash: %v, want ErrPasswordLong", err)
	}
	longest := strings.Repeat("k", maxPasswordBytes)
	encoded := mustHash(t, h, longest)
	if ok, err := h.Verify(t.Context(), encoded, longest[1:]); ok || err != nil {
		t.Errorf("Verify of all but one byte = %v, %v, want false, nil", ok, err)
	}
}

func TestParsePHCIsStrict(t *testing.T) {
	const (
		salt = "c29tZXNhbHRzb21lc2FsdA"
		key  = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	)
	good := "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key
	if _, err := parsePHC(good); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"empty":                 "",
		"other algorithm":       strings.Replace(good, "argon2id", "argon2i", 1),
		"bcrypt":                "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"plain text":            "password",
		"no start":              good[1:],
		"text before":           "x" + good,
		"text after":            good + "$",
		"no version":            strings.Replace(good, "v=19$", "", 1),
		"other version":         strings.Replace(good, "v=19", "v=16", 1),
		"parameters reordered":  strings.Replace(good, "m=19456,t=2", "t=2,m=19456", 1),
		"parameter missing":     strings.Replace(good, ",p=1", "", 1),
		"parameter added":       strings.Replace(good, "p=1", "p=1,x=1", 1),
		"leading zero":          strings.Replace(good, "t=2", "t=02", 1),
		"sign":                  strings.Replace(good, "t=2", "t=+2", 1),
		"negative":              strings.Replace(good, "t=2", "t=-2", 1),
		"not a number":          strings.Replace(good, "t=2", "t=x", 1),
		"hexadecimal":           strings.Replace(good, "t=2", "t=0x2", 1),
		"space":                 strings.Replace(good, "m=19456,", "m=19456, ", 1),
		"overflow":              strings.Replace(good, "m=19456", "m=4294967297", 1),
		"lanes overflow":        strings.Replace(good, "p=1", "p=257", 1),
		"no memory":             strings.Replace(good, "m=19456", "m=0", 1),
		"memory below the lane": strings.Replace(good, "m=19456", "m=7", 1),
		"four gigabytes":        strings.Replace(good, "m=19456", "m=4194304", 1),
		"memory above":          strings.Replace(good, "m=19456", "m=65537", 1),
		"no passes":             strings.Replace(good, "t=2", "t=0", 1),
		"endless":               strings.Replace(good, "t=2", "t=4294967295", 1),
		"passes above":          strings.Replace(good, "t=2", "t=5", 1),
		"no lanes":              strings.Replace(good, "p=1", "p=0", 1),
		"lanes above":           strings.Replace(good, "p=1", "p=2", 1),
		"no salt":               strings.Replace(good, salt, "", 1),
		"salt below":            strings.Replace(good, salt, "c29tZXM", 1),
		"salt above":            strings.Replace(good, salt, strings.Repeat("AAAA", 22), 1),
		"salt padded":           strings.Replace(good, salt, salt+"==", 1),
		"salt in URL alphabet":  strings.Replace(good, salt, "c29tZXNhbHRzb21lc2Fs-_", 1),
		"salt with spare bits":  strings.Replace(good, salt, salt[:len(salt)-1]+"B", 1),
		"salt with line break":  strings.Replace(good, salt, salt[:4]+"\n"+salt[4:], 1),
		"no key":                strings.Replace(good, key, "", 1),
		"key below":             strings.Replace(good, key, key[:20], 1),
		"key above":             strings.Replace(good, key, strings.Repeat("AAAA", 22), 1),
		"key not base64":        strings.Replace(good, key, strings.Repeat("*", 43), 1),
		"a megabyte":            good + strings.Repeat("A", 1<<20),
		"a megabyte of dollars": strings.Repeat("$", 1<<20),
	}
	h := NewHasher(1, 1)
	for name, encoded := range tests {
		if _, err := parsePHC(encoded); !errors.Is(err, ErrHash) {
			t.Errorf("%s: %v, want ErrHash", name, err)
		}
		if !NeedsRehash(encoded) {
			t.Errorf("%s: NeedsRehash = false", name)
		}
		if encoded == "" {
			continue // stands for no account
		}
		ok, err := h.Verify(t.Context(), encoded, "password")
		if ok || !errors.Is(err, ErrHash) || strings.Contains(err.Error(), "$") {
			t.Errorf("%s: Verify = %v, %v, want an ErrHash without the hash", name, ok, err)
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	current := fakeHash().String()
	tests := []struct {
		name, encoded string
		want          bool
	}{
		{"current", current, false},
		{"less memory", strings.Replace(current, "m=19456", "m=19455", 1), true},
		{"more memory", strings.Replace(current, "m=19456", "m=65536", 1), true},
		{"other passes", strings.Replace(current, "t=2", "t=1", 1), true},
		{"shorter salt", strings.Replace(current, "$"+strings.Repeat("A", 22)+"$", "$"+strings.Repeat("A", 11)+"$", 1), true},
		{"shorter key", current[:len(current)-43] + strings.Repeat("A", 22), true},
	}
	for _, tt := range tests {
		if got := NeedsRehash(tt.encoded); got != tt.want {
			t.Errorf("%s: NeedsRehash(%s) = %v, want %v", tt.name, tt.encoded, got, tt.want)
		}
	}
}

func TestUnknownAccountCostsAsMuchAsAKnownOne(t *testing.T) {
	p, err := parsePHC(fakeHash().String())
	if err != nil {
		t.Fatalf("the fixed hash is not one: %v", err)
	}
	if p.memory != argonMemory || p.time != argonTime || p.threads != argonThreads ||
		len(p.salt) != saltBytes || len(p.key) != keyBytes {
		t.Errorf("the fixed hash has parameters of its own: %s", p)
	}
	// It takes a slot like any other: with none free and no room, it is refused.
	h := full(1, 1)
	h.waiting.Store(h.queue)
	if _, err := h.Verify(t.Context(), "", "password"); !errors.Is(err, ErrBusy) {
		t.Errorf("Verify = %v, want ErrBusy", err)
	}
}

// full returns a Hasher whose workers are all busy until release is called.
func full(workers, queue int) *Hasher {
	h := NewHasher(workers, queue)
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	return h
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := full(2, 3)
		var served, refused atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				switch err := h.acquire(t.Context()); {
				case err == nil:
					served.Add(1)
					h.release()
				case errors.Is(err, ErrBusy):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if served.Load() != 0 || refused.Load() != 7 {
			t.Errorf("while busy: %d served, %d refused, want 0 and 7", served.Load(), refused.Load())
		}
		h.release()
		h.release()
		wg.Wait()
		if served.Load() != 3 || h.waiting.Load() != 0 || len(h.slots) != 0 {
			t.Errorf("in the end: %d served, %d waiting, %d busy, want 3, 0, 0", served.Load(), h.waiting.Load(), len(h.slots))
		}
	})
}

func TestCallerWhoseContextEndsLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := full(1, 1)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := h.Hash(ctx, "kq7vrtzm")
			result <- err
		}()
		synctest.Wait()
		if got := h.waiting.Load(); got != 1 {
			t.Fatalf("%d waiting, want 1", got)
		}
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Hash: %v, want context.Canceled", err)
		}
		if got := h.waiting.Load(); got != 0 {
			t.Errorf("%d waiting afterwards, want 0", got)
		}
		h.release()
		if err := h.acquire(t.Context()); err != nil {
			t.Errorf("the slot is lost: %v", err)
		}
	})
}

func TestEndedContextNeverHashes(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	h := NewHasher(1, 1)
	for range 100 {
		if _, err := h.Hash(ended, "kq7vrtzm"); !errors.Is(err, context.Canceled) {
			t.Fatalf("Hash: %v, want context.Canceled", err)
		}
		if _, err := h.Verify(ended, "", "kq7vrtzm"); !errors.Is(err, context.Canceled) {
			t.Fatalf("Verify: %v, want context.Canceled", err)
		}
	}
	if len(h.slots) != 0 || h.waiting.Load() != 0 {
		t.Errorf("%d slots taken, %d waiting, want none", len(h.slots), h.waiting.Load())
	}
}

func TestParallelHashesAreRightAndBounded(t *testing.T) {
	h := NewHasher(2, 100)
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			password := strings.Repeat("k", 8+i)
			encoded, err := h.Hash(t.Context(), password)
			if err != nil {
				t.Error(err)
				return
			}
			if ok, err := h.Verify(t.Context(), encoded, password); !ok || err != nil {
				t.Errorf("Verify = %v, %v, want true, nil", ok, err)
			}
			if busy := len(h.slots); busy > 2 {
				t.Errorf("%d at a time, want at most 2", busy)
			}
		})
	}
	wg.Wait()
	if len(h.slots) != 0 || h.waiting.Load() != 0 {
		t.Errorf("%d slots taken, %d waiting, want none", len(h.slots), h.waiting.Load())
	}
}

func TestNewHasherDefaultsLeaveOneCore(t *testing.T) {
	tests := []struct{ cores, workers int }{{1, 1}, {2, 1}, {3, 2}, {16, 15}}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, tt := range tests {
		runtime.GOMAXPROCS(tt.cores)
		h := NewHasher(0, 0)
		if cap(h.slots) != tt.workers || h.queue != defaultQueue {
			t.Errorf("%d cores: %d workers, %d waiting, want %d, %d", tt.cores, cap(h.slots), h.queue, tt.workers, defaultQueue)
		}
	}
	if h := NewHasher(-1, -1); cap(h.slots) < 1 || h.queue != defaultQueue {
		t.Errorf("negative: %d workers, %d waiting", cap(h.slots), h.queue)
	}
	if h := NewHasher(3, 5); cap(h.slots) != 3 || h.queue != 5 {
		t.Errorf("3, 5: %d workers, %d waiting", cap(h.slots), h.queue)
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(fakeHash().String())
	f.Add("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$AAAA")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, encoded string) {
		p, err := parsePHC(encoded)
		if err == nil && (p.String() != encoded || !p.inBounds()) {
			t.Errorf("parsePHC(%q) accepted %s", encoded, p)
		}
		if err != nil && !errors.Is(err, ErrHash) {
			t.Errorf("parsePHC(%q): %v", encoded, err)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := NewHasher(1, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "kq7vrtzm"); err != nil {
			b.Fatal(err)
		}
	}
}
