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

// licenceIn names the licences of a module's folder, several with "AND" between them. One that is not known has to be
// read by a person, and is an error.
func licenceIn(dir string) (string, error) {
	var names []string
	for _, pattern := range []string{"LICEN[CS]E*", "[Ll]icen[cs]e*", "COPYING*", "UNLICENSE*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		names = append(names, found...)
	}
	var all []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || info.IsDir() || strings.HasSuffix(name, ".go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		id := licenceOf(string(text))
		if id == "" {
			return "", errors.New(name + " is no licence that this program knows: read it, and add its words to signs")
		}
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	if len(all) == 0 {
		return "", fmt.Errorf("%w lies in %s", errNone, dir)
	}
	slices.Sort(all)
	return strings.Join(all, " AND "), nil
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
