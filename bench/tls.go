package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/testdb"
)

type tlsCmd struct {
	Rounds int `default:"11" help:"How often each takes its turn."`
}

func (c tlsCmd) Validate() error {
	if c.Rounds < 1 {
		return errors.New("--rounds wants a positive number")
	}
	return nil
}

// Run measures bootstraps over plain HTTP beside those over TLS 1.3, each on connections
// that are kept. The load's own part of TLS is done on the same machine.
func (c tlsCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		trust, settings, err := certificate(dir)
		if err != nil {
			return err
		}
		fmt.Println("| engine | connections | what | figure | plain | TLS | TLS ÷ plain: median | lower quartile | upper quartile |")
		fmt.Println("|---|---|---|---|---|---|---|---|---|")
		for _, engine := range []string{"PostgreSQL", "SQLite"} {
			database := func(name string) (string, error) {
				if engine == "SQLite" {
					return "sqlite:" + filepath.Join(dir, name+".db"), nil
				}
				return cluster.URL(name), cluster.CreateDatabase(ctx, name, "")
			}
			if err := c.compare(ctx, engine, binary, database, trust, settings); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c tlsCmd) compare(
	ctx context.Context, engine, binary string, database func(string) (string, error), trust *tls.Config, settings []string,
) error {
	plain, secure := &server{url: "http"}, &server{url: "https", client: http.Client{Transport: &http.Transport{TLSClientConfig: trust}}}
	p := &pair{what: "bootstrap", servers: [2]*server{plain, secure}}
	defer func() {
		for _, s := range p.servers {
			if s.cmd != nil && s.cmd.Process != nil {
				s.stop()
			}
		}
	}()
	for i, s := range p.servers {
		url, err := database([]string{"plain", "tls"}[i])
		if err == nil {
			err = s.start(ctx, binary, url, [][]string{nil, settings}[i]...)
		}
		if err != nil {
			return err
		}
	}
	for _, connections := range []int{64, 256} {
		p.figures = [3][2][]float64{}
		p.prepare = func(ctx context.Context, s *server) (_ turn, err error) {
			t := load.Target{
				URL: s.url, TLS: trust, APIKeyHeader: "X-Api-Key", APIKey: s.key, Component: component, Concurrency: connections, Duration: pairTurn,
			}
			t.Kept, err = t.Open(ctx)
			return bootstraps(t), err
		}
		for round := range c.Rounds + 1 {
			progress("%s, %d connections: round %d of %d", engine, connections, round, c.Rounds)
			for turn := range p.servers {
				if err := p.turn(ctx, (turn+round)%2, round > 0); err != nil {
					return fmt.Errorf("%s: %w", engine, err)
				}
			}
		}
		p.print(engine, connections)
	}
	return nil
}

// certificate makes one for the loopback, of ECDSA P-256, and what the server and its
// clients are told of it.
func certificate(dir string) (trust *tls.Config, settings []string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	files := map[string]*pem.Block{"TLS_CERT_FILE": {Type: "CERTIFICATE", Bytes: der}, "TLS_KEY_FILE": {Type: "PRIVATE KEY", Bytes: secret}}
	trust = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}}
	trust.RootCAs.AppendCertsFromPEM(pem.EncodeToMemory(files["TLS_CERT_FILE"]))
	for name, block := range files {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, nil, err
		}
		settings = append(settings, name+"="+file)
	}
	return trust, settings, nil
}
