package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/legivellum/metagate/bench/load"
)

// startBare starts a handler that does nothing, in a process of its own like the
// real server: echo or http.
func startBare(ctx context.Context, kind string) (*server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://127.0.0.1:" + port, cmd: exec.CommandContext(ctx, os.Args[0])}
	s.cmd.Env = append(os.Environ(), bareEnv+"="+kind+" 127.0.0.1:"+port)
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

// bareEnv makes this program the bare server.
const bareEnv = "METAGATE_BENCH_BARE"

func bare(what string) {
	kind, address, _ := strings.Cut(what, " ")
	handler := load.BareHTTP(make([]byte, packetBytes))
	if kind == "echo" {
		handler = load.BareEcho(make([]byte, packetBytes))
	}
	s := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: time.Second}
	if err := s.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// packetBytes is the demo world's packet.
const packetBytes = 1094
