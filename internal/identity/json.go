package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

var errNotObject = errors.New("not a JSON object in UTF-8")

// parseObject reads the members of one JSON object. Unlike decoding into a
// struct it tells "sub" from "SUB" and refuses a member that comes twice
// (RFC 7515 section 4, RFC 7519 section 4).
func parseObject(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, errNotObject
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	object := make(map[string]json.RawMessage)
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errNotObject
		}
		if _, ok := object[name]; ok {
			return nil, errors.New("a JSON member comes twice")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, errNotObject
		}
		object[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNotObject
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errNotObject
	}
	return object, nil
}

// parseText reads a JSON string; false for anything else, null and absence too.
func parseText(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// parseTexts reads a JSON list of strings; false for anything else.
func parseTexts(raw json.RawMessage) ([]string, bool) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	texts := make([]string, len(list))
	for i, item := range list {
		var ok bool
		if texts[i], ok = parseText(item); !ok {
			return nil, false
		}
	}
	return texts, true
}

// lastDate is the end of the year 9999: a date in milliseconds lies beyond it.
const lastDate = 253402300799

// parseDate reads a NumericDate (RFC 7519 section 2): seconds since 1970 as a
// JSON number, fractions allowed, up to the year 9999; false for anything else.
func parseDate(raw json.RawMessage) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(string(raw), 64) // refuses quotes and null
	if err != nil || seconds < 0 || seconds > lastDate {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}
