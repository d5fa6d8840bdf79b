package feed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/store"
)

// cloudEvent is an event in the JSON format of CloudEvents 1.0; sequence and tenantkey are
// extensions.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              uuid.UUID       `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Sequence        string          `json:"sequence"`
	TenantKey       string          `json:"tenantkey,omitempty"`
	Data            json.RawMessage `json:"data"`
}

const (
	typePrefix = "metagate."
	typeDigest = typePrefix + "digest"
)

func cloudEventOf(e store.Event) cloudEvent {
	return cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: "urn:metagate:tenant:" + e.TenantKey, Type: typePrefix + e.Type, Subject: e.Subject,
		Time: e.OccurredAt, DataContentType: "application/json", Sequence: strconv.FormatInt(e.Seq, 10), TenantKey: e.TenantKey,
		Data: json.RawMessage(e.Data),
	}
}

// digest is the data of many events that were told as one.
type digest struct {
	Count    int            `json:"count"`
	Types    map[string]int `json:"types"`
	Tenants  map[string]int `json:"tenants"` // the first few
	FirstSeq int64          `json:"first_seq"`
	LastSeq  int64          `json:"last_seq"`
	FirstAt  time.Time      `json:"first_at"` // recorded
	LastAt   time.Time      `json:"last_at"`
	Read     string         `json:"read"` // where they are
}

// digestTenants is how many tenants are counted apart.
const digestTenants = 20

// digestOf sums up events, of which there is one at least, in their order.
func digestOf(sink string, all []store.Event) (cloudEvent, error) {
	first, last := all[0], all[len(all)-1]
	d := digest{
		Count: len(all), Types: map[string]int{}, Tenants: map[string]int{}, FirstSeq: first.Seq, LastSeq: last.Seq,
		FirstAt: first.RecordedAt, LastAt: last.RecordedAt, Read: fmt.Sprintf("/v1/admin/events?after=%d", first.Seq-1),
	}
	for _, e := range all {
		d.Types[e.Type]++
		if _, known := d.Tenants[e.TenantKey]; known || len(d.Tenants) < digestTenants {
			d.Tenants[e.TenantKey]++
		}
	}
	data, err := json.Marshal(d)
	return cloudEvent{ // the same again has the same id
		SpecVersion: "1.0", ID: uuid.NewSHA1(first.ID, fmt.Appendf(nil, "%s %d %d", sink, last.Seq, len(all))), Source: "urn:metagate", Type: typeDigest,
		Time: last.RecordedAt, DataContentType: "application/json", Sequence: strconv.FormatInt(last.Seq, 10), Data: data,
	}, err
}

// signatures are those of Standard Webhooks (v1, HMAC-SHA256), one for each key.
func signatures(keys [][]byte, id string, at time.Time, body []byte) string {
	var all []string
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
		_, _ = mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}
