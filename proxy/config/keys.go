package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// EnvPrefix begins the names of environment variables: the key in capitals, with "_" for
// ".", behind it. "http.listen" is SWARMGATE_HTTP_LISTEN.
const EnvPrefix = "SWARMGATE_"

// field is one key of a Config.
type field struct {
	key     string // "http.listen"
	help    string
	section string // help of the section, at its first field
	value   reflect.Value
}

func (f *field) env() string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(f.key, ".", "_"))
}

// fields lists the keys of c in the order of the struct; [[channel]] is none.
func fields(c *Config) []field {
	return collect(reflect.ValueOf(c).Elem(), "", "")
}

func collect(v reflect.Value, prefix, section string) []field {
	var all []field
	for i := range v.NumField() {
		f, tag := v.Field(i), v.Type().Field(i).Tag
		key, help := prefix+tag.Get("toml"), tag.Get("help")
		_, owned := f.Addr().Interface().(encoding.TextUnmarshaler)
		switch {
		case help == "":
		case f.Kind() == reflect.Struct && !owned:
			all = append(all, collect(f, key+".", help)...)
		default:
			all = append(all, field{key, help, section, f})
			section = ""
		}
	}
	return all
}

// find returns the field of a key, nil if there is none.
func find(all []field, key string) *field {
	for i := range all {
		if all[i].key == key {
			return &all[i]
		}
	}
	return nil
}

// set reads the value from the text of a flag or of the environment. Items of a list are
// separated by spaces, line ends or commas; links, which may have commas in them, by spaces
// or line ends with or without a comma before.
func (f *field) set(s string) error {
	v := f.value
	if v.Kind() != reflect.Slice {
		return scan(v, strings.TrimSpace(s))
	}
	_, links := v.Interface().([]Link)
	items := strings.FieldsFunc(s, func(r rune) bool {
		return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == ',' && !links
	})
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if err := scan(list.Index(i), strings.TrimSuffix(item, ",")); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

func scan(v reflect.Value, s string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(s))
	}
	switch v.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is no whole number", s)
		}
		v.SetInt(n)
	default:
		v.SetString(s)
	}
	return nil
}

// wants tells what a key takes, for who wrote something of another type.
func wants(key string) string {
	c := Default()
	f := find(fields(&c), key)
	switch f.value.Kind() {
	case reflect.Bool:
		return "true or false, without quotes"
	case reflect.Int:
		return "a whole number, without quotes"
	case reflect.Slice:
		return `a list, as ["one", "two"]`
	}
	return fmt.Sprintf("text in quotes, as %s", literal(f.value))
}

// literal writes a value as TOML does.
func literal(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool, reflect.Int:
		return fmt.Sprint(v.Interface())
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = literal(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return quote(plain(v))
}

// plain writes a value that is one text.
func plain(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		if err != nil {
			return "" // none of our types fails
		}
		return string(b)
	}
	return fmt.Sprint(v.Interface())
}

// quote writes a TOML basic string (TOML 1.0, String).
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
