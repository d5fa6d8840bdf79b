package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// sighting is what a packet shows of the world it was made of.
type sighting struct{ round, secret int }

// see reads a packet, and reports one that can't be of one world: round n's
// secret is written first, then one patch of the binding changes the rest.
func see(p *model.WelcomePacket) (sighting, error) {
	var policy struct{ Round int }
	if err := json.Unmarshal(p.Policy, &policy); err != nil {
		return sighting{}, err
	}
	secret, err := strconv.Atoi(p.RequiredEnv[0].RefName)
	if err != nil {
		return sighting{}, err
	}
	s := sighting{policy.Round, secret}
	side := s.round % 2
	if want := fmt.Sprint("side-", side); p.Profile != want || p.Manifest != want {
		return s, fmt.Errorf("round %d with profile %s and manifest %s", s.round, p.Profile, p.Manifest)
	}
	if s.round != s.secret && s.round != s.secret-1 {
		return s, fmt.Errorf("a mix of worlds: %+v", s)
	}
	if tag := recomputed(p); tag != p.PacketEtag {
		return s, fmt.Errorf("etag %s of a packet with %s", p.PacketEtag, tag)
	}
	return s, nil
}

// recomputed is the etag as contract 4 defines it, from the packet as it was received.
func recomputed(p *model.WelcomePacket) string {
	text, err := json.Marshal(p)
	if err != nil {
		return err.Error()
	}
	var stable map[string]json.RawMessage
	if err := json.Unmarshal(text, &stable); err != nil {
		return err.Error()
	}
	for _, name := range []string{"packet_id", "packet_etag", "issued_at", "manifest_version", "startup"} {
		delete(stable, name)
	}
	text, err = json.Marshal(stable)
	if err != nil {
		return err.Error()
	}
	canonical, err := doc.Canonical(text)
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

func TestAPacketIsOfOneWorldAndOfTheNewestOne(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const rounds, components = 50, 3
		l := newLab(t, a)
		var sides [2]model.BindingCreate
		for i := range sides {
			key := fmt.Sprint("side-", i)
			sides[i].ProfileID = apptest.Got(l.admin.CreateProfileWithResponse(t.Context(), nil, model.ProfileCreate{ProfileKey: key})).Is(t, 201).JSON201.ID.String()
			sides[i].ManifestID = apptest.Got(l.admin.CreateManifestWithResponse(t.Context(), nil, model.ManifestCreate{ManifestKey: key})).Is(t, 201).JSON201.ID.String()
		}
		secret := apptest.Got(l.admin.CreateSecretRefWithResponse(t.Context(), nil, model.SecretRefCreate{
			SecretKey: "s", RefKind: model.RefKindEnv, RefName: "0",
		})).Is(t, 201).JSON201.ID
		turn := func(round int) {
			apptest.Got(l.admin.UpdateSecretRefWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), secret.String(), nil,
				fmt.Appendf(nil, `{"ref_name":"%d"}`, round))).Is(t, 200)
			side := sides[round%2]
			apptest.Got(l.admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.binding.ID, nil,
				fmt.Appendf(nil, `{"profile_id":"%s","manifest_id":"%s","overrides":{"policy":{"round":%d}}}`, side.ProfileID, side.ManifestID, round))).Is(t, 200)
		}
		turn(1)

		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var wg sync.WaitGroup
		var mu sync.Mutex
		etags := map[sighting]string{}
		var wrong []error
		note := func(p *model.WelcomePacket, after sighting) sighting {
			s, err := see(p)
			mu.Lock()
			defer mu.Unlock()
			if tag, ok := etags[s]; ok && tag != p.PacketEtag {
				err = fmt.Errorf("two etags of %+v", s)
			}
			etags[s] = p.PacketEtag
			if s.round < after.round || s.secret < after.secret {
				err = fmt.Errorf("%+v after %+v", s, after)
			}
			if err != nil {
				wrong = append(wrong, err)
			}
			return s
		}
		for range components {
			wg.Go(func() {
				var last sighting
				for ctx.Err() == nil {
					p, status, err := l.persist(t.Context())
					if err != nil || status != 200 {
						mu.Lock()
						wrong = append(wrong, fmt.Errorf("%d: %w", status, err))
						mu.Unlock()
						return
					}
					last = note(p, last)
				}
			})
		}
		for round := 2; round <= rounds; round++ {
			turn(round)
			p, status, err := l.persist(t.Context())
			require.NoError(t, err)
			require.Equal(t, 200, status)
			require.Equal(t, sighting{round, round}, note(p, sighting{}), "the write before is answered")
		}
		stop()
		wg.Wait()
		require.Empty(t, wrong)
		tags := map[string]bool{}
		for _, tag := range etags {
			tags[tag] = true
		}
		require.Len(t, tags, len(etags), "worlds that differ have etags that differ")
	})
}
