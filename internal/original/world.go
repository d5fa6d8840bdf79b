package original

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/legivellum/metagate/gen/model"
)

// World is a tenant's, as a server of ours takes it.
type World struct{ model.World }

// Document is the world as JSON.
func (w *World) Document() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // documents stay as they were written
	err := e.Encode(w.World)
	return out.Bytes(), err
}

// Leave takes out what the places are in: JSON Pointers into the document, each with
// what is wrong there. It says what that is in the original; places that are in none
// of its rows are passed over.
func (w *World) Leave(places []model.ProblemPlace) []Left {
	var left []Left
	gone := map[string]map[int]bool{}
	for _, p := range places {
		parts := strings.SplitN(p.Pointer, "/", 4)
		if len(parts) < 3 {
			continue
		}
		i, err := strconv.Atoi(parts[2])
		key, known := w.key(parts[1], i)
		if err != nil || !known {
			continue
		}
		l := Left{Tenant: w.TenantKey, Table: parts[1], Key: key, Why: p.Detail}
		if len(parts) == 4 {
			l.Pointer = "/" + parts[3]
		}
		left = append(left, l)
		if gone[l.Table] == nil {
			gone[l.Table] = map[int]bool{}
		}
		gone[l.Table][i] = true
	}
	w.SecretRefs = without(w.SecretRefs, gone["secret_refs"])
	w.Profiles = without(w.Profiles, gone["profiles"])
	w.Manifests = without(w.Manifests, gone["manifests"])
	w.Principals = without(w.Principals, gone["principals"])
	w.Bindings = without(w.Bindings, gone["bindings"])
	w.APIKeys = without(w.APIKeys, gone["api_keys"])
	return left
}

// key is how people know the i-th resource of a list.
func (w *World) key(list string, i int) (string, bool) {
	keys := map[string]func() string{
		"secret_refs": func() string { return w.SecretRefs[i].SecretKey },
		"profiles":    func() string { return w.Profiles[i].ProfileKey },
		"manifests":   func() string { return w.Manifests[i].ManifestKey },
		"principals":  func() string { return w.Principals[i].PrincipalKey },
		"bindings":    func() string { return w.Bindings[i].Principal },
		"api_keys":    func() string { return fmt.Sprintf("%s %q", w.APIKeys[i].Principal, w.APIKeys[i].Name) },
	}
	length := map[string]int{
		"secret_refs": len(w.SecretRefs), "profiles": len(w.Profiles), "manifests": len(w.Manifests),
		"principals": len(w.Principals), "bindings": len(w.Bindings), "api_keys": len(w.APIKeys),
	}
	if i < 0 || i >= length[list] {
		return "", false
	}
	return keys[list](), true
}

func without[T any](list []T, gone map[int]bool) []T {
	i := -1
	return slices.DeleteFunc(list, func(T) bool { i++; return gone[i] })
}
