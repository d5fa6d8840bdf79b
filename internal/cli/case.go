package cli

import "strings"

// upper is one of a few words in capitals, in whatever case it was written.
type upper string

// UnmarshalText is called by kong, before it compares with the enum.
func (u *upper) UnmarshalText(b []byte) error {
	*u = upper(strings.ToUpper(string(b)))
	return nil
}

// kind is a kind of resource, as the paths of the API have it.
type kind string

// UnmarshalText is called by kong: principal, Principals, secret_ref and keys will do.
func (k *kind) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*k = ""
		return nil
	}
	word := strings.ReplaceAll(strings.ToLower(string(b)), "_", "-")
	if word = strings.TrimSuffix(word, "s"); word == "key" || word == "apikey" {
		word = "api-key"
	}
	*k = kind(word + "s")
	return nil
}

// resourceType is what the API calls one of its kind: secret_ref.
func (k kind) resourceType() string {
	return strings.ReplaceAll(strings.TrimSuffix(string(k), "s"), "-", "_")
}
