package doc_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/legivellum/metagate/internal/doc"
)

const request = `{"component_key":"orders-api","principal_key":"test-component-001",` +
	`"last_packet_etag":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}`

// manifest is some 8 KB, the size of a large Welcome Packet.
var manifest = func() string {
	services := make([]string, 70)
	for i := range services {
		services[i] = fmt.Sprintf(`"svc-%d":{"url":"https://svc.internal:8443/v1","timeout_ms":2500,`+
			`"retry":{"max":5,"backoff":1.50},"tags":["a","b"]}`, i)
	}
	return `{"services":{` + strings.Join(services, ",") + `}}`
}()

func BenchmarkCheck(b *testing.B) {
	for name, document := range map[string]string{"request": request, "manifest": manifest} {
		b.Run(name, func(b *testing.B) {
			body := []byte(document)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := doc.Check(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCanonical(b *testing.B) {
	body := []byte(manifest)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := doc.Canonical(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMergePatch(b *testing.B) {
	body, patch := []byte(manifest), []byte(`{"services":{"svc-1":{"url":"https://other","retry":{"max":9}},"svc-2":null}}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := doc.MergePatch(body, patch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStdValid(b *testing.B) {
	body := []byte(manifest)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		json.Valid(body)
	}
}
