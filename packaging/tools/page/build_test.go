package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sources writes a small page with its packages and returns its folder.
func sources(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"src/main.tsx":                     "import { greet } from './greet';\nexport const page = <p>{greet?.('you')}</p>;\ndocument.title = String(page);\n",
		"src/greet.ts":                     "export const greet = (who: string): string => `hello ${who}`;\n",
		"src/lang/en.ts":                   "export const en = { hello: 'hello' };\n",
		"src/lang/de.ts":                   "export const de = { hello: 'grüß dich' };\n",
		"src/style.css":                    "/* a comment */\n.a { inset: 0; color: red }\n",
		"src/shared.ts":                    "import * as hooks from 'preact/hooks';\nimport * as greet from './greet';\nexport const shared = { 'preact/hooks': hooks, '../greet': greet };\n",
		"src/owner/main.tsx":               "import { greet } from '../greet';\nimport { word } from './word';\nconsole.log(greet(word));\n",
		"src/owner/word.ts":                "export const word = 'owner of the house';\n",
		"src/owner/style.css":              ".b { color: blue }\n",
		"src/icon.svg":                     "<svg/>\n",
		"src/licences.txt":                 "everybody's terms",
		"src/index.html":                   "<link href=/{{icon.svg}}><link href=/{{app.css}}><script src=/{{app.js}} data-player=/{{mpegts.js}} data-de-words=/{{de.js}} data-owner=/{{owner.js}} data-sheet=/{{owner.css}}></script>{{NAME}}\n",
		"node_modules/preact/package.json": `{"name":"preact","exports":{"./jsx-runtime":"./jsx.js"}}`,
		"node_modules/preact/jsx.js":       "export const jsx = (type, props) => ({ type, props });\nexport const jsxs = jsx;\n",
		mpegtsFile:                         "var mpegts=function(){ return 1 };\n//# sourceMappingURL=mpegts.js.map",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// named returns the one file of dist whose name fits.
func named(t *testing.T, f files, pattern string) []byte {
	t.Helper()
	for name, content := range f {
		if regexp.MustCompile(`^` + pattern + `$`).MatchString(name) {
			return content
		}
	}
	t.Fatalf("no file is named like %s", pattern)
	return nil
}

func TestBuild(t *testing.T) {
	built, err := build(sources(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(built) != 9 {
		t.Errorf("%d files, want 9", len(built))
	}
	script := string(named(t, built, `assets/app-[0-9a-f]{10}\.js`))
	if strings.Contains(script, "?.") || strings.Contains(script, "who: string") {
		t.Errorf("the script is not for browsers of 2017: %s", script)
	}
	if style := string(named(t, built, `assets/app-[0-9a-f]{10}\.css`)); strings.Contains(style, "comment") || strings.Contains(style, "inset") {
		t.Errorf("the style is not minified for old browsers: %s", style)
	}
	player := string(named(t, built, `assets/mpegts-[0-9a-f]{10}\.js`))
	if player != "var mpegts=function(){ return 1 };\n" {
		t.Errorf("the player was changed: %q", player)
	}
	if words := string(named(t, built, `assets/de-[0-9a-f]{10}\.js`)); !strings.Contains(words, "window.swarmgateWords=") || !strings.Contains(words, "grüß dich") {
		t.Errorf("the language's script leaves no words: %s", words)
	}
	owner := string(named(t, built, `assets/owner-[0-9a-f]{10}\.js`))
	if strings.Contains(owner, "hello") || !strings.Contains(owner, "owner of the house") || !strings.Contains(owner, `swarmgate.shared["../greet"]`) {
		t.Errorf("the second script does not take from the first what that has: %s", owner)
	}
	index := string(named(t, built, `index\.html`))
	if n := len(regexp.MustCompile(`=/assets/(icon|app|mpegts|de|owner)-[0-9a-f]{10}\.(svg|css|js)`).FindAllString(index, -1)); n != 7 {
		t.Errorf("%d references in %s", n, index)
	}
	if !strings.Contains(index, "{{NAME}}") {
		t.Error("what the gateway fills in is gone")
	}
	if got := unpacked("licences.txt.gz", built["licences.txt.gz"]); string(got) != "everybody's terms" {
		t.Errorf("licences: %q", got)
	}
}

func TestTwoBuildsAreTheSame(t *testing.T) {
	first, err := build(sources(t))
	if err != nil {
		t.Fatal(err)
	}
	second, err := build(sources(t)) // in another folder
	if err != nil {
		t.Fatal(err)
	}
	dist := t.TempDir()
	if err := first.write(dist); err != nil {
		t.Fatal(err)
	}
	if err := second.compare(dist); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsWhatIsNotCurrent(t *testing.T) {
	dir := sources(t)
	if err := run(dir, true); err == nil || !strings.Contains(err.Error(), "index.html is missing") {
		t.Errorf("nothing built: %v", err)
	}
	if err := run(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err != nil {
		t.Errorf("just built: %v", err)
	}
	write(t, filepath.Join(dir, "dist/assets/old-0123456789.js"), "left over")
	write(t, filepath.Join(dir, "dist/licences.txt.gz"), "edited")
	err := run(dir, true)
	for _, want := range []string{"old-0123456789.js comes from no source", "licences.txt.gz differs"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	if err := run(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err != nil {
		t.Errorf("built anew: %v", err)
	}
}

func TestErrorsTellWhatToDo(t *testing.T) {
	for name, test := range map[string]struct{ path, text, want string }{
		"packages not installed": {"node_modules/mpegts.js", "", "run npm ci"},
		"a syntax error":         {"src/main.tsx", "let = ;", "main.tsx:1"},
		"a forgotten file":       {"src/index.html", "<p>", "does not use {{"},
		"nothing handed on":      {"src/shared.ts", "export const shared = {};", `does not hand on "../greet"`},
		"no licences":            {"src/licences.txt", "", "licences.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := sources(t)
			path := filepath.Join(dir, test.path)
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if test.text != "" {
				write(t, path, test.text)
			}
			if err := run(dir, false); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
