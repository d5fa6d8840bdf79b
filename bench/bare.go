package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/legivellum/metagate/bench/load"
)

// startBare starts a handler that does nothing, in a process of its own like the
// real server.
func startBare(ctx context.Context, kind string) (*server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://127.0.0.1:" + port, cmd: exec.CommandContext(ctx, self, "bare", kind, "127.0.0.1:"+port)}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if _, err = s.get(ctx, "/"); err == nil {
			return s, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.stop()
	return nil, err
}

type bareCmd struct {
	Kind    string `arg:"" enum:"echo,http,ledger,silent"`
	Address string `arg:""`
}

// Run serves until it is interrupted.
func (c bareCmd) Run(ctx context.Context) error {
	handler := load.BareHTTP(make([]byte, packetBytes))
	switch c.Kind {
	case "echo":
		handler = load.BareEcho(make([]byte, packetBytes))
	case "ledger": // takes every receipt
		handler = load.BareHTTP([]byte(`{"jsonrpc":"2.0","id":1,"result":{"idempotent_replay":false}}`))
	case "silent": // answers nothing that is sent
		handler = load.Silent(ctx)
	}
	s := &http.Server{Addr: c.Address, Handler: handler, ReadHeaderTimeout: time.Second}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	return s.ListenAndServe()
}

// packetBytes is the demo world's packet.
const packetBytes = 1094
