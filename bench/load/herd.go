package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
)

// herdKey names what a herd leaves in the world.
const herdKey = "bench-herd"

// ColdStart creates n principals that the server has never seen, lets each
// bootstrap once, Concurrency at a time, and then looks the receipts up: each
// principal must have exactly one.
func (t Target) ColdStart(ctx context.Context, n int, sent *atomic.Int64) (Result, error) {
	admin, err := t.client()
	if err != nil {
		return Result{}, err
	}
	herd := fmt.Sprintf("%s-%s", herdKey, uuid.NewString()[:8])
	if err := populate(ctx, admin, herd, n, 1); err != nil {
		return Result{}, err
	}
	requests, err := t.credentials(ctx, admin, herd, n, sent)
	if err != nil {
		return Result{}, err
	}
	sent.Store(0)
	since := time.Now().Add(-time.Second).UTC()
	out, err := t.EachOnce(ctx, requests, sent)
	if err != nil {
		return out, err
	}
	lost, twice, err := receipts(ctx, admin, herd, since, n)
	out.Note = fmt.Sprintf("%d principals, each once, %d at a time; %d lost, %d twice", n, t.Concurrency, lost, twice)
	if err == nil && lost+twice > 0 {
		err = errors.New(out.Note)
	}
	return out, err
}

func principal(herd string, i int) string { return fmt.Sprintf("%s-%06d", herd, i) }

// populate applies a world of n principals, in pieces that any server takes.
func populate(ctx context.Context, admin *client.ClientWithResponses, herd string, n, profiles int) error {
	const piece = 5000
	for from := 0; from < n; from += piece {
		if err := apply(ctx, admin, crowd(herd, from, min(n, from+piece), profiles)); err != nil {
			return err
		}
	}
	return nil
}

// credentials issues an API key for each principal and prepares its request.
func (t Target) credentials(ctx context.Context, admin *client.ClientWithResponses, herd string, n int, sent *atomic.Int64) ([][]byte, error) {
	ids, err := t.find(ctx, admin, herd, n)
	if err != nil {
		return nil, err
	}
	requests := make([][]byte, n)
	failures := make([]error, t.Concurrency)
	var next atomic.Int64
	var group sync.WaitGroup
	for worker := range t.Concurrency {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && failures[worker] == nil; i = next.Add(1) - 1 {
				requests[i], failures[worker] = t.credential(ctx, admin, ids[i])
				sent.Add(1)
			}
		})
	}
	group.Wait()
	return requests, errors.Join(failures...)
}

func (t Target) credential(ctx context.Context, admin *client.ClientWithResponses, id uuid.UUID) ([]byte, error) {
	r, err := admin.CreateAPIKeyWithResponse(ctx, nil, model.APIKeyCreate{PrincipalID: id.String(), Name: herdKey})
	if err != nil {
		return nil, err
	}
	if r.JSON201 == nil {
		return nil, fmt.Errorf("no API key for the herd: %s", r.Body)
	}
	return t.request("/v1/bootstrap", r.JSON201.APIKey, nil, t.bootstrap())
}

// find pages through all principals for the herd's ids, in order.
func (t Target) find(ctx context.Context, admin *client.ClientWithResponses, herd string, n int) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, n)
	found := 0
	err := pages(ctx, func(cursor *string) (*http.Response, []byte, error) {
		r, err := admin.ListPrincipalsWithResponse(ctx, &model.ListPrincipalsParams{Limit: new(int64(1000)), Cursor: cursor})
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 != nil {
			for _, p := range *r.JSON200 {
				var i int
				if rest, ok := bytes.CutPrefix([]byte(p.PrincipalKey), []byte(herd+"-")); ok {
					if _, err := fmt.Sscanf(string(rest), "%d", &i); err == nil && i < n {
						ids[i] = p.ID
						found++
					}
				}
			}
		}
		return r.HTTPResponse, r.Body, nil
	})
	if err == nil && found != n {
		err = fmt.Errorf("found %d of %d principals of the herd", found, n)
	}
	return ids, err
}

// receipts counts the herd's principals without a receipt, and the surplus ones.
func receipts(ctx context.Context, admin *client.ClientWithResponses, herd string, since time.Time, n int) (lost, twice int, err error) {
	seen := map[string]int{}
	err = pages(ctx, func(cursor *string) (*http.Response, []byte, error) {
		r, err := admin.ListStartupsWithResponse(ctx, &model.ListStartupsParams{Limit: new(int64(1000)), Cursor: cursor, Since: &since})
		if err != nil {
			return nil, nil, err
		}
		if r.JSON200 != nil {
			for _, s := range *r.JSON200 {
				seen[s.PrincipalKey]++
			}
		}
		return r.HTTPResponse, r.Body, nil
	})
	for i := range n {
		switch k := seen[principal(herd, i)]; {
		case k == 0:
			lost++
		case k > 1:
			twice += k - 1
		}
	}
	return lost, twice, err
}
