package identity

import "slices"

// TypeAdmin is the principal_type that may use /v1/admin where nothing else is configured.
const TypeAdmin = "admin"

// Admins are the principals that may use /v1/admin. The zero value is those of
// [TypeAdmin].
type Admins struct {
	OfTypes []string // ADMIN_PRINCIPAL_TYPES
	Keys    []string // ADMIN_PRINCIPAL_KEYS
}

// Types are the principal_types of admins: at least one.
func (a Admins) Types() []string {
	if len(a.OfTypes) == 0 {
		return []string{TypeAdmin}
	}
	return a.OfTypes
}

// Are reports whether a principal is one of them.
func (a Admins) Are(principalType, principalKey string) bool {
	return slices.Contains(a.Types(), principalType) || slices.Contains(a.Keys, principalKey)
}

// Type is that of an admin who is to be made.
func (a Admins) Type() string {
	if types := a.Types(); !slices.Contains(types, TypeAdmin) {
		return types[0]
	}
	return TypeAdmin
}
