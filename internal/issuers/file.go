package issuers

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/files"
	"github.com/legivellum/metagate/internal/identity"
)

// Config says where a set of issuers comes from.
type Config struct {
	File  string           // ISSUERS_FILE, in YAML or JSON
	Taken string           // JWT_ISSUER, which no issuer of the file may be
	Plain bool             // DEBUG: http is good enough anywhere
	Now   func() time.Time // nil means time.Now

	Fallback identity.Tokens // asked about tokens of no issuer of the file

	transport http.RoundTripper // of tests
}

// file is the document; its members are what docs/identity.md says.
type file struct {
	Issuers []entry `json:"issuers"`
}

type entry struct {
	Name           string                    `json:"name"`
	Issuer         string                    `json:"issuer"`
	Audience       texts                     `json:"audience"`
	Discovery      string                    `json:"discovery"`
	JWKSURI        string                    `json:"jwks_uri"`
	JWKSFile       string                    `json:"jwks_file"`
	TrustDomain    string                    `json:"spiffe_trust_domain"`
	SPIFFEBundle   string                    `json:"spiffe_bundle"`
	CAFile         string                    `json:"ca_file"`
	TokenFile      string                    `json:"token_file"`
	Algorithms     []string                  `json:"algorithms"`
	Subject        string                    `json:"subject"`
	RequiredClaims map[string]jsontext.Value `json:"required_claims"`
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

// New reads the file and, where keys are in files, those; it asks no issuer: [Set.Run]
// does. An error is one line with the place in the file.
func New(c Config) (*Set, error) {
	data, err := files.Read(c.File)
	if err != nil {
		return nil, fmt.Errorf("ISSUERS_FILE %q: %w", c.File, err)
	}
	document, err := doc.ReadYAML(data, files.Max)
	if err != nil {
		return nil, fmt.Errorf("ISSUERS_FILE %q: %s", c.File, errs.From(err).Message)
	}
	s, err := c.set(document.JSON)
	if e, ok := errors.AsType[*wrong](err); ok {
		at := document.Positions([]string{e.pointer})[0]
		return nil, fmt.Errorf("ISSUERS_FILE %q, line %d, column %d: %s", c.File, max(at.Line, 1), max(at.Column, 1), e.Error())
	}
	return s, err
}

// wrong is what is wrong in the file, and where.
type wrong struct {
	pointer string
	err     error
}

func (w *wrong) Error() string { return strings.TrimPrefix(w.pointer, "/") + ": " + w.err.Error() }

func (c Config) set(document []byte) (*Set, error) {
	f, err := decode(document)
	if err != nil {
		return nil, err
	}
	if len(f.Issuers) == 0 {
		return nil, &wrong{"", errors.New("issuers names none: leave ISSUERS_FILE unset for none")}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Set{fallback: c.Fallback, byIss: map[string]*issuer{}, byDomain: map[string]*issuer{}}
	for n := range f.Issuers {
		if err := c.add(s, &f.Issuers[n], n); err != nil {
			return nil, err
		}
	}
	return s, s.apart()
}

// decode is strict: a misspelt member must not leave a door open.
func decode(document []byte) (f file, err error) {
	err = json.Unmarshal(document, &f, json.RejectUnknownMembers(true))
	if err == nil {
		return f, nil
	}
	e, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return f, &wrong{"", errors.New("must be an object with the list issuers")}
	}
	at := string(e.JSONPointer)
	if !errors.Is(err, json.ErrUnknownName) {
		return f, &wrong{at, errors.New("is not of the kind that it must be")}
	}
	name, known := at[strings.LastIndexByte(at, '/')+1:], membersOf(file{})
	if strings.Count(at, "/") > 1 {
		known = membersOf(entry{})
	}
	return f, &wrong{at, errors.New("no such member" + errs.DidYouMean(name, known))}
}

func membersOf(v any) (names []string) {
	for field := range reflect.TypeOf(v).Fields() {
		names = append(names, field.Tag.Get("json"))
	}
	return names
}

// apart keeps issuers from speaking for one another's principals: each is sole master
// of the subjects that begin with its name and a colon, and of the SPIFFE IDs of its
// trust domain.
func (s *Set) apart() error {
	for n, i := range s.all {
		if i.domain == "" {
			i.foreign = append(i.foreign, "spiffe://")
		}
		for _, other := range s.all {
			if other != i {
				i.foreign = append(i.foreign, other.name+":")
			}
		}
		for _, prefix := range i.foreign {
			if strings.HasPrefix(i.subject.prefix(), prefix) {
				return &wrong{fmt.Sprintf("/issuers/%d/subject", n), fmt.Errorf("begins with %s, which is another issuer's", prefix)}
			}
		}
	}
	return nil
}

// Overlaps names pairs of issuers that may speak for the same principal, since the file
// gives their subjects beginnings that don't tell them apart.
func (s *Set) Overlaps() (pairs []string) {
	for n, i := range s.all {
		for _, other := range s.all[n+1:] {
			a, b := i.begins(), other.begins()
			if (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) && !i.keepsOff(b) && !other.keepsOff(a) {
				pairs = append(pairs, i.name+" and "+other.name)
			}
		}
	}
	return pairs
}

// begins is what all its subjects begin with.
func (i *issuer) begins() string {
	if i.domain != "" && strings.HasPrefix(i.subject.text, "${sub}") {
		return "spiffe://" + i.domain + "/"
	}
	return i.subject.prefix()
}

// keepsOff reports whether no subject of the issuer may begin like that.
func (i *issuer) keepsOff(beginning string) bool {
	return slices.ContainsFunc(i.foreign, func(f string) bool { return strings.HasPrefix(beginning, f) })
}
