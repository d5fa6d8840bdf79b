package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
)

// Beside is what bootstraps met while admins wrote in their tenant.
type Beside struct {
	Bootstraps, Writes Result
	Stale              int64 // answers without what had been written before they were asked for
}

// BesideWriters lets n admins write without pause beside Concurrency bootstraps;
// APIKey is an admin's. Each admin in turn issues an API key, patches the manifest
// that the bootstraps use, binds a principal anew and patches another manifest.
func (t Target) BesideWriters(ctx context.Context, n int) (Beside, error) {
	w, bootstrap, err := t.writers(ctx, n)
	if err != nil {
		return Beside{}, err
	}
	look := lookout{target: t, key: bootstrap, told: w.told, connections: make([]sight, t.Concurrency)}
	var out Beside
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		out.Bootstraps, err = Run(ctx, t.load(look.next, look.want), new(atomic.Int64))
		return err
	})
	group.Go(func() (err error) {
		l := t.load(w.next, w.want)
		l.Concurrency = n
		out.Writes, err = Run(ctx, l, new(atomic.Int64))
		return err
	})
	err = group.Wait()
	out.Stale = look.stale.Load()
	return out, err
}

const (
	writersKey = "bench-writers" // names the principals: the first bootstraps, the others are written to
	spareKey   = "bench-spare"   // the manifest that nobody waits for
)

// writers are n admins; each has a connection.
type writers struct {
	target        Target
	principals    []uuid.UUID
	profile       uuid.UUID
	used, spare   uuid.UUID // manifests
	steps, number []int64   // of each: how far it is, and what it patches in
	told          []atomic.Int64
}

// writers prepares the world and a key of the principal that bootstraps.
func (t Target) writers(ctx context.Context, n int) (w writers, key string, err error) {
	admin, err := t.client()
	if err != nil {
		return w, "", err
	}
	world := crowd(writersKey, 0, n+1, 1)
	world.Manifests = append(world.Manifests, model.ManifestCreate{ManifestKey: spareKey})
	if err := apply(ctx, admin, world); err != nil {
		return w, "", err
	}
	w = writers{target: t, steps: make([]int64, n), number: make([]int64, n), told: make([]atomic.Int64, n)}
	if w.principals, err = t.find(ctx, admin, writersKey, n+1); err != nil {
		return w, "", err
	}
	profiles, err := admin.ListProfilesWithResponse(ctx, &model.ListProfilesParams{ProfileKey: new(herdKey)})
	if err != nil {
		return w, "", err
	}
	if profiles.JSON200 == nil || len(*profiles.JSON200) != 1 {
		return w, "", fmt.Errorf("no profile: %s", profiles.Body)
	}
	w.profile = (*profiles.JSON200)[0].ID
	used, errUsed := manifest(ctx, admin, herdKey)
	spare, errSpare := manifest(ctx, admin, spareKey)
	issued, err := admin.CreateAPIKeyWithResponse(ctx, nil, model.APIKeyCreate{PrincipalID: w.principals[0].String(), Name: herdKey})
	if err := errors.Join(errUsed, errSpare, err); err != nil {
		return w, "", err
	}
	if issued.JSON201 == nil {
		return w, "", fmt.Errorf("no API key: %s", issued.Body)
	}
	w.used, w.spare = used, spare
	return w, issued.JSON201.APIKey, nil
}

func manifest(ctx context.Context, admin *client.ClientWithResponses, key string) (uuid.UUID, error) {
	r, err := admin.ListManifestsWithResponse(ctx, &model.ListManifestsParams{ManifestKey: &key})
	if err != nil {
		return uuid.Nil, err
	}
	if r.JSON200 == nil || len(*r.JSON200) != 1 {
		return uuid.Nil, fmt.Errorf("no manifest %s: %s", key, r.Body)
	}
	return (*r.JSON200)[0].ID, nil
}

// next is what writer i writes now. Its patches name it, so that those of others
// take nothing away; the clock makes their numbers rise from one run to the next.
func (w *writers) next(i int) []byte {
	var path, body string
	method, media := http.MethodPost, "application/json"
	switch own := w.principals[i+1]; w.kind(i) {
	case 0:
		path, body = "api-keys", fmt.Sprintf(`{"principal_id":%q,"name":%q}`, own, writersKey)
	case patchesUsed:
		w.number[i] = time.Now().UnixMicro()
		method, media = http.MethodPatch, mergePatch
		path, body = "manifests/"+w.used.String(), fmt.Sprintf(`{"polling":{%q:{"%d":%d}}}`, writersKey, i, w.number[i])
	case 2:
		bound := w.used
		if w.steps[i]%8 >= 4 { // to and fro
			bound = w.spare
		}
		path, body = "bindings", fmt.Sprintf(`{"principal_id":%q,"profile_id":%q,"manifest_id":%q}`, own, w.profile, bound)
	default:
		method, media = http.MethodPatch, mergePatch
		path, body = "manifests/"+w.spare.String(), fmt.Sprintf(`{"polling":{%q:%d}}`, writersKey, w.steps[i])
	}
	h := http.Header{w.target.APIKeyHeader: {w.target.APIKey}, "Content-Type": {media}}
	request, _ := Request(method, w.target.URL+"/v1/admin/"+path, h, body) // Run has parsed the URL
	return request
}

const (
	patchesUsed = 1 // a kind of write
	mergePatch  = "application/merge-patch+json"
)

func (w *writers) kind(i int) int { return int((w.steps[i] + int64(i)) % 4) }

func (w *writers) want(i int, r *http.Response, _ []byte) bool {
	done := r.StatusCode == http.StatusOK || r.StatusCode == http.StatusCreated
	if done && w.kind(i) == patchesUsed {
		w.told[i].Store(w.number[i])
	}
	w.steps[i]++
	return done
}

// lookout bootstraps and holds each answer against what the writers had been told
// before it was asked for. Every other connection keeps the packet that it got
// last and sends its etag: a 304 says that this packet is still what it would get.
type lookout struct {
	target      Target
	key         string
	told        []atomic.Int64 // by writer: the number of its last patch that was answered
	connections []sight
	stale       atomic.Int64
}

type sight struct {
	atLeast []int64 // by writer
	etag    string
	shown   map[string]int64 // in the packet of etag
}

func (l *lookout) next(i int) []byte {
	c := &l.connections[i]
	c.atLeast = c.atLeast[:0]
	for w := range l.told {
		c.atLeast = append(c.atLeast, l.told[w].Load())
	}
	var known http.Header
	if i%2 == 1 && c.etag != "" {
		known = http.Header{"If-None-Match": {c.etag}}
	}
	request, _ := l.target.request("/v1/bootstrap", l.key, known, l.target.bootstrap()) // Run has parsed the URL
	return request
}

func (l *lookout) want(i int, r *http.Response, body []byte) bool {
	c := &l.connections[i]
	switch r.StatusCode {
	case http.StatusOK:
		c.etag, c.shown = r.Header.Get("Etag"), shown(body)
	case http.StatusNotModified:
	default:
		return false
	}
	for w, number := range c.atLeast {
		if c.shown[strconv.Itoa(w)] < number {
			l.stale.Add(1)
			break
		}
	}
	return true
}

// shown are the writers' numbers in a packet; of nothing else in it, as the load
// must not cost more than what it measures.
func shown(packet []byte) map[string]int64 {
	_, rest, found := bytes.Cut(packet, []byte(`"`+writersKey+`":{`))
	end := bytes.IndexByte(rest, '}')
	if !found || end < 0 {
		return nil
	}
	numbers := map[string]int64{}
	if json.Unmarshal([]byte("{"+string(rest[:end+1])), &numbers) != nil {
		return nil
	}
	return numbers
}
