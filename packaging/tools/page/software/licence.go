package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// signs are words by which a licence is known, and its SPDX identifier. Where two fit, the earlier one is meant.
var signs = []struct{ id, words string }{
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"Apache-2.0", "apache license version 2.0"},
	{"MPL-2.0", "mozilla public license version 2.0"},
	{"MPL-2.0", "mozilla public license, version 2.0"},
	{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"},
	{"ISC", "permission to use, copy, modify, and distribute this software for any purpose with or without fee"},
	{"Unlicense", "this is free and unencumbered software released into the public domain"},
	{"BSD-3-Clause", "may be used to endorse or promote products derived from"},
	{"BSD-2-Clause", "redistribution and use in source and binary forms"},
}

// errNone says that a module has no licence.
var errNone = errors.New("no licence")

// terms are those under which a module comes.
type terms struct {
	licence string // SPDX identifiers, several with "AND" between them
	text    string // of all files, and of the notices that go with them
}

// termsIn reads what lies in a module's folder. A licence that is not known has to be read by a person, and is an error.
func termsIn(dir string) (terms, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return terms{}, err
	}
	var ids, texts []string
	for _, entry := range entries {
		name := strings.ToLower(entry.Name())
		notice := strings.HasPrefix(name, "notice")
		if entry.IsDir() || !notice && !strings.HasPrefix(name, "licen") && !strings.HasPrefix(name, "copying") && !strings.HasPrefix(name, "unlicense") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return terms{}, err
		}
		texts = append(texts, plain(string(text)))
		if notice {
			continue
		}
		id := licenceOf(string(text))
		if id == "" {
			return terms{}, errors.New(filepath.Join(dir, entry.Name()) + " is no licence that this program knows: read it, and add its words to signs")
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return terms{}, fmt.Errorf("%w lies in %s", errNone, dir)
	}
	slices.Sort(ids)
	return terms{strings.Join(ids, " AND "), strings.Join(texts, "\n\n")}, nil
}

// plain takes away what differs between systems and editors and says nothing.
func plain(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(line, " \t\r\n"))
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// licenceOf names the licence of a text, empty if it is not known.
func licenceOf(text string) string {
	text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
	for _, sign := range signs {
		if strings.Contains(text, sign.words) {
			return sign.id
		}
	}
	return ""
}
