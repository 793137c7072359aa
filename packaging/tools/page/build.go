package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// mpegtsFile is the player for live channels. It comes minified by its authors and is
// copied as it is: its worker is made from its own source text, which a second minifier
// would break.
const mpegtsFile = "node_modules/mpegts.js/dist/mpegts.js"

// sourceMap is the comment that would make a browser ask for a file we do not ship.
var sourceMap = regexp.MustCompile(`(?m)^//# sourceMappingURL=.*\n?`)

// handedOn is the source that hands on to the second script what it imports from outside of its folder.
const handedOn = "src/shared.ts"

// build returns the files of dist for the page in dir. Names under assets/ carry a hash
// of the content, so that a browser may keep them for ever.
func build(dir string) (files, error) {
	out := files{}
	names, err := out.bundle(dir)
	if err != nil {
		return nil, err
	}
	player, err := os.ReadFile(filepath.Join(dir, mpegtsFile))
	if err != nil {
		return nil, fmt.Errorf("%w: run npm ci in %s first", err, dir)
	}
	names["mpegts.js"] = out.add("mpegts.js", sourceMap.ReplaceAll(player, nil))
	icon, err := os.ReadFile(filepath.Join(dir, "src/icon.svg"))
	if err != nil {
		return nil, err
	}
	names["icon.svg"] = out.add("icon.svg", icon)
	terms, err := os.ReadFile(filepath.Join(dir, "src/licences.txt")) // written by ./software
	if err != nil {
		return nil, err
	}
	out["licences.txt.gz"] = pack(terms)
	out["index.html"], err = index(dir, names)
	return out, err
}

// bundle compiles the scripts and the stylesheets and returns their names in dist by the
// names that index.html uses.
func (f files) bundle(dir string) (map[string]string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	handed, err := os.ReadFile(filepath.Join(dir, handedOn))
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, part := range []struct {
		name, folder string
		plugins      []api.Plugin
	}{
		{"app", "src", nil},
		{"owner", "src/owner", []api.Plugin{fromFirst(handed)}},
	} {
		built, err := compile(abs, part.name, part.folder, part.plugins)
		if err != nil {
			return nil, err
		}
		for _, file := range built {
			base := filepath.Base(file.Path)
			names[base] = f.add(base, file.Contents)
		}
	}
	return names, f.languages(abs, names)
}

// fromFirst is for the script that comes second: what it imports from outside of its folder is there already, and is
// taken from the first one, in which handed is the source that hands it on.
func fromFirst(handed []byte) api.Plugin {
	return api.Plugin{Name: "from the first script", Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: `^(preact|\.\./)`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			if !bytes.Contains(handed, []byte("'"+args.Path+"': ")) {
				return api.OnResolveResult{}, fmt.Errorf("%s does not hand on %q, which the second script imports", handedOn, args.Path)
			}
			return api.OnResolveResult{Path: args.Path, Namespace: "first"}, nil
		})
		build.OnLoad(api.OnLoadOptions{Filter: ".", Namespace: "first"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			text := fmt.Sprintf("module.exports = swarmgate.shared[%q];", args.Path)
			return api.OnLoadResult{Contents: &text}, nil
		})
	}}
}

// compile makes a script and a stylesheet of main.tsx and style.css in a folder.
func compile(abs, name, folder string, plugins []api.Plugin) ([]api.OutputFile, error) {
	result := api.Build(api.BuildOptions{
		EntryPointsAdvanced: []api.EntryPoint{
			{InputPath: folder + "/main.tsx", OutputPath: name},
			{InputPath: folder + "/style.css", OutputPath: name},
		},
		Plugins:           plugins,
		AbsWorkingDir:     abs,
		Outdir:            filepath.Join(abs, "dist"),
		Bundle:            true,
		Format:            api.FormatIIFE,
		Target:            api.ES2017,
		Engines:           []api.Engine{{Name: api.EngineChrome, Version: "58"}},
		JSX:               api.JSXAutomatic,
		JSXImportSource:   "preact",
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		TsconfigRaw:       "{}",
	})
	if len(result.Errors) > 0 {
		return nil, failed(result.Errors)
	}
	return result.OutputFiles, nil
}

// languages makes a script of each dictionary but the English one, which the page holds: a browser fetches one of them.
func (f files) languages(abs string, names map[string]string) error {
	dictionaries, err := filepath.Glob(filepath.Join(abs, "src/lang/*.ts"))
	if err != nil {
		return err
	}
	for _, path := range dictionaries {
		language := strings.TrimSuffix(filepath.Base(path), ".ts")
		if language == "en" {
			continue
		}
		result := api.Build(api.BuildOptions{
			Stdin: &api.StdinOptions{
				Contents:   fmt.Sprintf("import { %s } from './%[1]s';\nwindow.swarmgateWords = %[1]s;\n", language),
				ResolveDir: filepath.Dir(path),
			},
			AbsWorkingDir:     abs,
			Bundle:            true,
			Format:            api.FormatIIFE,
			Target:            api.ES2017,
			Charset:           api.CharsetUTF8,
			MinifyWhitespace:  true,
			MinifyIdentifiers: true,
			MinifySyntax:      true,
			TsconfigRaw:       "{}",
		})
		if len(result.Errors) > 0 {
			return failed(result.Errors)
		}
		names[language+".js"] = f.add(language+".js", result.OutputFiles[0].Contents)
	}
	return nil
}

// failed tells what esbuild complained of.
func failed(messages []api.Message) error {
	return errors.New(strings.Join(api.FormatMessages(messages, api.FormatMessagesOptions{Kind: api.ErrorMessage}), "\n"))
}

// index fills the names into src/index.html.
func index(dir string, names map[string]string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, "src/index.html"))
	if err != nil {
		return nil, err
	}
	for name, hashed := range names {
		mark := []byte("{{" + name + "}}")
		if !bytes.Contains(text, mark) {
			return nil, fmt.Errorf("src/index.html does not use %s", mark)
		}
		text = bytes.ReplaceAll(text, mark, []byte(hashed))
	}
	return text, nil
}

// pack compresses: the texts of the licences are as long as all else, and nobody reads them.
func pack(content []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a constant that exists
	_, _ = w.Write(content)                               // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// hashed puts a hash of content before the extension of name: app.js becomes
// app-0123456789.js.
func hashed(name string, content []byte) string {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:5]) + ext
}
