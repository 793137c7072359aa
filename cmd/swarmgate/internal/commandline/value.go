package commandline

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// read puts the value that is written in text into v.
func read(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return read(v.Elem(), text)
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch k := v.Kind(); {
	case v.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf(`%q is no time span; write as "90s"`, text)
		}
		v.SetInt(int64(d))
	case k == reflect.String:
		v.SetString(text)
	case k == reflect.Bool:
		return readBool(v, text)
	default:
		return readNumber(v, text)
	}
	return nil
}

func readBool(v reflect.Value, text string) error {
	switch strings.ToLower(text) {
	case "true", "1", "yes":
		v.SetBool(true)
	case "false", "0", "no":
		v.SetBool(false)
	default:
		return fmt.Errorf("%q is neither true nor false", text)
	}
	return nil
}

func readNumber(v reflect.Value, text string) (err error) {
	what := "whole number"
	switch bits := v.Type().Bits(); v.Kind() {
	case reflect.Float32, reflect.Float64:
		what = "number"
		var f float64
		f, err = strconv.ParseFloat(text, bits)
		v.SetFloat(f)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var i int64
		i, err = strconv.ParseInt(text, 0, bits)
		v.SetInt(i)
	default:
		var u uint64
		u, err = strconv.ParseUint(text, 0, bits)
		if what += " from zero"; strings.HasPrefix(text, "-") {
			err = strconv.ErrSyntax
		}
		v.SetUint(u)
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%q is too large", text)
	case err != nil:
		return fmt.Errorf("%q is no %s", text, what)
	}
	return nil
}

// readPath makes a path absolute, ~/ being the user's folder, and looks whether it is there
// when it has to be an existing folder. The empty path and - stay as they are.
func readPath(path, kind string) (string, error) {
	if path == "" || path == "-" {
		return path, nil
	}
	if below, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, below)
		}
	}
	if absolute, err := filepath.Abs(path); err == nil && !filepath.IsAbs(path) {
		path = absolute
	}
	if kind != "existingdir" {
		return path, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("folder %s is not there; make it, or name another", path)
	case err != nil:
		return "", fmt.Errorf("folder %s can't be used: %w", path, err)
	case !info.IsDir():
		return "", fmt.Errorf("%s is no folder; name one", path)
	}
	return path, nil
}
