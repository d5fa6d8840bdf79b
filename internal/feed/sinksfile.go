package feed

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

// The kinds of sinks.
const (
	kindWebhook     = "webhook"
	kindReceiptGate = LedgerName
)

const (
	maxSinksFile = 1 << 20
	maxSinks     = 100
	// digestAbove is how many waiting events are told one by one where the file doesn't say.
	digestAbove = 50
)

// Sinks are what SINKS_FILE names.
type Sinks struct {
	Webhooks []WebhookConfig
	Ledger   *LedgerConfig // nil where it names none
}

// LedgerConfig is a sink of kind receiptgate.
type LedgerConfig struct{ Endpoint, Token, Source string }

// WebhookConfig is a sink of kind webhook.
type WebhookConfig struct {
	Name, URL    string
	Types        []model.EventType // none is all
	Tenants      []string          // none is all
	AllowPrivate bool              // addresses of this host and of private networks, and plain HTTP
	DigestAbove  int

	secrets     []string
	secretFiles []string
}

// sinksFile is the document; its members are what docs/events.md says.
type sinksFile struct {
	AllowedHosts []string    `json:"allowed_hosts"`
	Sinks        []sinkEntry `json:"sinks"`
}

type sinkEntry struct {
	Name         string            `json:"name"`
	Kind         string            `json:"kind"`
	URL          string            `json:"url"`
	Secret       texts             `json:"secret"`
	SecretFile   texts             `json:"secret_file"`
	Types        []model.EventType `json:"types"`
	Tenants      []string          `json:"tenants"`
	AllowPrivate bool              `json:"allow_private"`
	DigestAbove  *int              `json:"digest_above"`
	Token        string            `json:"token"`
	TokenFile    string            `json:"token_file"`
	SourceSystem string            `json:"source_system"`
}

// texts are one text, or a list of them.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	if jsontext.Value(b).Kind() == '"' {
		*t = make(texts, 1)
		return json.Unmarshal(b, &(*t)[0])
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// misplaced is what is wrong in the file, and where.
type misplaced struct {
	pointer string
	err     error
}

func (w *misplaced) Error() string { return strings.TrimPrefix(w.pointer, "/") + ": " + w.err.Error() }

// ReadSinks reads SINKS_FILE, in YAML or JSON. An error is one line with the place in it.
func ReadSinks(path string) (Sinks, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Sinks{}, fmt.Errorf("SINKS_FILE %q: %w", path, errors.Unwrap(err))
	}
	document, err := doc.ReadYAML(data, maxSinksFile)
	if err != nil {
		return Sinks{}, fmt.Errorf("SINKS_FILE %q: %s", path, errs.From(err).Message)
	}
	s, err := sinksOf(document.JSON, filepath.Dir(path))
	if e, ok := errors.AsType[*misplaced](err); ok {
		at := document.Positions([]string{e.pointer})[0]
		return Sinks{}, fmt.Errorf("SINKS_FILE %q, line %d, column %d: %s", path, max(at.Line, 1), max(at.Column, 1), e.Error())
	}
	return s, err
}

// sinksOf reads paths from dir, where the file is.
func sinksOf(document []byte, dir string) (s Sinks, err error) {
	f, err := decodeSinks(document)
	if err != nil {
		return s, err
	}
	if len(f.Sinks) == 0 || len(f.Sinks) > maxSinks {
		return s, &misplaced{"", fmt.Errorf("sinks must name 1 to %d: leave SINKS_FILE unset for none", maxSinks)}
	}
	names := map[string]bool{}
	for n, e := range f.Sinks {
		member, err := s.add(e, f.AllowedHosts, dir, names)
		if err != nil {
			return s, &misplaced{fmt.Sprintf("/sinks/%d", n) + member, err}
		}
	}
	return s, nil
}

// decodeSinks is strict: a misspelt filter must not tell all to everybody.
func decodeSinks(document []byte) (f sinksFile, err error) {
	err = json.Unmarshal(document, &f, json.RejectUnknownMembers(true))
	if err == nil {
		return f, nil
	}
	e, ok := errors.AsType[*json.SemanticError](err)
	if !ok || e.JSONPointer == "" {
		return f, &misplaced{"", errors.New("must be an object with the list sinks")}
	}
	at := string(e.JSONPointer)
	if !errors.Is(err, json.ErrUnknownName) {
		return f, &misplaced{at, errors.New("is not of the kind that it must be")}
	}
	name, known := at[strings.LastIndexByte(at, '/')+1:], members(sinksFile{})
	if strings.Count(at, "/") > 1 {
		known = members(sinkEntry{})
	}
	return f, &misplaced{at, errors.New("no such member" + errs.DidYouMean(name, known))}
}

func members(v any) (names []string) {
	for field := range reflect.TypeOf(v).Fields() {
		names = append(names, field.Tag.Get("json"))
	}
	return names
}

var sinkNames = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// add checks an entry; member is where an error is.
func (s *Sinks) add(e sinkEntry, allowed []string, dir string, names map[string]bool) (member string, err error) {
	switch {
	case !sinkNames.MatchString(e.Name):
		return "/name", errors.New("must be 1 to 63 of a-z 0-9 -")
	case names[e.Name]:
		return "/name", fmt.Errorf("%s is another sink's", e.Name)
	case e.Name == "outcomes" || e.Name == "events":
		return "/name", errors.New("is a name of MetaGate's own")
	case (e.Kind == kindReceiptGate) != (e.Name == LedgerName):
		return "/name", errors.New("receiptgate is the name of the sink of kind receiptgate, and of no other")
	case e.Kind != kindWebhook && e.Kind != kindReceiptGate:
		return "/kind", errors.New("must be webhook or receiptgate")
	}
	names[e.Name] = true
	u, err := url.Parse(e.URL)
	if err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Fragment != "" {
		return "/url", errors.New("must be a URL of https")
	}
	if n, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16); err != nil || n == 0 {
		return "/url", fmt.Errorf("%s is no port", u.Port())
	}
	if len(allowed) > 0 && !slices.ContainsFunc(allowed, func(h string) bool { return hostIs(u.Hostname(), h) }) {
		return "/url", fmt.Errorf("%s is none of allowed_hosts", u.Hostname())
	}
	if e.Kind == kindReceiptGate {
		return s.addLedger(e, dir)
	}
	if u.Scheme == "http" && !e.AllowPrivate {
		return "/url", errors.New("must be https, unless allow_private is set")
	}
	if e.Token != "" || e.TokenFile != "" || e.SourceSystem != "" {
		return "", errors.New("token, token_file and source_system are for kind receiptgate: a webhook is signed with secret or secret_file")
	}
	w := WebhookConfig{Name: e.Name, URL: e.URL, Types: e.Types, Tenants: e.Tenants, AllowPrivate: e.AllowPrivate, DigestAbove: digestAbove, secrets: e.Secret}
	for n, t := range e.Types {
		if !t.Valid() {
			return fmt.Sprintf("/types/%d", n), fmt.Errorf("%q is no type of events", t)
		}
	}
	if e.DigestAbove != nil {
		if w.DigestAbove = *e.DigestAbove; w.DigestAbove < 1 || w.DigestAbove > 10_000 {
			return "/digest_above", errors.New("must be between 1 and 10000")
		}
	}
	for _, f := range e.SecretFile {
		w.secretFiles = append(w.secretFiles, beside(dir, f))
	}
	if len(w.secrets)+len(w.secretFiles) == 0 {
		return "", errors.New("secret or secret_file is missing: make one with printf whsec_; openssl rand -base64 32")
	}
	if _, err := w.keys(); err != nil {
		if len(w.secretFiles) > 0 {
			return "/secret_file", err
		}
		return "/secret", err
	}
	s.Webhooks = append(s.Webhooks, w)
	return "", nil
}

func (s *Sinks) addLedger(e sinkEntry, dir string) (member string, err error) {
	if len(e.Secret)+len(e.SecretFile)+len(e.Types)+len(e.Tenants) > 0 || e.DigestAbove != nil {
		return "", errors.New("secret, secret_file, types, tenants and digest_above are for kind webhook")
	}
	if e.Token != "" && e.TokenFile != "" {
		return "/token_file", errors.New("is beside token: write one of them")
	}
	s.Ledger = &LedgerConfig{Endpoint: e.URL, Token: e.Token, Source: e.SourceSystem}
	if e.TokenFile != "" {
		data, err := os.ReadFile(beside(dir, e.TokenFile))
		if err != nil {
			return "/token_file", errors.Unwrap(err)
		}
		if s.Ledger.Token = strings.TrimSpace(string(data)); s.Ledger.Token == "" {
			return "/token_file", errors.New("there is no token in it")
		}
	}
	return "", nil
}

// keys are what an event is signed with now: files are read again each time.
func (w WebhookConfig) keys() (keys [][]byte, err error) {
	all := slices.Clone(w.secrets)
	for _, f := range w.secretFiles {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, errors.Unwrap(err))
		}
		all = append(all, strings.Fields(string(data))...)
	}
	for _, text := range all {
		encoded, ok := strings.CutPrefix(text, "whsec_")
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) < 24 || len(key) > 64 {
			return nil, errors.New("a secret must be whsec_ and 24 to 64 bytes in Base64")
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no secret in it")
	}
	return keys, nil
}

// hostIs reports whether a host is one, or *.one and below it.
func hostIs(host, pattern string) bool {
	host, pattern = strings.ToLower(strings.TrimSuffix(host, ".")), strings.ToLower(pattern)
	if below, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasPrefix(below, ".") && strings.HasSuffix(host, below)
	}
	return host == pattern
}

func beside(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
