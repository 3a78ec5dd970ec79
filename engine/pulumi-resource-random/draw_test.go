package main

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestTextHasItsLengthAndItsRequiredCharacters(t *testing.T) {
	alphabets := []alphabet{
		{characters: "abc", anywhere: true},
		{characters: "123", atLeast: 2},
		{characters: "-", atLeast: 1},
	}
	for range 200 {
		text, err := randomText(8, alphabets)
		if err != nil {
			t.Fatal(err)
		}
		digits := countAny(text, "123")
		if len(text) != 8 || digits != 2 || countAny(text, "-") != 1 || countAny(text, "abc") != 5 {
			t.Fatalf("%q: wanted 8 characters, of which 2 digits, 1 dash and 5 letters", text)
		}
	}
}

func TestEveryCharacterCanStandInEveryPlace(t *testing.T) {
	first := ""
	for range 500 {
		text, err := randomText(3, []alphabet{{characters: "ab", anywhere: true}, {characters: "1", atLeast: 1}})
		if err != nil {
			t.Fatal(err)
		}
		first += text[:1]
	}
	for _, character := range "ab1" {
		if !strings.ContainsRune(first, character) {
			t.Errorf("%q never came first in 500 draws", character)
		}
	}
}

func TestImpossibleTextsAreRefused(t *testing.T) {
	for name, refused := range map[string]struct {
		length    int
		alphabets []alphabet
	}{
		"no length":         {0, []alphabet{{characters: "a", anywhere: true}}},
		"minimums too long": {2, []alphabet{{characters: "a", atLeast: 3, anywhere: true}}},
		"no characters":     {2, []alphabet{{characters: "a"}}},
	} {
		if text, err := randomText(refused.length, refused.alphabets); err == nil {
			t.Errorf("%s: drew %q, wanted an error", name, text)
		}
	}
}

func TestHashFitsThePasswordEvenPastWhatBcryptTakes(t *testing.T) {
	for _, length := range []int{1, 72, 100} {
		password := strings.Repeat("x", length)
		hash, err := bcryptHash(password)
		if err != nil {
			t.Fatal(err)
		}
		if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password[:min(length, 72)])); err != nil {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

func TestNoBytesAreRefused(t *testing.T) {
	if bytes, err := randomBytes(0); err == nil {
		t.Errorf("drew %v, wanted an error", bytes)
	}
}

func countAny(text, characters string) int {
	return len(text) - len(strings.Map(func(r rune) rune {
		if strings.ContainsRune(characters, r) {
			return -1
		}
		return r
	}, text))
}
