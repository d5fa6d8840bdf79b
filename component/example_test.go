package component_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"testing"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

// TestMain has a MetaGate for the examples, where FromEnv finds it.
func TestMain(m *testing.M) {
	var c cleanups
	server := componenttest.NewServer(&c, `{
		"services": {"memorygate": {"type": "memorygate", "endpoint": "http://memorygate:8001/mcp", "config": {"auth": "api_key"}}},
		"required_env": [{"secret_key": "memorygate_key", "ref_kind": "env", "ref_name": "MEMORYGATE_KEY", "ref_meta": {}}]
	}`)
	for name, value := range map[string]string{
		"METAGATE_URL": server.URL, "METAGATE_API_KEY": server.Key, "METAGATE_COMPONENT": "indexer_01", "MEMORYGATE_KEY": "opens memorygate",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	status := m.Run()
	c.run()
	os.Exit(status)
}

// cleanups is what a componenttest.Server needs where there is no test.
type cleanups []func()

func (c *cleanups) Helper()                        {}
func (c *cleanups) Cleanup(f func())               { *c = append(*c, f) }
func (c *cleanups) Errorf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
func (c *cleanups) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

func (c *cleanups) run() {
	for _, f := range *c {
		f()
	}
}

func Example() {
	ctx := context.Background()
	s, err := component.Start(ctx, component.FromEnv())
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	memory, err := s.Service("memorygate")
	if err != nil {
		log.Panic(err) // Close reports it
	}
	fmt.Println("connected to", memory.Endpoint)
	if err := s.Ready(ctx); err != nil {
		log.Print(err)
	}
	// Output: connected to http://memorygate:8001/mcp
}

func ExampleStartup_Secret() {
	s, err := component.Start(context.Background(), component.FromEnv())
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	key, err := s.Secret("memorygate_key") // for each connection: it may have been rotated
	if err != nil {
		log.Panic(err)
	}
	fmt.Println("a key that", key)
	// Output: a key that opens memorygate
}

func ExampleStartup_Close() {
	run := func() {
		s, err := component.Start(context.Background(), component.FromEnv())
		if err != nil {
			log.Fatal(err)
		}
		defer s.Close() // reports FAILED: panic: port 8001 is taken
		panic("port 8001 is taken")
	}
	defer func() { fmt.Println("still panics:", recover()) }()
	run()
	// Output: still panics: port 8001 is taken
}

func ExampleStart_severalAddresses() {
	cfg := component.FromEnv()
	cfg.Addresses = append([]string{"http://127.0.0.1:1"}, cfg.Addresses...) // where nobody listens
	s, err := component.Start(context.Background(), cfg)
	if err != nil {
		log.Fatal(err) // names both addresses, and what went wrong at each
	}
	defer s.Close()
	fmt.Println(s.Packet().ComponentKey, s.Source())
	// Output: indexer_01 live
}
