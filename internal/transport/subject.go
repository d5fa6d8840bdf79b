package transport

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// types are how RFC 4514 (section 3) calls what subjects are made of, spelt and with two more as
// OpenSSL has them. The others are numbers, their values in hex.
var types = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
	"1.2.840.113549.1.9.1": "emailAddress", "2.5.4.5": "serialNumber",
}

// subjectOf writes a subject as RFC 4514 does, from its last part to its first: as
// pkix.Name.String doesn't, which forgets their order and knows neither DC nor UID.
func subjectOf(der []byte) (string, error) {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &name); err != nil || len(rest) > 0 {
		return "", errors.New("the client certificate's subject can't be read")
	}
	var b strings.Builder
	for i, rdn := range slices.Backward(name) {
		for j, part := range slices.Backward(rdn) { // OpenSSL's order, where the RFC leaves it open
			if j < len(rdn)-1 {
				b.WriteByte('+')
			} else if i < len(name)-1 {
				b.WriteByte(',')
			}
			value, isText := part.Value.(string)
			short := types[part.Type.String()]
			if short == "" || !isText {
				raw, err := asn1.Marshal(part.Value)
				if err != nil {
					return "", errors.New("the client certificate's subject can't be read")
				}
				b.WriteString(part.Type.String() + "=#" + hex.EncodeToString(raw))
				continue
			}
			b.WriteString(short + "=" + escaped(value))
		}
	}
	return b.String(), nil
}

// escaped is a value by section 2.4 of the RFC.
func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		special := strings.IndexByte(`"+,;<>\`, s[i]) >= 0
		if special || (i == 0 && (s[i] == '#' || s[i] == ' ')) || (i == len(s)-1 && s[i] == ' ') {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
