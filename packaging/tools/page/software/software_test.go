package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// repository writes one whose program is linked with a module, and whose page holds packages.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"go.mod":                  "module example.org/gate\n\ngo 1.26.0\n\nrequire example.org/lib v1.2.3\n\nreplace example.org/lib v1.2.3 => ./lib\n",
		"cmd/swarmgate/main.go":   "package main\n\nimport _ \"example.org/lib\"\n\nfunc main() {}\n",
		"lib/go.mod":              "module example.org/lib\n",
		"lib/lib.go":              "// Package lib is one.\npackage lib\n",
		"lib/LICENSE":             "Redistribution and use in source and\n  binary forms, with or without …\n",
		"lib/NOTICE":              "Thanks to all.\n",
		"web/page/src/owner/x.ts": "",
	}
	for _, name := range bundled {
		files["web/page/node_modules/"+name+"/package.json"] = `{"version": "4.5.6", "license": "MIT"}`
		files["web/page/node_modules/"+name+"/LICENSE"] = "Permission is hereby granted, free of charge, to any person obtaining a copy\n"
	}
	for name, text := range files {
		write(t, filepath.Join(root, name), text)
	}
	return root
}

func TestListIsWrittenAndChecked(t *testing.T) {
	root := repository(t)
	if err := run(root, true); err == nil {
		t.Error("no list is there, and that is well")
	}
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	for file, wants := range map[string][]string{
		list:  {`["./lib","","BSD-2-Clause"]`, `["preact","4.5.6","MIT"]`},
		texts: {"Redistribution and use in source and\n  binary forms", "Permission is hereby granted", "events 4.5.6\nmpegts.js 4.5.6\npreact 4.5.6\n=", "Thanks to all."},
	} {
		b, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if strings.Count(string(b), want) != 1 {
				t.Errorf("%s: %s is not there once:\n%s", file, want, b)
			}
		}
	}
	if err := run(root, true); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(root, "web/page/node_modules/preact/package.json"), `{"version": "4.5.7", "license": "MIT"}`)
	if err := run(root, true); err == nil || !strings.Contains(err.Error(), "not current") {
		t.Errorf("a newer package: %v", err)
	}
}

func TestWhatIsNotKnownIsTold(t *testing.T) {
	for name, c := range map[string]struct{ path, text, want string }{
		"a licence":    {"lib/LICENSE", "You may do this on Tuesdays.", "read it"},
		"no licence":   {"web/page/node_modules/events/package.json", `{"version": "1"}`, "no licence"},
		"another one":  {"web/page/node_modules/events/LICENSE", "Apache License Version 2.0", "read it"},
		"no such code": {"cmd/swarmgate/main.go", "package main\n\nimport _ \"example.org/other\"\n", "example.org/other"},
	} {
		root := repository(t)
		write(t, filepath.Join(root, c.path), c.text)
		if err := run(root, false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLicenceOf(t *testing.T) {
	for text, want := range map[string]string{
		"Permission is hereby granted, free of\ncharge, to any person obtaining a copy":                                   "MIT",
		"Apache License\n   Version 2.0, January 2004":                                                                    "Apache-2.0",
		"Redistribution and use in source and binary forms\nmay be used to endorse or promote products derived from this": "BSD-3-Clause",
		"Redistribution and use in source and binary forms":                                                               "BSD-2-Clause",
		"Mozilla Public License Version 2.0":                                                                              "MPL-2.0",
		"All rights reserved.":                                                                                            "",
	} {
		if got := licenceOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
