package component

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// credentialName is what the key is called among systemd's credentials
// (systemd.exec(5), LoadCredential=).
const credentialName = "metagate-api-key"

// FromEnv is the configuration that the environment gives. What is wrong with it is
// told by Start.
//
//	METAGATE_URL             addresses of MetaGate, with commas between them
//	METAGATE_API_KEY         an API key or a JWT
//	METAGATE_API_KEY_FILE    the file that has it
//	METAGATE_API_KEY_HEADER  the header for an API key, X-API-Key by default
//	METAGATE_COMPONENT       the component_key
//	METAGATE_PRINCIPAL       the principal_key, a hint
//	METAGATE_INSTANCE_ID     which replica this is
//	METAGATE_LABELS          labels for the receipt: zone=eu,rack=7
//	METAGATE_BUDGET          how long Start tries: 5s, 1m30s
//	METAGATE_CACHE_DIR       where the packet is kept; "state" is systemd's $STATE_DIRECTORY
//	METAGATE_CACHE_MAX_AGE   how old a packet may be that is started with: 24h
//	METAGATE_VERIFY_KEYS_FILE  the JWK set that verifies packets
//
// Where neither METAGATE_API_KEY nor METAGATE_API_KEY_FILE is set, the file is
// $CREDENTIALS_DIRECTORY/metagate-api-key, if there is one: what
// LoadCredential=metagate-api-key:/etc/… of a systemd unit makes.
func FromEnv() Config {
	c := Config{
		APIKey:       os.Getenv("METAGATE_API_KEY"),
		APIKeyFile:   os.Getenv("METAGATE_API_KEY_FILE"),
		APIKeyHeader: os.Getenv("METAGATE_API_KEY_HEADER"),
		Component:    os.Getenv("METAGATE_COMPONENT"),
		Principal:    os.Getenv("METAGATE_PRINCIPAL"),
		InstanceID:   os.Getenv("METAGATE_INSTANCE_ID"),
		CacheDir:     os.Getenv("METAGATE_CACHE_DIR"),

		VerifyKeysFile: os.Getenv("METAGATE_VERIFY_KEYS_FILE"),
	}
	if c.CacheDir == "state" {
		// systemd lists all that StateDirectory= names: the first is the service's own
		if c.CacheDir, _, _ = strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); c.CacheDir == "" {
			c.err = errors.New("METAGATE_CACHE_DIR is state, and there is no STATE_DIRECTORY: set StateDirectory= in the unit")
		}
	}
	for name, d := range map[string]*time.Duration{"METAGATE_BUDGET": &c.Budget, "METAGATE_CACHE_MAX_AGE": &c.CacheMaxAge} {
		if text := os.Getenv(name); text != "" {
			var err error
			if *d, err = time.ParseDuration(text); err != nil || *d <= 0 {
				c.err = fmt.Errorf("%s %q: write it as 5s or 1m30s", name, text)
			}
		}
	}
	for address := range strings.SplitSeq(os.Getenv("METAGATE_URL"), ",") {
		if address = strings.TrimSpace(address); address != "" {
			c.Addresses = append(c.Addresses, address)
		}
	}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && c.APIKey == "" && c.APIKeyFile == "" {
		if file := filepath.Join(dir, credentialName); exists(file) {
			c.APIKeyFile = file
		}
	}
	if text := os.Getenv("METAGATE_LABELS"); text != "" {
		c.Labels = map[string]string{}
		for label := range strings.SplitSeq(text, ",") {
			name, value, found := strings.Cut(strings.TrimSpace(label), "=")
			if !found {
				c.err = fmt.Errorf("METAGATE_LABELS %q: write them as zone=eu,rack=7", text)
			}
			c.Labels[name] = value
		}
	}
	return c
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
