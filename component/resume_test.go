package component_test

import (
	"testing"

	"github.com/legivellum/metagate/component"
)

func TestAStartupIsReportedByAnotherProcessThanOpenedIt(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	for _, bad := range []string{"", "{", `{"component_key": "worker_1"}`, `{"component_key": "worker_2", "startup": {"startup_id": "x"}}`} {
		_, err := component.Resume(cfg, []byte(bad))
		says(t, err.Error(), "packet")
	}
	unnamed := cfg
	unnamed.Component = ""
	_, err := component.Resume(unnamed, []byte(`{"startup": {"startup_id": "x"}}`))
	says(t, err.Error(), "packet")

	first := start(t, cfg)
	for _, c := range []component.Config{cfg, unnamed} {
		s, err := component.Resume(c, first.Packet().Raw)
		noError(t, err)
		equal(t, s.ID(), first.ID())
		noError(t, s.Ready(t.Context()))
	}
	equal(t, only(t, server).Status, "READY")
	noError(t, first.Ready(t.Context())) // it is READY already, which is no contradiction
}
