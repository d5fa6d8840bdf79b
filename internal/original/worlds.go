package original

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/legivellum/metagate/gen/model"
)

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`) // in capitals it opens nothing there

// database sorts the rows into worlds, one for each tenant, and says what has no
// place in one. What a server of ours refuses beyond that, it says itself.
func (r *rows) database() *Database {
	d := &Database{}
	for _, s := range r.secretRefs {
		w := d.world(s.Tenant)
		w.SecretRefs = append(w.SecretRefs, model.SecretRefCreate{
			SecretKey: s.Key, RefKind: model.RefKind(s.Kind), RefName: s.Name, RefMeta: s.Meta, Status: model.SecretRefStatus(status(s.Active)),
		})
	}
	profiles, manifests, principals := map[string]profile{}, map[string]manifest{}, map[string]principal{}
	for _, p := range r.profiles {
		profiles[p.ID] = p
		w := d.world(p.Tenant)
		w.Profiles = append(w.Profiles, model.ProfileCreate{ProfileKey: p.Key, StartupSLASeconds: p.SLA, Capabilities: p.Capabilities, Policy: p.Policy})
	}
	for _, m := range r.manifests {
		manifests[m.ID] = m
		w := d.world(m.Tenant)
		w.Manifests = append(w.Manifests, model.ManifestCreate{
			ManifestKey: m.Key, DeploymentKey: m.Deployment, Version: m.Version,
			Environment: m.Environment, Services: m.Services, MemoryMap: m.MemoryMap, Polling: m.Polling, Schemas: m.Schemas,
		})
	}
	for _, p := range r.principals {
		principals[p.ID] = p
		w := d.world(p.Tenant)
		w.Principals = append(w.Principals, model.PrincipalCreate{
			PrincipalKey: p.Key, AuthSubject: p.Subject, PrincipalType: p.Type, Status: model.PrincipalStatus(status(p.Active)),
		})
	}
	active := map[string]bool{}
	for _, b := range r.bindings {
		p, known := principals[deref(b.Principal)]
		left := Left{Tenant: cmp.Or(p.Tenant, b.Tenant), Table: "bindings", Key: cmp.Or(p.Key, b.ID)}
		profile, hasProfile := profiles[deref(b.Profile)]
		manifest, hasManifest := manifests[deref(b.Manifest)]
		switch {
		case !b.Active:
			d.Idle.Bindings++
			continue
		case !known:
			left.Why = "it names no principal that is there"
		case !hasProfile:
			left.Why = "it names no profile that is there"
		case !hasManifest:
			left.Why = "it names no manifest that is there"
		case profile.Tenant != p.Tenant:
			left.Why = fmt.Sprintf("its profile is of tenant %q", profile.Tenant)
		case manifest.Tenant != p.Tenant:
			left.Why = fmt.Sprintf("its manifest is of tenant %q", manifest.Tenant)
		case active[p.ID]:
			left.Why = "the principal has a newer active one"
		default:
			active[p.ID] = true
			w := d.world(p.Tenant)
			overrides, places := overridesHere(b.Overrides, profile, manifest)
			for _, place := range places {
				left.Pointer, left.Why = string(place.pointer), place.why
				d.Left = append(d.Left, left)
			}
			w.Bindings = append(w.Bindings, model.WorldBinding{Principal: p.Key, Profile: profile.Key, Manifest: manifest.Key, Overrides: overrides})
			continue
		}
		d.Left = append(d.Left, left)
	}
	for _, k := range r.apiKeys {
		p, known := principals[deref(k.Principal)]
		left := Left{Tenant: cmp.Or(p.Tenant, k.Tenant), Table: "api_keys", Key: fmt.Sprintf("%s %q", cmp.Or(p.Key, k.ID), k.Name)}
		switch {
		case !k.Opens:
			d.Idle.APIKeys++
		case !known:
			left.Why = "it names no principal that is there"
			d.Left = append(d.Left, left)
		case strings.HasPrefix(k.Hash, "$2"):
			left.Why = "its hash is bcrypt's: issue a new key (metagate keys issue)"
			d.Left = append(d.Left, left)
		case !sha256Hex.MatchString(k.Hash):
			left.Why = "its hash is no SHA-256 in hex: issue a new key (metagate keys issue)"
			d.Left = append(d.Left, left)
		default:
			w := d.world(p.Tenant)
			w.APIKeys = append(w.APIKeys, model.WorldAPIKey{Principal: p.Key, Name: k.Name, Sha256: k.Hash, ExpiresAt: k.ExpiresAt})
		}
	}
	d.Worlds = slices.DeleteFunc(d.Worlds, func(w *World) bool {
		if w.TenantKey == "" { // which would mean the caller's own
			d.Left = append(d.Left, Left{Table: "tenants", Key: `""`, Why: "a tenant without a name, with all that is its"})
		}
		return w.TenantKey == ""
	})
	return d
}

// world is the tenant's, made when it is asked for first. A tenant with nothing to carry
// has none.
func (d *Database) world(tenant string) *World {
	i := slices.IndexFunc(d.Worlds, func(w *World) bool { return w.TenantKey == tenant })
	if i < 0 {
		i = len(d.Worlds)
		d.Worlds = append(d.Worlds, &World{model.World{TenantKey: tenant}})
	}
	return d.Worlds[i]
}

func status(active bool) string {
	if active {
		return "active"
	}
	return "disabled"
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
