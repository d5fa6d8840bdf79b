package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	pathBootstrap = "/v1/bootstrap"
	pathReady     = "/v1/startup/ready"
	pathFailed    = "/v1/startup/failed"
)

// bootstrapRequest is the body of POST /v1/bootstrap.
type bootstrapRequest struct {
	ComponentKey string            `json:"component_key"`
	PrincipalKey string            `json:"principal_key,omitempty"`
	InstanceID   string            `json:"instance_id,omitempty"`
	Host         string            `json:"host,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
}

// Start bootstraps: it returns once there is a packet, the startup that MetaGate has
// opened is OPEN, and all secrets that the packet requires are there.
//
// Its errors: what is wrong with cfg; a [*Problem] where MetaGate refused;
// [ErrUnavailable] where no address answered within cfg.Budget; ctx.Err() where ctx
// ended before. In all of these no startup is open that anybody knows of. ErrUnverified
// where the packet must not be believed, and ErrUnavailable where it can't be told for
// want of a new key: the startup is then reported FAILED. A
// [*MissingError] where secrets are missing: the startup is then reported FAILED with
// their names, or the error says that this failed, too.
func Start(ctx context.Context, cfg Config) (*Startup, error) {
	c, err := newCaller(cfg)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(bootstrapRequest{c.Component, c.Principal, c.InstanceID, c.Host, c.Labels})
	if err != nil {
		return nil, fmt.Errorf("metagate: bootstrap: %w", err)
	}
	kept, err := c.readKept()
	if err != nil { // nothing to start without MetaGate with, which may not be needed
		c.Logger.WarnContext(ctx, "no packet is on disk", "error", err)
	}
	s := &Startup{caller: c, turn: make(chan struct{}, 1), opened: c.clock.now().UTC().Truncate(time.Microsecond)}
	signature := ""
	err = c.call(ctx, request{
		path: pathBootstrap, body: body, idempotencyKey: newID(c.clock.now()), budget: c.Budget,
		accept: func(h http.Header, body []byte) (err error) {
			signature = h.Get(headerSignature)
			s.packet, err = readPacket(body, c.Component)
			return err
		},
	})
	if err != nil {
		c.forbid(ctx, kept, err)
		s, err = c.startOffline(ctx, kept, err)
	} else {
		c.Logger.InfoContext(ctx, "startup is open", "startup_id", s.ID(), "component", c.Component,
			"profile", s.packet.Profile, "manifest", s.packet.Manifest, "deadline_at", s.Deadline())
		if err := c.keep(ctx, s.packet, signature, kept, s.opened.Add(c.Budget)); err != nil {
			return nil, s.refuse(ctx, err, nil)
		}
		if c.outbox != nil {
			c.outbox.resume()
		}
	}
	if err != nil {
		c.idle()
		return nil, fmt.Errorf("metagate: bootstrap of %s: %w", c.Component, err)
	}
	if missing := s.packet.missing(); missing != nil && !c.SkipSecretCheck {
		return nil, s.refuse(ctx, missing, map[string][]string{"missing": missing.Keys})
	}
	return s, nil
}

// refuse ends a startup whose secrets are missing, or whose packet is not to be believed.
func (s *Startup) refuse(ctx context.Context, reason error, details any) error {
	err := fmt.Errorf("metagate: start of %s: %w", s.caller.Component, reason)
	reported := s.FailedWith(ctx, reason, details)
	s.caller.end()
	if reported != nil {
		return errors.Join(err, reported)
	}
	return err
}
