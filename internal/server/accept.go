package server

import (
	"mime"
	"strconv"
	"strings"
)

// quality is how much an Accept field wants a media type (RFC 9110, section 12.5.1):
// what the most specific range says that holds it. What can't be read is passed over.
func quality(accept []string, mediaType string) float64 {
	of, _, _ := strings.Cut(mediaType, "/")
	ranges := map[string]int{"*/*": 1, of + "/*": 2, mediaType: 3}
	best, specific := 0.0, 0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil || ranges[name] <= specific {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		best, specific = q, ranges[name]
	}
	return best
}
