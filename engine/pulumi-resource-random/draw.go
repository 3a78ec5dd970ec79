package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/bcrypt"
)

// alphabet is a group of characters, how many of a text must come from it, and whether the rest may too.
type alphabet struct {
	characters string
	atLeast    int
	anywhere   bool
}

// randomText draws a text of length characters (each ASCII) from the alphabets.
func randomText(length int, alphabets []alphabet) (string, error) {
	var text []byte
	everywhere := ""
	for _, group := range alphabets {
		must, err := draw(group.atLeast, group.characters)
		if err != nil {
			return "", err
		}
		text = append(text, must...)
		if group.anywhere {
			everywhere += group.characters
		}
	}
	if length < 1 || len(text) > length {
		return "", fmt.Errorf("length is %d, but it must be at least 1 and at least the sum of all minimums (%d)",
			length, len(text))
	}
	rest, err := draw(length-len(text), everywhere)
	if err != nil {
		return "", err
	}
	text = append(text, rest...)
	err = shuffle(text)
	return string(text), err
}

// draw picks count characters, each of them with the same chance.
func draw(count int, characters string) ([]byte, error) {
	if count > 0 && characters == "" {
		return nil, errors.New("lower, upper, numeric and special are all false: at least one must be true")
	}
	drawn := make([]byte, count)
	for i := range drawn {
		n, err := below(len(characters))
		if err != nil {
			return nil, err
		}
		drawn[i] = characters[n]
	}
	return drawn, nil
}

// shuffle puts text in random order, in place, so that nobody knows where the required characters are.
func shuffle(text []byte) error {
	for i := len(text) - 1; i > 0; i-- {
		j, err := below(i + 1)
		if err != nil {
			return err
		}
		text[i], text[j] = text[j], text[i]
	}
	return nil
}

func below(limit int) (int, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(limit)))
	if err != nil {
		return 0, err
	}
	return int(n.Int64()), nil
}

func randomBytes(length int) ([]byte, error) {
	if length < 1 {
		return nil, fmt.Errorf("byteLength is %d, but it must be at least 1", length)
	}
	bytes := make([]byte, length)
	_, err := rand.Read(bytes)
	return bytes, err
}

// bcryptHash hashes the first 72 bytes of password, which are all that bcrypt takes, as the upstream provider does.
func bcryptHash(password string) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password)[:min(len(password), 72)], bcrypt.DefaultCost)
	return string(hash), err
}
