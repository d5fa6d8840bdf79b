package errs

import (
	"strings"
)

// DidYouMean suggests the known name that a misspelt one is nearest to, as the end of
// a sentence; it is empty where none is near.
func DidYouMean(name string, known []string) string {
	if meant := Nearest(name, known); meant != "" {
		return ": did you mean " + meant + "?"
	}
	return ""
}

// Nearest is the known name that a misspelt one may stand for, with a typo in four
// letters at the most; it is empty where none is near.
func Nearest(name string, known []string) (meant string) {
	const longest = 64
	if len(name) > longest {
		return ""
	}
	near := 1 + len(name)/4
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < len(k) && (d < near || d == near && meant == "") {
			meant, near = k, d
		}
	}
	return meant
}

// distance is how many letters have to be put in, taken out or changed (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, corner+1, row[j]+1)
		}
	}
	return row[len(b)]
}
