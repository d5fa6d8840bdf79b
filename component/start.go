package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
// ended before. In all of these no startup is open that anybody knows of. A
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
	s := &Startup{caller: c, turn: make(chan struct{}, 1)}
	err = c.call(ctx, request{
		path: pathBootstrap, body: body, idempotencyKey: newID(c.clock.now()), budget: c.Budget,
		accept: func(body []byte) (err error) {
			s.packet, err = readPacket(body, c.Component)
			return err
		},
	})
	if err != nil {
		c.idle()
		return nil, fmt.Errorf("metagate: bootstrap of %s: %w", c.Component, err)
	}
	c.Logger.InfoContext(ctx, "startup is open", "startup_id", s.ID(), "component", c.Component,
		"profile", s.packet.Profile, "manifest", s.packet.Manifest, "deadline_at", s.Deadline())
	if missing := s.packet.missing(); missing != nil && !c.SkipSecretCheck {
		return nil, s.refuse(ctx, missing)
	}
	return s, nil
}

// refuse ends a startup whose secrets are missing.
func (s *Startup) refuse(ctx context.Context, missing *MissingError) error {
	err := fmt.Errorf("metagate: start of %s: %w", s.caller.Component, missing)
	reported := s.FailedWith(ctx, missing, map[string][]string{"missing": missing.Keys})
	if reported != nil {
		return errors.Join(err, reported)
	}
	return err
}
