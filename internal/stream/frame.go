package stream

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/sse"
	"github.com/legivellum/metagate/internal/store"
)

// The events that a stream itself makes, beside model.StreamType.
const (
	eventReset   = "reset"
	eventBye     = "bye"
	eventPacket  = "packet"
	eventRefused = "refused"
)

// The reasons of a model.StreamNotice.
const (
	reasonShutdown     = "shutdown"
	reasonSlow         = "slow"
	reasonUnauthorized = "unauthorized"
	reasonExpired      = "expired"
	reasonUnknown      = "unknown"
)

// frame is what may be told, made into text once for all who want it.
type frame struct {
	kind   model.StreamType
	tenant string
	change int64 // of a startup that changed; else 0
	time   int64 // of a startup whose deadline has passed; else 0
	seq    int64 // of an event; else 0
	bytes  int   // what it takes of the ring, about

	principal, component, profile, instance string // of a startup

	status                   model.StartupStatus
	deadline                 time.Time
	superseded, acknowledged bool

	once  sync.Once
	row   *store.StartupSession // of a startup, until it is text
	event *store.Event          // of an event, until it is text
	world model.WorldChange     // of a world
	data  []byte
}

// frameBytes is what a frame takes beside its row's documents, about.
const frameBytes = 1200

func startupFrame(row store.StartupSession) *frame {
	return &frame{
		kind: model.StreamTypeStartup, tenant: row.TenantKey, row: &row,
		principal: row.PrincipalKey, component: row.ComponentKey, profile: row.ProfileKey, instance: deref(row.InstanceID),
		status: model.StartupStatus(row.Status), deadline: row.DeadlineAt, superseded: row.SupersededAt != nil, acknowledged: row.AcknowledgedAt != nil,
		bytes: frameBytes + 2*(len(row.Health)+len(row.Details)+len(row.Labels)),
	}
}

func eventFrame(e store.Event) *frame {
	return &frame{kind: model.StreamTypeEvent, tenant: e.TenantKey, seq: e.Seq, event: &e, bytes: frameBytes + 2*len(e.Data)}
}

func worldFrame(tenant string, revision int64) *frame {
	return &frame{kind: model.StreamTypeWorld, tenant: tenant, world: model.WorldChange{TenantKey: tenant, Revision: revision}, bytes: frameBytes}
}

// text is made by the first who wants it.
func (h *Hub) text(f *frame) []byte {
	f.once.Do(func() {
		switch f.kind {
		case model.StreamTypeWorld:
			f.data = encode(f.world)
		case model.StreamTypeEvent:
			f.data, f.event = encode(h.Event(*f.event)), nil
		default:
			f.data, f.row = encode(h.Startup(*f.row)), nil
		}
	})
	return f.data
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// encode is JSON in one line.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // what has been read from the database is JSON
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func notice(reason, detail string) []byte {
	return encode(model.StreamNotice{Reason: reason, Detail: detail})
}

// Pauses of those who connect again: spread, as all do when a server goes.
const leastRetry, mostRetry = 500 * time.Millisecond, 5 * time.Second

func retry() []byte {
	return sse.AppendRetry(nil, leastRetry+rand.N(mostRetry-leastRetry)) //nolint:gosec // no secret
}
